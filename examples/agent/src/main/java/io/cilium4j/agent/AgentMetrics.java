// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.task.Controllers;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.spi.Datapath.Collection;
import io.cilium4j.core.spi.Datapath.EndpointFlows;
import io.cilium4j.core.spi.Datapath.Pressure;
import io.cilium4j.core.spi.Datapath.Table;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.core.state.Row;
import io.cilium4j.policy.controller.EnforcementStatus;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;

/**
 * What can be read off the agent's tables and counters, under the field's names. Nothing is counted
 * a second time, and what the agent does not know has no metric.
 */
final class AgentMetrics {

  private static final String EBPF = "ebpf";

  private final AgentRuntime runtime;

  AgentMetrics(AgentRuntime runtime) {
    this.runtime = runtime;
  }

  List<MetricFamily> read() {
    List<MetricFamily> all = new ArrayList<>();
    Agent.version().ifPresent(version -> all.add(version(version)));
    addEndpoints(all);
    addIdentities(all);
    addPolicies(all);
    addControllers(all);
    addTraffic(all);
    addMaps(all);
    runtime
        .datapath()
        .counters()
        .forEach((name, count) ->
            all.add(
                MetricFamily.counter(
                    "cilium_datapath_" + name + "_total",
                    "As the datapath counts " + name.replace('_', ' '),
                    count)));
    return all;
  }

  private static MetricFamily version(String version) {
    Map<String, String> labels = Map.of("version", version, "arch", System.getProperty("os.arch"));
    return new MetricFamily(
        "cilium_version",
        Kind.GAUGE,
        "Always 1; the labels say what runs",
        List.of(Sample.Value.of(labels, 1)));
  }

  private void addEndpoints(List<MetricFamily> all) {
    Map<EndpointState, Integer> states = new EnumMap<>(EndpointState.class);
    for (EndpointState state : EndpointState.values()) {
      states.put(state, 0);
    }
    Map<EnforcementStatus, Integer> enforcement = new EnumMap<>(EnforcementStatus.class);
    for (EnforcementStatus status : EnforcementStatus.values()) {
      enforcement.put(status, 0);
    }
    for (Row<Integer, Endpoint> row : runtime.endpoints().snapshot()) {
      states.merge(row.value().state(), 1, Integer::sum);
      runtime
          .controller()
          .policyOf(row.value())
          .ifPresent(
              policy -> enforcement.merge(runtime.enforcement(row.key(), policy), 1, Integer::sum));
    }
    all.add(
        MetricFamily.gauge(
            "cilium_endpoint", "Endpoints of this node", runtime.endpoints().snapshot().size()));
    all.add(
        new MetricFamily(
            "cilium_endpoint_state",
            Kind.GAUGE,
            "Endpoints by state",
            samples("endpoint_state", states)));
    all.add(
        new MetricFamily(
            "cilium_policy_endpoint_enforcement_status",
            Kind.GAUGE,
            "Endpoints whose policy is compiled, by the directions in which it decides",
            samples("enforcement", enforcement)));
  }

  private static List<Sample> samples(String label, Map<?, ? extends Number> counts) {
    List<Sample> samples = new ArrayList<>();
    counts.forEach((key, count) ->
        samples.add(Sample.Value.of(Map.of(label, key.toString()), count.longValue())));
    return samples;
  }

  private void addIdentities(List<MetricFamily> all) {
    Map<String, Long> types = new TreeMap<>(Map.of("reserved", 0L, "cluster_local", 0L));
    types.put("node_local", 0L);
    for (Row<Integer, Identity> row : runtime.identities().snapshot()) {
      types.merge(typeOf(row.key()), 1L, Long::sum);
    }
    all.add(
        new MetricFamily(
            "cilium_identity", Kind.GAUGE, "Identities known here", samples("type", types)));
    all.add(
        MetricFamily.gauge(
            "cilium_ipcache_entries",
            "Prefixes with an identity",
            runtime.ipcache().snapshot().size()));
  }

  private static String typeOf(int identity) {
    if (Identity.isLocal(identity)) {
      return "node_local";
    }
    return identity < Identity.MIN_CLUSTER_WIDE ? "reserved" : "cluster_local";
  }

  private void addPolicies(List<MetricFamily> all) {
    var rules = runtime.rules().snapshot();
    all.add(
        MetricFamily.gauge("cilium_policy", "Policy objects in force", rules.resources().size()));
    all.add(
        MetricFamily.gauge(
            "cilium_policy_conflicts",
            "Identities of endpoints that are closed since their rules contradict each other",
            runtime.controller().conflicts().size()));
    all.add(
        MetricFamily.gauge(
            "cilium_policy_max_revision", "Revision of all rules", rules.revision()));
    all.add(
        new MetricFamily(
            "cilium_policy_change_total",
            Kind.COUNTER,
            "Changes of policy objects",
            List.of(
                Sample.Value.of(Map.of("outcome", "success"), runtime.rules().accepted()),
                Sample.Value.of(Map.of("outcome", "fail"), runtime.rules().refused()))));
    all.add(
        MetricFamily.gauge(
            "cilium_agent_problems",
            "Manifests, policies and rules that cannot be read now; the status names them",
            AgentProblems.of(runtime).size()));
  }

