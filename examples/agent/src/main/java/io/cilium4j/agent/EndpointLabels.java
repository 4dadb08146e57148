// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Labels;
import io.cilium4j.core.Namespace;
import io.cilium4j.core.Pod;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.identity.LabelFilter;
import java.util.Map;
import java.util.Optional;

/**
 * The labels that an endpoint has from the start, and those of them that make its identity.
 *
 * <p>Safe for use by several threads.
 */
final class EndpointLabels {
  private final String clusterName;
  private final Optional<KubernetesSource> source;

  /**
   * @param source of pods and namespaces; absent for nowhere
   */
  EndpointLabels(String clusterName, Optional<KubernetesSource> source) {
    this.clusterName = clusterName;
    this.source = source;
  }

  /** The labels of a pod that a program tells of. */
  PreparedLabels of(EndpointRequest pod) {
    return prepared(
        PodLabels.prepare(
            pod.labels(),
            new PodLabels.Origin(
                pod.namespace(),
                namespaceLabels(pod.namespace()),
                pod.serviceAccount(),
                clusterName),
            pod.namedPorts()));
  }

  private Map<String, String> namespaceLabels(String namespace) {
    return source
        .flatMap(each -> each.namespaces().get(namespace))
        .map(Namespace::labels)
        .orElse(Map.of());
  }

  /** A pod as Kubernetes knows it. */
  Optional<Pod> pod(String namespace, String name) {
    return namespace.isEmpty()
        ? Optional.empty()
        : source.flatMap(each -> each.pods().get(new ResourceKey("Pod", namespace, name)));
  }

  /**
   * The labels of an endpoint that a container runtime tells of: those of its pod where Kubernetes
   * knows it; else what the runtime says, with what the cluster vouches for where it has a
   * namespace.
   */
  PreparedLabels of(EndpointAttachment wanted) {
    Optional<Pod> pod = podOf(wanted);
    if (pod.isPresent()) {
      return prepared(pod.get().labels());
    }
    if (wanted.namespace().isEmpty()) {
      return prepared(wanted.labels());
    }
    Labels vouched =
        PodLabels.prepare(
            Map.of(),
            new PodLabels.Origin(
                wanted.namespace(),
                namespaceLabels(wanted.namespace()),
                EndpointRequest.DEFAULT_SERVICE_ACCOUNT,
                clusterName),
            wanted.namedPorts());
    return prepared(wanted.labels().with(vouched.sorted()));
  }

  /** With the named ports of its pod where Kubernetes knows it. */
  EndpointAttachment withPortsOfPod(EndpointAttachment wanted) {
    return podOf(wanted).map(pod -> wanted.withNamedPorts(pod.namedPorts())).orElse(wanted);
  }

  private Optional<Pod> podOf(EndpointAttachment wanted) {
    return pod(wanted.namespace(), wanted.kubernetesName())
        .filter(pod -> PodFollower.isOf(wanted.names(), pod));
  }

  private static PreparedLabels prepared(Labels all) {
    return new PreparedLabels(all, relevant(all, Labels.EMPTY));
  }

  /** An endpoint of which nothing is known yet gets an identity for that state. */
  private static Labels relevant(Labels derived, Labels user) {
    Labels relevant = LabelFilter.DEFAULT.relevant(derived).with(user.sorted());
    return relevant.isEmpty() ? ReservedIdentity.INIT.identity().labels() : relevant;
  }

  /** The labels that make an endpoint's identity. */
  static Labels relevant(EndpointDetails details) {
    return relevant(details.derivedLabels(), details.userLabels());
  }
}
