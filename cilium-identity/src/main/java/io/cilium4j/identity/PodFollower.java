// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

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
import java.util.function.UnaryOperator;
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
public final class PodFollower implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(PodFollower.class);

  /** Wait before an endpoint is tried again that could not be changed. */
  private static final Duration RETRY = Duration.ofSeconds(5);

  /** The endpoints that follow. */
  public interface Endpoints {

    /** The endpoints, by id. */
    Table<Integer, Endpoint> table();

    /** What was told of an endpoint; absent if there is none of this id. */
    Optional<Told> told(int id);

    /**
     * Gives an endpoint other labels and named ports, and waits until that is enforced.
     *
     * @param labels its labels from those that were told of it
     * @return false if there is no such endpoint
     */
    boolean change(
        int id, UnaryOperator<Labels> labels, UnaryOperator<Map<String, NamedPort>> namedPorts);
  }

  /**
   * What was told of an endpoint.
   *
   * @param labels all its labels, relevant to its identity or not
   * @param byRuntime whether a container runtime made it
   * @param podUid Kubernetes' id of its pod; empty where nobody told it
   */
  public record Told(Labels labels, boolean byRuntime, String podUid) {}

  private final Table<ResourceKey, Pod> pods;
  private final Table<String, Namespace> namespaces;
  private final EndpointLabels labels;
  private final Endpoints endpoints;
  private final Scheduler scheduler;

  private volatile @Nullable Watch<ResourceKey, Pod> podWatch;
  private volatile @Nullable Watch<String, Namespace> namespaceWatch;
  private volatile @Nullable Watch<Integer, Endpoint> endpointWatch;

  /** Endpoints that could not be changed and are tried again, also back to what they were. */
  private final Set<Integer> behind = new HashSet<>();

  /** Those of them whose next try is planned. */
  private final Set<Integer> retries = new HashSet<>();

  /** Whether all namespaces were told; a namespace not told before that may have labels. */
  private boolean namespacesKnown;

  /**
   * Follows nothing before the start.
   *
   * @param scheduler the thread on which it works
   */
  public PodFollower(
      KubernetesSource source, EndpointLabels labels, Endpoints endpoints, Scheduler scheduler) {
    this.pods = source.pods();
    this.namespaces = source.namespaces();
    this.labels = labels;
    this.endpoints = endpoints;
    this.scheduler = scheduler;
  }

  @Override
  public void start() {
    podWatch = pods.watch(() -> scheduler.execute(this::look));
    namespaceWatch = namespaces.watch(() -> scheduler.execute(this::look));
    endpointWatch = endpoints.table().watch(() -> scheduler.execute(this::look));
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
      for (Row<Integer, Endpoint> row : endpoints.table().snapshot()) {
        if (changedPods.contains(podOf(row.value()))
            || changedNamespaces.contains(row.value().namespace())) {
          ids.add(row.key());
        }
      }
    }
    if (!namespacesKnown && namespaces.snapshot().isInitialised()) {
      namespacesKnown = true;
      endpoints.table().snapshot().forEach(row -> ids.add(row.key()));
    }
    ids.forEach(this::follow);
  }

  /** The pod of an endpoint; of a pod with several devices, each endpoint has the one pod. */
  private static ResourceKey podOf(Endpoint endpoint) {
    return new ResourceKey("Pod", endpoint.namespace(), Endpoint.kubernetesName(endpoint.name()));
  }

  private void follow(int id) {
    Optional<Endpoint> endpoint = endpoints.table().get(id);
    Optional<Told> told = endpoints.told(id);
    if (endpoint.isEmpty() || told.isEmpty()) {
      behind.remove(id);
      return;
    }
    Optional<Pod> pod =
        told.get().byRuntime()
            ? labels.podOf(endpoint.get().namespace(), endpoint.get().name(), told.get().podUid())
            : Optional.empty();
    // Until all are told, a namespace that is not known yet may have labels.
    if (!namespacesKnown) {
      return;
    }
    String namespace = endpoint.get().namespace();
    UnaryOperator<Labels> labelsNow =
        before -> pod.map(labels::of).orElseGet(() -> labels.inNamespace(namespace, before));
    Map<String, NamedPort> ports = pod.map(Pod::namedPorts).orElse(endpoint.get().namedPorts());
    if (!behind.contains(id)
        && labelsNow.apply(told.get().labels()).equals(told.get().labels())
        && endpoint.get().namedPorts().equals(ports)) {
      return;
    }
    try {
      if (endpoints.change(id, labelsNow, before -> pod.map(Pod::namedPorts).orElse(before))) {
        LOG.info("endpoint follows its pod id={} pod={}", id, endpoint.get().podName());
      }
      behind.remove(id);
    } catch (RuntimeException e) {
      LOG.warn(
          "endpoint does not follow its pod id={} pod={} retry-in={} error=\"{}\"",
          id,
          endpoint.get().podName(),
          RETRY,
          e.getMessage());
      behind.add(id);
      if (retries.add(id)) {
        scheduler.schedule(
            RETRY,
            () -> {
              retries.remove(id);
              follow(id);
            });
      }
    }
  }
}