  private void addControllers(List<MetricFamily> all) {
    long failing = 0;
    Map<String, Long> runs = new TreeMap<>(Map.of("success", 0L, "failure", 0L));
    List<Sample> byName = new ArrayList<>();
    for (Row<String, ControllerState> row : runtime.controllers().states().snapshot()) {
      ControllerState state = row.value();
      failing += state.failuresInARow() > 0 ? 1 : 0;
      Map.of("success", state.successes(), "failure", state.failures())
          .forEach((status, count) -> {
            runs.merge(status, count, Long::sum);
            byName.add(
                Sample.Value.of(Map.of("status", status, "group_name", state.name()), count));
          });
    }
    all.add(MetricFamily.gauge("cilium_controllers_failing", "Controllers that fail now", failing));
    all.add(
        new MetricFamily(
            "cilium_controllers_runs_total",
            Kind.COUNTER,
            "Runs of controllers",
            samples("status", runs)));
    all.add(
        new MetricFamily(
            "cilium_controllers_group_runs_total",
            Kind.COUNTER,
            "Runs of controllers by name",
            byName));
  }

  private void addTraffic(List<MetricFamily> all) {
    List<Traffic> traffic = runtime.datapath().traffic();
    List<Traffic> forwarded = traffic.stream().filter(each -> each.drop().isEmpty()).toList();
    List<Traffic> dropped = traffic.stream().filter(each -> each.drop().isPresent()).toList();
    all.add(ofTraffic("cilium_forward_count_total", "Packets passed", forwarded, Traffic::packets));
    all.add(
        ofTraffic(
            "cilium_forward_bytes_total",
            "Bytes passed, with Ethernet headers",
            forwarded,
            Traffic::bytes));
    all.add(ofTraffic("cilium_drop_count_total", "Packets dropped", dropped, Traffic::packets));
    all.add(
        ofTraffic(
            "cilium_drop_bytes_total",
            "Bytes dropped, with Ethernet headers",
            dropped,
            Traffic::bytes));
  }

  private static MetricFamily ofTraffic(
      String name, String help, List<Traffic> traffic, ToLongFunction<Traffic> value) {
    List<Sample> samples = new ArrayList<>();
    for (Traffic each : traffic) {
      Map<String, String> labels = new TreeMap<>();
      labels.put("direction", each.direction().name());
      each.drop().ifPresent(reason -> labels.put("reason", reason.toString()));
      samples.add(Sample.Value.of(labels, value.applyAsLong(each)));
    }
    return new MetricFamily(name, Kind.COUNTER, help, samples);
  }

  /** How full the datapath's tables are; the memory datapath has none that are maps. */
  private void addMaps(List<MetricFamily> all) {
    Pressure pressure = runtime.datapath().pressure();
    if (runtime.datapathName().equals(EBPF)) {
      List<Sample> samples = new ArrayList<>();
      for (Table table : pressure.tables()) {
        samples.add(
            new Sample.Value(
                Map.of("map_name", table.name()), (double) table.used() / table.capacity()));
      }
      all.add(
          new MetricFamily(
              "cilium_bpf_map_pressure",
              Kind.GAUGE,
              "Entries of a map, as a part of what it can hold",
              samples));
    }
    addCollections(pressure.collections(), all);
    List<Sample> overflowed = new ArrayList<>();
    for (EndpointFlows endpoint : pressure.endpoints()) {
      if (endpoint.overflowed() > 0) {
        overflowed.add(
            Sample.Value.of(
                Map.of("endpoint", Integer.toString(endpoint.endpointId())),
                endpoint.overflowed()));
      }
    }
    all.add(
        new MetricFamily(
            "cilium_datapath_conntrack_overflowed_flows_total",
            Kind.COUNTER,
            "Flows of an endpoint beyond its share of conntrack, which evict each other",
            overflowed));
  }

  private static void addCollections(List<Collection> collections, List<MetricFamily> all) {
    List<Sample> runs = new ArrayList<>();
    List<Sample> entries = new ArrayList<>();
    List<Sample> durations = new ArrayList<>();
    for (Collection each : collections) {
      Map<String, String> of = new TreeMap<>();
      of.put("family", each.family().toString().toLowerCase(Locale.ROOT));
      of.put("protocol", each.protocol());
      Map<String, String> completed = with(of, "completed");
      runs.add(Sample.Value.of(completed, each.runs()));
      durations.add(new Sample.Value(completed, each.lasted().toNanos() / 1e9));
      entries.add(Sample.Value.of(with(of, "alive"), each.alive()));
      entries.add(Sample.Value.of(with(of, "deleted"), each.deleted()));
    }
    String prefix = "cilium_datapath_conntrack_gc_";
    all.add(new MetricFamily(prefix + "runs_total", Kind.COUNTER, "Walks over the flows", runs));
    all.add(
        new MetricFamily(prefix + "entries", Kind.GAUGE, "Flows that the last walk met", entries));
    all.add(
        new MetricFamily(
            prefix + "duration_seconds", Kind.GAUGE, "How long the last walk took", durations));
  }

  private static Map<String, String> with(Map<String, String> labels, String status) {
    Map<String, String> all = new TreeMap<>(labels);
    all.put("status", status);
    return all;
  }
}
