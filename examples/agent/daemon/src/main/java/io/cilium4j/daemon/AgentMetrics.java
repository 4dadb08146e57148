// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.cluster.AddressHealth.Reach;
import io.cilium4j.agent.cluster.NodeHealth;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpFamily;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.ToDoubleFunction;

/**
 * The agent's metrics, under the field's names. Nothing is counted a second time: each value is
 * read from the agent when somebody asks.
 */
final class AgentMetrics implements AutoCloseable {
  private static final String DROP = "drop_";
  private static final String FORWARD = "forward_";

  private final Agent agent;
  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

  /** The datapath's counters that have a meter; which there are shows only with time. */
  private final Set<String> counters = ConcurrentHashMap.newKeySet();

  private Optional<NodeLatencies> latencies = Optional.empty();

  AgentMetrics(Agent agent, MonitorServer monitor) {
    this.agent = agent;
    for (EndpointState state : EndpointState.values()) {
      gauge(
          "cilium.endpoint.state",
          Tags.of("endpoint_state", state.toString()),
          each -> endpoints(each, state));
    }
    gauge("cilium.endpoint", Tags.empty(), each -> each.endpoints().snapshot().size());
    gauge("cilium.identity", Tags.empty(), each -> each.identities().snapshot().size());
    gauge("cilium.ipcache.entries", Tags.empty(), each -> each.ipcache().snapshot().size());
    gauge("cilium.policy", Tags.empty(), each -> each.rules().resources().size());
    gauge("cilium.policy.max.revision", Tags.empty(), each -> each.rules().revision());
    for (IpFamily family : IpFamily.values()) {
      gauge(
          "cilium.ip.addresses",
          Tags.of("family", family.name().toLowerCase(Locale.ROOT)),
          each ->
              each.addresses().allocations().snapshot().stream()
                  .filter(row -> row.key().family() == family)
                  .count());
    }
    gauge(
        "cilium.controllers.failing",
        Tags.empty(),
        each ->
            each.controllers().snapshot().stream()
                .filter(row -> row.value().failuresInARow() > 0)
                .count());
    agent.nodeHealth().ifPresent(this::nodes);
    FunctionCounter.builder("cilium.monitor.events", monitor, MonitorServer::sent)
        .register(registry);
    FunctionCounter.builder("cilium.monitor.events.lost", monitor, MonitorServer::lost)
        .register(registry);
    Gauge.builder("cilium.monitor.readers", monitor, MonitorServer::readers).register(registry);
    new JvmMemoryMetrics().bindTo(registry);
    new JvmThreadMetrics().bindTo(registry);
    new FileDescriptorMetrics().bindTo(registry);
    new UptimeMetrics().bindTo(registry);
  }

  private void nodes(NodeHealth health) {
    for (Reach reach : Reach.values()) {
      Gauge.builder(
              "cilium.node.health.connectivity.status",
              health,
              each -> each.counts().getOrDefault(reach, 0L))
          .tags("type", "node", "status", reach.toString())
          .register(registry);
    }
    Gauge.builder("cilium.unreachable.nodes", health, NodeHealth::unreachableNodes)
        .register(registry);
    latencies = Optional.of(new NodeLatencies(health, registry));
  }

  private static double endpoints(Agent agent, EndpointState state) {
    return agent.endpoints().snapshot().stream()
        .filter(row -> row.value().state() == state)
        .count();
  }

  private void gauge(String name, Tags tags, ToDoubleFunction<Agent> value) {
    Gauge.builder(name, agent, value).tags(tags).register(registry);
  }

  /** Follows the agent no longer. */
  @Override
  public void close() {
    latencies.ifPresent(NodeLatencies::close);
  }

  /** All metrics in Prometheus' text format. */
  String scrape() {
    latencies.ifPresent(NodeLatencies::follow);
    Map<String, Long> now = agent.counters();
    for (String name : now.keySet()) {
      if (counters.add(name)) {
        register(name);
      }
    }
    return registry.scrape();
  }

  /** The datapath counts as {@code forward_egress} and {@code drop_policy_denied_ingress}. */
  private void register(String name) {
    int last = name.lastIndexOf('_');
    String meter = "cilium.datapath." + name;
    Tags tags = Tags.empty();
    if (name.startsWith(FORWARD)) {
      meter = "cilium.forward.count";
      tags = Tags.of("direction", name.substring(last + 1));
    } else if (name.startsWith(DROP)) {
      meter = "cilium.drop.count";
      tags =
          Tags.of(
              "reason",
              name.substring(DROP.length(), Math.max(DROP.length(), last)).replace('_', ' '),
              "direction",
              name.substring(last + 1));
    }
    FunctionCounter.builder(meter, agent, each -> each.counters().getOrDefault(name, 0L))
        .tags(tags)
        .register(registry);
  }
}
