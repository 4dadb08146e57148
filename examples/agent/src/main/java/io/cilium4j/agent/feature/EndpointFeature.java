// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.AgentOption;
import io.cilium4j.agent.AgentOptions;
import io.cilium4j.agent.endpoint.EndpointClaims;
import io.cilium4j.agent.endpoint.EndpointManager;
import io.cilium4j.agent.endpoint.EndpointRestorer;
import io.cilium4j.agent.endpoint.EndpointStore;
import io.cilium4j.agent.endpoint.PodEndpoints;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.datapath.view.DatapathRows;
import io.cilium4j.identity.EndpointPrefixes;
import io.cilium4j.identity.PodFollower;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.controller.EnforcementStatus;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** This node's endpoints, their options and their states. */
public final class EndpointFeature implements Feature {

  /** How often devices are looked at: who takes one away waits seconds. */
  private static final Duration DEVICE_CHECK = Duration.ofSeconds(3);

  private final FeatureContext context;
  private final AddressFeature addresses;
  private final PolicyFeature policy;
  private final EndpointManager manager;
  private final AgentOptions options;
  private final DatapathRows rows;
  private final TableFollower<?, ?> states;
  private final TableFollower<?, ?> shown;
  private final Optional<PodFollower> pods;

  /** The table of endpoints, which waits for those of an earlier run. */
  public static TableWriter<Integer, Endpoint> newTable() {
    return TableWriter.create(
        "endpoints", Comparator.naturalOrder(), Set.of(EndpointManager.RESTORED));
  }

  /**
   * No endpoints yet: those of an earlier run come with the start.
   *
   * @param endpoints from {@link #newTable}
   */
  public EndpointFeature(
      FeatureContext context,
      TableWriter<Integer, Endpoint> endpoints,
      SourceFeature source,
      AddressFeature addresses,
      IdentityFeature identity,
      DatapathFeature datapath,
      PolicyFeature policy) {
    this.context = context;
    this.addresses = addresses;
    this.policy = policy;
    this.manager =
        new EndpointManager(
            endpoints,
            new EndpointClaims(
                addresses.ownership(),
                addresses.allocator(),
                addresses.reservations(),
                identity.allocator(),
                new EndpointPrefixes(identity.ipcache())),
            new EndpointStore(context.folder()),
            datapath.datapath(),
            policy.waiter());
    this.options =
        new AgentOptions(
            manager.details(),
            context.config().audit() ? Set.of(AgentOption.POLICY_AUDIT_MODE) : Set.of(),
            context.config().enforcement(),
            policy.controller()::setEnforcement,
            policy.controller()::auditChanged);
    policy.controller().auditBy(id -> options.isOn(AgentOption.POLICY_AUDIT_MODE, id));
    this.rows =
        new DatapathRows(policy.controller().desired(), policy.reconciler(), Clock.systemUTC());
    this.states =
        new TableFollower<>(
            policy.reconciler().statuses(), policy.thread(), manager.states()::follow);
    this.shown = new TableFollower<>(policy.reconciler().statuses(), policy.thread(), rows::follow);
    this.pods =
        source
            .source()
            .map(each ->
                new PodFollower(
                    each, identity.labels(), new PodEndpoints(manager), context.thread("pods")));
    context.repeat("endpoint-devices", DEVICE_CHECK, manager::lookAtDevices);
  }

  /** Makes, changes and ends endpoints. */
  public EndpointManager manager() {
    return manager;
  }

  /** What can be changed while the agent runs. */
  public AgentOptions options() {
    return options;
  }

  /** What the datapath is to hold, as rows of its maps. */
  public DatapathRows rows() {
    return rows;
  }

  /** Sets some of an endpoint's own options; false if there is no such endpoint. */
  public boolean setOptions(int endpointId, Map<String, Boolean> byName) {
    boolean known = manager.changeOptions(endpointId, byName);
    policy.controller().auditChanged();
    return known;
  }

  /** In which directions this policy decides what an endpoint sends and gets. */
  public EnforcementStatus enforcement(int endpointId, CompiledPolicy compiled) {
    boolean audited =
        compiled.isAudited() || options.isOn(AgentOption.POLICY_AUDIT_MODE, endpointId);
    return EnforcementStatus.of(compiled, audited);
  }

  /** What follows pods, once these are read; absent where no pods are known. */
  public Feature podFollower() {
    return new Feature() {
      @Override
      public void join(Lifecycle lifecycle) {
        pods.ifPresent(each -> lifecycle.add("pods", each));
      }
    };
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle
        .add("endpoints", new Restoring(this))
        .add("endpoint states", states)
        .add("datapath rows", shown);
  }

  /** Brings the endpoints of an earlier run back. */
  private record Restoring(EndpointFeature feature) implements Lifecycle.Part {
    @Override
    public void start() {
      feature.manager.restore(
          feature.context.config().allowLostEndpoints()
              ? EndpointRestorer.Lost.SET_ASIDE
              : EndpointRestorer.Lost.REFUSE);
      feature.addresses.reservations().restore();
    }

    @Override
    public void stop() {}
  }

  @Override
  public Map<String, String> problems() {
    return manager.problems();
  }

  @Override
  public List<MetricFamily> metrics() {
    Map<EndpointState, Integer> byState = new EnumMap<>(EndpointState.class);
    for (EndpointState state : EndpointState.values()) {
      byState.put(state, 0);
    }
    Map<EnforcementStatus, Integer> byEnforcement = new EnumMap<>(EnforcementStatus.class);
    for (EnforcementStatus status : EnforcementStatus.values()) {
      byEnforcement.put(status, 0);
    }
    var present = manager.states().table().snapshot();
    for (Row<Integer, Endpoint> row : present) {
      byState.merge(row.value().state(), 1, Integer::sum);
      policy
          .controller()
          .policyOf(row.value())
          .ifPresent(
              compiled -> byEnforcement.merge(enforcement(row.key(), compiled), 1, Integer::sum));
    }
    return List.of(
        MetricFamily.gauge("cilium_endpoint", "Endpoints of this node", present.size()),
        new MetricFamily(
            "cilium_endpoint_state",
            Kind.GAUGE,
            "Endpoints by state",
            samples("endpoint_state", byState)),
        new MetricFamily(
            "cilium_policy_endpoint_enforcement_status",
            Kind.GAUGE,
            "Endpoints whose policy is compiled, by the directions in which it decides",
            samples("enforcement", byEnforcement)));
  }

  private static List<Sample> samples(String label, Map<?, Integer> counts) {
    List<Sample> samples = new ArrayList<>();
    counts.forEach(
        (key, count) -> samples.add(Sample.Value.of(Map.of(label, key.toString()), count)));
    return samples;
  }
}
