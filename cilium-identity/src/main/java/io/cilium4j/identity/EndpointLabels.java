// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Namespace;
import io.cilium4j.core.Pod;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.KubernetesSource;
import java.util.Map;
import java.util.Optional;

/**
 * The labels of endpoints: what Kubernetes or a container runtime tells of a pod, joined with its
 * namespace's labels; and those of them that make its identity.
 *
 * <p>Safe for use by several threads.
 */
public final class EndpointLabels {
  private static final Labels INIT = ReservedIdentity.INIT.identity().labels();
  private static final String INIT_KEY = INIT.sorted().getFirst().key();
  private static final String NAMESPACE = "io.kubernetes.pod.namespace";

  private final String clusterName;
  private final Optional<KubernetesSource> source;

  /**
   * Labels of the pods of one cluster.
   *
   * @param source of pods and namespaces; absent for nowhere
   */
  public EndpointLabels(String clusterName, Optional<KubernetesSource> source) {
    this.clusterName = clusterName;
    this.source = source;
  }

  private PodLabels.Origin origin(String namespace, String serviceAccount) {
    return new PodLabels.Origin(namespace, namespaceLabels(namespace), serviceAccount, clusterName);
  }

  private Map<String, String> namespaceLabels(String namespace) {
    return source
        .flatMap(each -> each.namespaces().get(namespace))
        .map(Namespace::labels)
        .orElse(Map.of());
  }

  /** A pod as Kubernetes knows it. */
  public Optional<Pod> pod(String namespace, String name) {
    return namespace.isEmpty()
        ? Optional.empty()
        : source.flatMap(each -> each.pods().get(new ResourceKey("Pod", namespace, name)));
  }

  /**
   * The pod of an endpoint as Kubernetes knows it, and not an earlier or later one of its name.
   *
   * @param endpointName as {@link Endpoint#name}
   * @param uid Kubernetes' id of the pod; empty where nobody told it
   */
  public Optional<Pod> podOf(String namespace, String endpointName, String uid) {
    return pod(namespace, Endpoint.kubernetesName(endpointName)).filter(pod -> isOf(uid, pod));
  }

  /** Whether it is this pod and not an earlier or later one of its name. */
  static boolean isOf(String uid, Pod pod) {
    return uid.isEmpty() || pod.uid().isEmpty() || uid.equals(pod.uid());
  }

  /** The labels of a pod that Kubernetes, or a program, tells of. */
  public Labels of(Pod pod) {
    return PodLabels.prepare(
        pod.labels(), origin(pod.namespace(), pod.serviceAccount()), pod.namedPorts());
  }

  /**
   * The labels of a pod of which its container runtime alone tells: what that says, with what the
   * cluster vouches for where it has a namespace. What only the cluster can say counts from nobody
   * else.
   *
   * <p>Of a pod of which the runtime says nothing and Kubernetes nothing yet, no more is known than
   * its namespace. It gets the label {@code reserved:init} until one of them does.
   */
  public Labels ofRuntime(String namespace, Labels byRuntime, Map<String, NamedPort> namedPorts) {
    Labels own =
        Labels.of(byRuntime.stream().filter(each -> !PodLabels.isSystemKey(each.key())).toList());
    if (namespace.isEmpty()) {
      return own;
    }
    PodLabels.Origin origin = origin(namespace, Pod.DEFAULT_SERVICE_ACCOUNT);
    Labels all = own.with(PodLabels.prepare(Map.of(), origin, namedPorts).sorted());
    return own.isEmpty() && source.isPresent() ? all.with(INIT.sorted()) : all;
  }

  /**
   * The labels of an endpoint of which its container runtime tells others than before.
   *
   * @param uid Kubernetes' id of its pod; empty where nobody told it
   * @throws IllegalArgumentException if Kubernetes knows its pod, with other labels
   */
  public Labels retold(Endpoint endpoint, String uid, Labels byRuntime) {
    Optional<Labels> known = podOf(endpoint.namespace(), endpoint.name(), uid).map(this::of);
    if (known.isEmpty()) {
      return ofRuntime(endpoint.namespace(), byRuntime, endpoint.namedPorts());
    }
    for (Label label : byRuntime) {
      if (!known.get().contains(label)) {
        throw new IllegalArgumentException(
            "label " + label + ": Kubernetes tells the labels of pod " + endpoint.podName());
      }
    }
    return known.get();
  }

  /** What was told of an endpoint, with the labels that its namespace has by now. */
  public Labels inNamespace(String namespace, Labels derived) {
    boolean isInIt =
        derived.value(LabelSource.K8S, NAMESPACE).filter(namespace::equals).isPresent();
    return isInIt ? PodLabels.withNamespaceLabels(derived, origin(namespace, "")) : derived;
  }

  /**
   * The labels that make an endpoint's identity.
   *
   * <p>An endpoint of which nothing is known yet gets an identity for that state, and no other
   * label: by its namespace alone it might be let through what it never would be. A user's labels
   * end that state; they add to what the orchestrator told and replace nothing of it.
   *
   * @param derived what Kubernetes or the container runtime told
   * @param user what a user added by hand; all of it counts
   * @param filter what of the former counts
   */
  public static Labels relevant(Labels derived, Labels user, LabelFilter filter) {
    Labels own = Labels.of(user.stream().filter(each -> isFree(each, derived)).toList());
    if (derived.hasReserved(INIT_KEY) && own.isEmpty()) {
      return INIT;
    }
    Labels told = Labels.of(derived.stream().filter(each -> !INIT.contains(each)).toList());
    Labels relevant = own.with(filter.relevant(told).sorted());
    return relevant.isEmpty() ? INIT : relevant;
  }

  private static boolean isFree(Label label, Labels derived) {
    return !LabelSource.isSystems(label.source())
        && !PodLabels.isSystemKey(label.key())
        && derived.get(label.key()).isEmpty();
  }

  /**
   * Refuses labels that a user may not give an endpoint.
   *
   * @throws IllegalArgumentException if the orchestrator tells a label of the same key, or may
   */
  public static void requireFree(Labels user, Labels derived) {
    for (Label label : user) {
      if (!isFree(label, derived)) {
        throw new IllegalArgumentException(
            "label " + label + ": it is not a user's to tell of this endpoint");
      }
    }
  }
}
