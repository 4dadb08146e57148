// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.NodeFacts;
import io.cilium4j.agent.cluster.AddressHealth;
import io.cilium4j.agent.cluster.NodeAddress;
import io.cilium4j.agent.cluster.NodeHealth;
import io.cilium4j.agent.cluster.Probe;
import io.cilium4j.api.model.ConnectivityStatus;
import io.cilium4j.api.model.HealthStatusResponse;
import io.cilium4j.api.model.HostStatus;
import io.cilium4j.api.model.NodeStatus;
import io.cilium4j.api.model.PathStatus;
import io.cilium4j.api.model.SelfStatus;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Snapshot;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Which nodes are reached, as the health API shows it. */
final class HealthView {
  private HealthView() {}

  /** Nodes by name; one without an address that could be probed is not among them. */
  static HealthStatusResponse of(Agent agent, NodeHealth health) {
    NodeFacts facts = agent.facts();
    Snapshot<NodeAddress, AddressHealth> rows = health.health().snapshot();
    // The rows are in the order of nodes, and the primary address of each comes first.
    Map<String, List<PathStatus>> paths = new TreeMap<>();
    for (Row<NodeAddress, AddressHealth> row : rows) {
      paths
          .computeIfAbsent(NodeView.name(facts, row.key().node()), _ -> new ArrayList<>())
          .add(path(row.value()));
    }
    Instant newest =
        rows.stream()
            .flatMap(row -> row.value().lastProbed().stream())
            .max(Instant::compareTo)
            .orElse(facts.startedAt());
    return new HealthStatusResponse(
        text(newest),
        DurationText.of(health.interval()),
        new SelfStatus(NodeView.name(facts, facts.nodeName())),
        paths.entrySet().stream().map(node -> node(node.getKey(), node.getValue())).toList());
  }

  /** There is no endpoint that is kept to be probed. */
  private static NodeStatus node(String name, List<PathStatus> paths) {
    var host = new HostStatus(paths.getFirst(), paths.subList(1, paths.size()));
    return new NodeStatus(name, host, null, null);
  }

  private static PathStatus path(AddressHealth row) {
    return new PathStatus(row.address().address().toString(), way(row.icmp()), way(row.http()));
  }

  private static @Nullable ConnectivityStatus way(Probe probe) {
    return switch (probe) {
      case Probe.Unknown _ -> null;
      case Probe.Reached reached ->
          new ConnectivityStatus(reached.latency().toNanos(), "", text(reached.at()));
      case Probe.Failed failed -> new ConnectivityStatus(0, failed.error(), text(failed.at()));
    };
  }

  /** To the second, as in Cilium. */
  private static String text(Instant time) {
    return time.truncatedTo(ChronoUnit.SECONDS).toString();
  }
}
