// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.cluster.AddressHealth;
import io.cilium4j.agent.cluster.NodeAddress;
import io.cilium4j.agent.cluster.NodeHealth;
import io.cilium4j.agent.cluster.Probe;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Watch;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.DoubleStream;

/**
 * How long nodes take to answer, as a histogram in the field's own steps. It takes in what changed
 * since it last looked: of an address that is probed twice between two looks the newer outcome
 * counts. Who does not answer has no latency and is not in it.
 */
final class NodeLatencies implements AutoCloseable {

  private static final Duration[] STEPS =
      DoubleStream.of(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8)
          .mapToObj(seconds -> Duration.ofNanos((long) (seconds * 1e9)))
          .toArray(Duration[]::new);

  private final MeterRegistry registry;
  private final Watch<NodeAddress, AddressHealth> watch;

  NodeLatencies(NodeHealth health, MeterRegistry registry) {
    this.registry = registry;
    this.watch = health.health().watch();
  }

  /** Takes in what is new: a row changes each time its address is probed. */
  synchronized void follow() {
    Changes<NodeAddress, AddressHealth> changes = watch.poll();
    Set<NodeAddress> primary = primary(changes.snapshot());
    for (Change<NodeAddress, AddressHealth> change : changes.list()) {
      if (change instanceof Change.Put<NodeAddress, AddressHealth> put) {
        String type = primary.contains(put.key()) ? "primary" : "secondary";
        count(put.value().icmp(), "icmp", type);
        count(put.value().http(), "http", type);
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

  private void count(Probe probe, String protocol, String addressType) {
    if (probe instanceof Probe.Reached reached) {
      Timer.builder("cilium.node.health.connectivity.latency")
          .tags("type", "node", "protocol", protocol, "address_type", addressType)
          .serviceLevelObjectives(STEPS)
          .register(registry)
          .record(reached.latency());
    }
  }

  @Override
  public void close() {
    watch.close();
  }
}
