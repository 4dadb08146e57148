// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.manifest;

import io.cilium4j.core.Pod.Workload;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Who keeps a pod running, as far as its own manifest tells: its controller, or the deployment or
 * cron job that the controller's name betrays, by the conventions of Kubernetes.
 */
final class Workloads {

  private static final String TEMPLATE_HASH = "pod-template-hash";
  private static final String DEPLOYMENT_CONFIG = "deploymentconfig";

  /** A cron job's name, and when the job was due. */
  private static final Pattern CRON_JOB = Pattern.compile("(.+)-[0-9]{8,10}");

  private Workloads() {}

  /** Absent for a pod that was made by hand. */
  static Optional<Workload> of(Map<String, @Nullable Object> metadata, Map<String, String> labels)
      throws ManifestException {
    boolean isGenerated =
        Fields.text(metadata, "metadata", "generateName")
            .filter(name -> !name.isEmpty())
            .isPresent();
    if (!isGenerated) {
      return Optional.empty();
    }
    for (Object owner : Fields.list(metadata, "metadata", "ownerReferences")) {
      String path = "metadata.ownerReferences[]";
      if (Fields.flag(owner, path, "controller")) {
        String kind = Fields.text(owner, path, "kind").orElse("");
        String name = Fields.text(owner, path, "name").orElse("");
        return name.isEmpty() ? Optional.empty() : Optional.of(behind(kind, name, labels));
      }
    }
    return Optional.empty();
  }

  private static Workload behind(String kind, String name, Map<String, String> labels) {
    String hash = labels.getOrDefault(TEMPLATE_HASH, "");
    if (kind.equals("ReplicaSet") && !hash.isEmpty() && name.endsWith("-" + hash)) {
      return new Workload("Deployment", name.substring(0, name.length() - hash.length() - 1));
    }
    String config = labels.getOrDefault(DEPLOYMENT_CONFIG, "");
    if (kind.equals("ReplicationController") && !config.isEmpty()) {
      return new Workload("DeploymentConfig", config);
    }
    Matcher job = CRON_JOB.matcher(name);
    return kind.equals("Job") && job.matches()
        ? new Workload("CronJob", job.group(1))
        : new Workload(kind, name);
  }
}
