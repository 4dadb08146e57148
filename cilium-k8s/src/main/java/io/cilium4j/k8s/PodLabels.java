// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Protocol;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The labels that policies see of a pod: its own, and what the cluster vouches for. Own labels
 * under the system's prefix are dropped, and the system's are laid over the rest, so that nobody
 * can pass for a pod of another namespace by writing so.
 */
final class PodLabels {

  /** The label that every namespace has. */
  static final String METADATA_NAME = "kubernetes.io/metadata.name";

  private static final String SYSTEM_PREFIX = "io.cilium.k8s";
  private static final String NAMESPACE = "io.kubernetes.pod.namespace";
  private static final String NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels.";
  private static final String SERVICE_ACCOUNT = "io.cilium.k8s.policy.serviceaccount";
  private static final String CLUSTER = "io.cilium.k8s.policy.cluster";
  private static final String NAMED_PORTS = "io.cilium.k8s.named-ports";

  /** Longest value of a label in Kubernetes, in characters. */
  private static final int MAX_VALUE_CHARS = 63;

  private PodLabels() {}

  /**
   * The prepared labels.
   *
   * @param namespaceLabels those of the pod's namespace
   */
  static Labels prepare(
      Manifest.PodManifest manifest, Map<String, String> namespaceLabels, String clusterName) {
    var labels = new ArrayList<Label>();
    manifest
        .ownLabels()
        .forEach((key, value) -> {
          if (!key.startsWith(SYSTEM_PREFIX)) {
            labels.add(Label.k8s(key, value));
          }
        });
    namespaceLabels.forEach((key, value) -> labels.add(Label.k8s(NAMESPACE_LABELS + key, value)));
    labels.add(Label.k8s(NAMESPACE, manifest.pod().namespace()));
    labels.add(Label.k8s(SERVICE_ACCOUNT, manifest.serviceAccount()));
    labels.add(Label.k8s(CLUSTER, clusterName));
    labels.addAll(namedPorts(manifest.pod().namedPorts()));
    return Labels.of(labels);
  }

  /**
   * The named ports as labels, so that pods of one identity name the same ports: {@code
   * name.PROTOCOL.port} items in the order of names, joined by {@code _}, as many labels as it
   * takes.
   */
  static List<Label> namedPorts(Map<String, Endpoint.NamedPort> ports) {
    var labels = new ArrayList<Label>();
    var value = new StringBuilder();
    for (Map.Entry<String, Endpoint.NamedPort> port : new TreeMap<>(ports).entrySet()) {
      String item =
          port.getKey()
              + "."
              + Protocol.nameOf(port.getValue().protocol())
              + "."
              + port.getValue().port();
      if (!value.isEmpty() && value.length() + 1 + item.length() > MAX_VALUE_CHARS) {
        labels.add(label(labels.size(), value));
        value.setLength(0);
      }
      value.append(value.isEmpty() ? "" : "_").append(item);
    }
    if (!value.isEmpty()) {
      labels.add(label(labels.size(), value));
    }
    return labels;
  }

  private static Label label(int number, CharSequence value) {
    String key = number == 0 ? NAMED_PORTS : NAMED_PORTS + "-" + number;
    return new Label(LabelSource.GEN, key, value.toString());
  }
}
