// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.daemon.DaemonOption.Adder;
import io.cilium4j.daemon.DaemonOption.Group;
import io.cilium4j.daemon.DaemonOption.Kind;
import io.cilium4j.k8s.api.ApiOptions;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** How the Kubernetes API is reached, as options say. */
final class KubernetesOptions {

  private KubernetesOptions() {}

  /** Adds the options of the Kubernetes API. */
  static void addTo(Adder all) {
    Group group = Group.KUBERNETES;
    all.add(
        group,
        "enable-k8s",
        Kind.TRUTH,
        "false",
        "use the Kubernetes API as the pod's service account; implied by each k8s- option below");
    all.add(group, "k8s-kubeconfig-path", Kind.PATH, "", "kubeconfig file for the Kubernetes API");
    all.add(
        group,
        "k8s-api-server-urls",
        Kind.TEXT,
        "",
        "URLs of the Kubernetes API, separated by commas; default: from the kubeconfig or the pod");
    all.add(group, "k8s-api-server", Kind.TEXT, "", "older name of k8s-api-server-urls");
    all.add(
        group,
        "k8s-client-qps",
        Kind.TEXT,
        "10",
        "largest number of requests per second to the Kubernetes API");
    all.add(
        group,
        "k8s-client-burst",
        Kind.TEXT,
        "20",
        "largest burst of requests to the Kubernetes API");
    all.add(
        group,
        "k8s-namespace",
        Kind.TEXT,
        "",
        "namespace of the agent; default: that of its service account");
  }

  /** Whether the agent is to ask it: where one of its options is given. */
  static boolean isOn(DaemonSettings settings) {
    return settings.isOn("enable-k8s")
        || !settings.text("k8s-kubeconfig-path").isEmpty()
        || !servers(settings).isEmpty();
  }

  private static String servers(DaemonSettings settings) {
    String several = settings.text("k8s-api-server-urls");
    return several.isEmpty() ? settings.text("k8s-api-server") : several;
  }

  /**
   * The options of what asks it; absent if nothing is to.
   *
   * @throws OptionException if they make no sense, or contradict others
   */
  static Optional<Map<String, String>> read(DaemonSettings settings) {
    if (!isOn(settings)) {
      return Optional.empty();
    }
    for (String other : Set.of("cluster-store", "static-cnp-path", "kubernetes-source")) {
      if (!settings.text(other).isEmpty()) {
        throw new OptionException(other + ": not beside the options of the Kubernetes API (k8s-…)");
      }
    }
    Map<String, String> options = new TreeMap<>();
    options.put(ApiOptions.KUBECONFIG, settings.text("k8s-kubeconfig-path"));
    options.put(ApiOptions.SERVERS, servers(settings));
    options.put(ApiOptions.QPS, settings.text("k8s-client-qps"));
    options.put(ApiOptions.BURST, settings.text("k8s-client-burst"));
    options.put(ApiOptions.NAMESPACE, settings.text("k8s-namespace"));
    check(options);
    return Optional.of(Map.copyOf(options));
  }

  /** So that what is wrong is said as that of an option, before anything is started. */
  static ApiOptions check(Map<String, String> options) {
    try {
      return ApiOptions.read(options, Set.of());
    } catch (IllegalArgumentException e) {
      throw new OptionException("k8s: " + e.getMessage());
    }
  }
}
