// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Pod;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import java.time.Duration;
import java.util.HashSet;
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
 * tells their labels itself. One thread does all of it, since each change waits until it is
 * enforced.
 */
final class PodFollower implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(PodFollower.class);

  /** Wait before an endpoint is tried again that could not be changed. */
  private static final Duration RETRY = Duration.ofSeconds(5);

  private final Table<ResourceKey, Pod> pods;
  private final Table<Integer, Endpoint> endpoints;
  private final EndpointManager manager;
  private final Scheduler scheduler;

  private volatile @Nullable Watch<ResourceKey, Pod> podWatch;
  private volatile @Nullable Watch<Integer, Endpoint> endpointWatch;

  /**
   * @param scheduler the thread on which it works
   */
  PodFollower(
      Table<ResourceKey, Pod> pods,
      Table<Integer, Endpoint> endpoints,
      EndpointManager manager,
      Scheduler scheduler) {
    this.pods = pods;
    this.endpoints = endpoints;
    this.manager = manager;
    this.scheduler = scheduler;
  }

  @Override
  public void start() {
    podWatch = pods.watch(() -> scheduler.execute(this::look));
    endpointWatch = endpoints.watch(() -> scheduler.execute(this::look));
    // What came between the two.
    scheduler.execute(this::look);
  }

  @Override
  public void stop() {
    if (podWatch != null) {
      podWatch.close();
    }
    if (endpointWatch != null) {
      endpointWatch.close();
    }
  }

  private void look() {
    if (podWatch == null || podWatch.isClosed() || endpointWatch == null) {
      return;
    }
    Set<ResourceKey> changedPods = new HashSet<>();
    podWatch.poll().list().forEach(change -> changedPods.add(change.key()));
    Set<Integer> ids = new TreeSet<>();
    endpointWatch.poll().list().stream()
        .filter(Change.Put.class::isInstance)
        .forEach(change -> ids.add(change.key()));
    if (!changedPods.isEmpty()) {
      for (Row<Integer, Endpoint> row : endpoints.snapshot()) {
        if (changedPods.contains(podOf(row.value()))) {
          ids.add(row.key());
        }
      }
    }
    ids.forEach(this::follow);
  }

  /** The pod of an endpoint; of a pod with several devices, each endpoint has the one pod. */
  private static ResourceKey podOf(Endpoint endpoint) {
    int colon = endpoint.name().indexOf(':');
    String name = colon < 0 ? endpoint.name() : endpoint.name().substring(0, colon);
    return new ResourceKey("Pod", endpoint.namespace(), name);
  }

  private void follow(int id) {
    Optional<Endpoint> endpoint = endpoints.get(id);
    Optional<EndpointDetails> details = manager.details().get(id);
    if (endpoint.isEmpty() || details.isEmpty() || details.get().names().equals(Names.NONE)) {
      return;
    }
    Optional<Pod> pod =
        pods.get(podOf(endpoint.get())).filter(each -> isOf(details.get().names(), each));
    if (pod.isEmpty()
        || (details.get().derivedLabels().equals(pod.get().labels())
            && endpoint.get().namedPorts().equals(pod.get().namedPorts()))) {
      return;
    }
    try {
      if (manager.followPod(id, pod.get())) {
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
