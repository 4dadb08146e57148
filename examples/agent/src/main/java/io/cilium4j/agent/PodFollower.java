// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Namespace;
import io.cilium4j.core.Pod;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps endpoints in line with their pods: labels and named ports are those that Kubernetes has by
 * now, also where a container runtime was quicker than Kubernetes and the endpoint came first.
 *
 * <p>It follows endpoints that a container runtime made; a program that makes endpoints itself
 * tells their labels itself. The labels of its namespace each endpoint follows, also one whose pod
 * Kubernetes does not know. One thread does all of it, since each change waits until it is
 * enforced.
 */
final class PodFollower implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(PodFollower.class);

  /** Wait before an endpoint is tried again that could not be changed. */
  private static final Duration RETRY = Duration.ofSeconds(5);

  private final Table<ResourceKey, Pod> pods;
  private final Table<String, Namespace> namespaces;
  private final EndpointLabels labels;
  private final Table<Integer, Endpoint> endpoints;
  private final EndpointManager manager;
  private final Scheduler scheduler;

  private volatile @Nullable Watch<ResourceKey, Pod> podWatch;
  private volatile @Nullable Watch<String, Namespace> namespaceWatch;
  private volatile @Nullable Watch<Integer, Endpoint> endpointWatch;

  /** Whether all namespaces were told; a namespace not told before that may have labels. */
  private boolean namespacesKnown;

  /**
   * @param scheduler the thread on which it works
   */
  PodFollower(
      KubernetesSource source,
      EndpointLabels labels,
      Table<Integer, Endpoint> endpoints,
      EndpointManager manager,
      Scheduler scheduler) {
    this.pods = source.pods();
    this.namespaces = source.namespaces();
    this.labels = labels;
    this.endpoints = endpoints;
    this.manager = manager;
    this.scheduler = scheduler;
  }

  @Override
  public void start() {
    podWatch = pods.watch(() -> scheduler.execute(this::look));
    namespaceWatch = namespaces.watch(() -> scheduler.execute(this::look));
    endpointWatch = endpoints.watch(() -> scheduler.execute(this::look));
    // What came between the two.
    scheduler.execute(this::look);
  }

  @Override
  public void stop() {
    if (podWatch != null) {
      podWatch.close();
    }
    if (namespaceWatch != null) {
      namespaceWatch.close();
    }
    if (endpointWatch != null) {
      endpointWatch.close();
    }
  }

  private void look() {
    if (podWatch == null
        || podWatch.isClosed()
        || namespaceWatch == null
        || endpointWatch == null) {
      return;
    }
    Set<ResourceKey> changedPods = new HashSet<>();
    podWatch.poll().list().forEach(change -> changedPods.add(change.key()));
    Set<String> changedNamespaces = new HashSet<>();
    namespaceWatch.poll().list().forEach(change -> changedNamespaces.add(change.key()));
    Set<Integer> ids = new TreeSet<>();
    endpointWatch.poll().list().stream()
        .filter(Change.Put.class::isInstance)
        .forEach(change -> ids.add(change.key()));
    if (!changedPods.isEmpty() || !changedNamespaces.isEmpty()) {
      for (Row<Integer, Endpoint> row : endpoints.snapshot()) {
        if (changedPods.contains(podOf(row.value()))
            || changedNamespaces.contains(row.value().namespace())) {
          ids.add(row.key());
        }
      }
    }
    if (!namespacesKnown && namespaces.snapshot().isInitialised()) {
      namespacesKnown = true;
      endpoints.snapshot().forEach(row -> ids.add(row.key()));
    }
    ids.forEach(this::follow);
  }

  /** The pod of an endpoint; of a pod with several devices, each endpoint has the one pod. */
  private static ResourceKey podOf(Endpoint endpoint) {
    String name = EndpointAttachment.kubernetesName(endpoint.name());
    return new ResourceKey("Pod", endpoint.namespace(), name);
  }

  private void follow(int id) {
    Optional<Endpoint> endpoint = endpoints.get(id);
    Optional<EndpointDetails> details = manager.details().get(id);
    if (endpoint.isEmpty() || details.isEmpty()) {
      return;
    }
    Names names = details.get().names();
    Optional<Pod> pod =
        names.equals(Names.NONE)
            ? Optional.empty()
            : pods.get(podOf(endpoint.get())).filter(each -> isOf(names, each));
    String namespace = endpoint.get().namespace();
    Labels derived = details.get().derivedLabels();
    if (pod.isEmpty() && !namespacesKnown) {
      return;
    }
    Labels now = pod.map(Pod::labels).orElseGet(() -> labels.inNamespace(namespace, derived));
    Map<String, NamedPort> ports = pod.map(Pod::namedPorts).orElse(endpoint.get().namedPorts());
    if (derived.equals(now) && endpoint.get().namedPorts().equals(ports)) {
      return;
    }
    try {
      boolean followed =
          pod.isPresent()
              ? manager.followPod(id, pod.get())
              : manager.changeLabels(
                  id,
                  present ->
                      present.withDerivedLabels(
                          labels.inNamespace(namespace, present.derivedLabels())),
                  EndpointLabels::relevant);
      if (followed) {
        LOG.info("endpoint follows its pod id={} pod={}", id, endpoint.get().podName());
      }
    } catch (RuntimeException e) {
      LOG.warn(
          "endpoint does not follow its pod id={} pod={} retry-in={} error=\"{}\"",
          id,
          endpoint.get().podName(),
          RETRY,
          e.getMessage());
      scheduler.schedule(RETRY, () -> follow(id));
    }
  }

  /** Whether it is this pod and not an earlier or later one of its name. */
  static boolean isOf(Names names, Pod pod) {
    return names.podUid().isEmpty() || pod.uid().isEmpty() || names.podUid().equals(pod.uid());
  }
}
