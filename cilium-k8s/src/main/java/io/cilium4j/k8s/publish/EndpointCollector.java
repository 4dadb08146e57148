// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.publish;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Scheduler;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The operator's duty to delete the published endpoints of nodes that are gone, for one term of its
 * leadership. An agent deletes its own; that of a dead node cannot. An endpoint goes when its node
 * was not there in two rounds, and nobody wrote the endpoint in between.
 *
 * <p>All happens on the scheduler's thread.
 */
public final class EndpointCollector implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(EndpointCollector.class);

  private final ClusterStore store;
  private final Duration interval;
  private final Term term;
  private final Scheduler scheduler;

  /** The versions of those whose node was not there in the round before. */
  private Map<String, String> orphans = Map.of();

  private volatile boolean closed;
  private final AtomicLong deleted = new AtomicLong();

  /**
   * A collector that is not started.
   *
   * @param interval the time between two rounds
   * @param scheduler its clock and thread; stays the caller's to close
   */
  public EndpointCollector(ClusterStore store, Duration interval, Term term, Scheduler scheduler) {
    this.store = store;
    this.interval = interval;
    this.term = term;
    this.scheduler = scheduler;
  }

  /** Begins with a round. */
  public void start() {
    scheduler.execute(this::round);
  }

  /** How many it deleted. */
  public long deleted() {
    return deleted.get();
  }

  private void round() {
    if (closed || term.isOver()) {
      return;
    }
    try {
      collect();
    } catch (ClusterStoreException e) {
      orphans = Map.of();
      LOG.warn("endpoints not collected error=\"{}\"", e.getMessage());
    }
    scheduler.schedule(interval, this::round);
  }

  private void collect() {
    // The endpoints first: the node of one that is published later is there when we ask for nodes.
    List<Stored<PublishedEndpoint>> endpoints = store.endpoints().list();
    Set<IpAddress> nodes =
        store.nodes().list().stream()
            .flatMap(node -> node.value().addresses().stream())
            .map(ClusterNode.Address::ip)
            .collect(Collectors.toSet());
    Map<String, String> orphansNow = new HashMap<>();
    for (Stored<PublishedEndpoint> each : endpoints) {
      PublishedEndpoint endpoint = each.value();
      if (endpoint.node().isEmpty() || nodes.contains(endpoint.node().get())) {
        continue;
      }
      if (!each.version().equals(orphans.get(endpoint.key()))) {
        orphansNow.put(endpoint.key(), each.version());
      } else if (closed || term.isOver()) {
        return;
      } else if (store.endpoints().delete(each, term.deadline())) {
        deleted.incrementAndGet();
        LOG.info("endpoint deleted endpoint={} reason=\"its node is gone\"", endpoint.key());
      }
    }
    orphans = orphansNow;
  }

  /** Ends. */
  @Override
  public void close() {
    closed = true;
  }
}
