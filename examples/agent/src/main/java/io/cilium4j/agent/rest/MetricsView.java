// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.ControllerState;
import io.cilium4j.agent.cluster.NodeHealth;
import io.cilium4j.api.model.Metric;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.state.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The agent's measured values as the API lists them, under the field's names. */
final class MetricsView {

  private static final String DROP = "drop_";
  private static final String FORWARD = "forward_";

  private final List<Metric> metrics = new ArrayList<>();

  private MetricsView() {}

  static List<Metric> of(Agent agent) {
    var view = new MetricsView();
    view.endpoints(agent);
    view.identities(agent);
    view.addresses(agent);
    view.policies(agent);
    view.controllers(agent);
    view.packets(agent);
    agent.nodeHealth().ifPresent(view::nodes);
    view.add(
        "cilium_process_uptime_seconds",
        Duration.between(agent.facts().startedAt(), Instant.now()).toSeconds(),
        Map.of());
    return view.metrics;
  }

  /** Counts beyond 2^53 lose their last digits, as in every client that knows doubles alone. */
  private void add(String name, long value, Map<String, String> labels) {
    metrics.add(new Metric(name, (double) value, labels));
  }

  private void endpoints(Agent agent) {
    Map<EndpointState, Integer> counts = new EnumMap<>(EndpointState.class);
    for (EndpointState state : EndpointState.values()) {
      counts.put(state, 0);
    }
    for (Row<Integer, Endpoint> row : agent.endpoints().snapshot()) {
      counts.merge(row.value().state(), 1, Integer::sum);
    }
    counts.forEach((state, count) ->
        add("cilium_endpoint_state", count, Map.of("endpoint_state", state.toString())));
    add("cilium_endpoint", agent.endpoints().snapshot().size(), Map.of());
  }

  private void identities(Agent agent) {
    long local =
        agent.identities().snapshot().stream().filter(row -> Identity.isLocal(row.key())).count();
    long reserved =
        agent.identities().snapshot().stream()
            .filter(row -> row.key() < Identity.MIN_CLUSTER_WIDE)
            .count();
    long all = agent.identities().snapshot().size();
    add("cilium_identity", reserved, Map.of("type", "reserved"));
    add("cilium_identity", local, Map.of("type", "node_local"));
    add("cilium_identity", all - local - reserved, Map.of("type", "cluster_local"));
    add("cilium_ipcache_entries", agent.ipcache().snapshot().size(), Map.of());
  }

  private void addresses(Agent agent) {
    for (IpFamily family : IpFamily.values()) {
      long used =
          agent.addresses().allocations().snapshot().stream()
              .map(Row<IpAddress, String>::key)
              .filter(each -> each.family() == family)
              .count();
      add("cilium_ip_addresses", used, Map.of("family", lower(family)));
    }
  }

  private static String lower(IpFamily family) {
    return family.name().toLowerCase(Locale.ROOT);
  }

  private void policies(Agent agent) {
    add("cilium_policy", agent.rules().resources().size(), Map.of());
    add("cilium_policy_max_revision", agent.rules().revision(), Map.of());
  }

  private void controllers(Agent agent) {
    long failing = 0;
    for (Row<String, ControllerState> row : agent.controllers().snapshot()) {
      ControllerState state = row.value();
      failing += state.failuresInARow() > 0 ? 1 : 0;
      add(
          "cilium_controllers_runs_total",
          state.successes(),
          Map.of("status", "success", "name", state.name()));
      add(
          "cilium_controllers_runs_total",
          state.failures(),
          Map.of("status", "failure", "name", state.name()));
    }
    add("cilium_controllers_failing", failing, Map.of());
  }

  private void nodes(NodeHealth health) {
    health
        .counts()
        .forEach((reach, count) ->
            add(
                "cilium_node_health_connectivity_status",
                count,
                Map.of("type", "node", "status", reach.toString())));
    add("cilium_unreachable_nodes", health.unreachableNodes(), Map.of());
  }

  /** The datapath counts as {@code forward_egress} and {@code drop_policy_denied_ingress}. */
  private void packets(Agent agent) {
    agent
        .counters()
        .forEach((name, value) -> {
          int last = name.lastIndexOf('_');
          if (name.startsWith(FORWARD)) {
            add("cilium_forward_count_total", value, Map.of("direction", name.substring(last + 1)));
          } else if (name.startsWith(DROP)) {
            add(
                "cilium_drop_count_total",
                value,
                Map.of(
                    "reason",
                    name.substring(DROP.length(), last).replace('_', ' '),
                    "direction",
                    name.substring(last + 1)));
          } else {
            add("cilium_datapath_" + name, value, Map.of());
          }
        });
  }
}
