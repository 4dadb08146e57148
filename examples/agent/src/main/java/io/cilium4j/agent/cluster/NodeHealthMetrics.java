// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import io.cilium4j.core.metrics.DurationHistogram;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Watch;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which nodes are reached, and how long they take to answer. Latencies are taken in from what
 * changed between two looks: of an address that is probed twice meanwhile the newer outcome counts.
 * Who does not answer has no latency.
 *
 * <p>Safe for use by several threads.
 */
public final class NodeHealthMetrics implements AutoCloseable {

  /** The field's own classes for a node's latency, in seconds. */
  private static final List<Double> BOUNDS =
      List.of(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0);

  private record Way(String protocol, String addressType) {}

  private final NodeHealth health;
  private final Watch<NodeAddress, AddressHealth> watch;
  private final Map<Way, DurationHistogram> latencies = new ConcurrentHashMap<>();

  public NodeHealthMetrics(NodeHealth health) {
    this.health = health;
    this.watch = health.health().watch();
  }

  public List<MetricFamily> read() {
    follow();
    List<Sample> reach = new ArrayList<>();
    health
        .counts()
        .forEach((each, count) ->
            reach.add(Sample.Value.of(Map.of("type", "node", "status", each.toString()), count)));
    List<Sample> durations = new ArrayList<>();
    latencies.forEach((way, histogram) ->
        durations.add(
            histogram.sample(
                Map.of(
                    "type", "node",
                    "protocol", way.protocol(),
                    "address_type", way.addressType()))));
    return List.of(
        new MetricFamily(
            "cilium_node_health_connectivity_status",
            Kind.GAUGE,
            "Addresses of nodes by whether they are reached",
            reach),
        new MetricFamily(
            "cilium_node_health_connectivity_latency_seconds",
            Kind.HISTOGRAM,
            "How long nodes took to answer a probe",
            durations),
        MetricFamily.gauge(
            "cilium_unreachable_nodes",
            "Nodes with an address that is not reached",
            health.unreachableNodes()));
  }

  /** Takes in what is new: a row changes each time its address is probed. */
  private synchronized void follow() {
    if (watch.isClosed()) {
      return;
    }
    Changes<NodeAddress, AddressHealth> changes = watch.poll();
    Set<NodeAddress> primary = primary(changes.snapshot());
    for (Change<NodeAddress, AddressHealth> change : changes.list()) {
      if (change instanceof Change.Put<NodeAddress, AddressHealth> put) {
        String type = primary.contains(put.key()) ? "primary" : "secondary";
        record(put.value().icmp(), new Way("icmp", type));
        record(put.value().http(), new Way("http", type));
      }
    }
  }

  /** The first address of each node. */
  private static Set<NodeAddress> primary(Snapshot<NodeAddress, AddressHealth> rows) {
    Set<NodeAddress> primary = new HashSet<>();
    String node = "";
    for (Row<NodeAddress, AddressHealth> row : rows) {
      if (!row.key().node().equals(node)) {
        primary.add(row.key());
        node = row.key().node();
      }
    }
    return primary;
  }

  private void record(Probe probe, Way way) {
    if (probe instanceof Probe.Reached reached) {
      latencies
          .computeIfAbsent(way, _ -> new DurationHistogram(BOUNDS))
          .record(reached.latency().toNanos());
    }
  }

  @Override
  public synchronized void close() {
    watch.close();
  }
}
