// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.AgentOption;
import io.cilium4j.agent.AgentOptions;
import io.cilium4j.agent.EndpointAttachment;
import io.cilium4j.agent.EndpointDetails;
import io.cilium4j.agent.EndpointIndexes;
import io.cilium4j.agent.EndpointRequest;
import io.cilium4j.agent.Wait;
import io.cilium4j.agent.endpoint.EndpointClaims;
import io.cilium4j.agent.endpoint.EndpointManager;
import io.cilium4j.agent.endpoint.EndpointRestorer;
import io.cilium4j.agent.endpoint.EndpointStore;
import io.cilium4j.agent.endpoint.EndpointTables;
import io.cilium4j.agent.endpoint.PodEndpoints;
import io.cilium4j.agent.endpoint.Sandbox;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Pod;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.view.DatapathRows;
import io.cilium4j.identity.EndpointLabels;
import io.cilium4j.identity.EndpointPrefixes;
import io.cilium4j.identity.PodFollower;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.controller.EnforcementStatus;
import io.cilium4j.policy.controller.PolicyProgress;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** This node's endpoints, their options and their states. */
public final class EndpointFeature implements Feature {

  /** How often devices are looked at: who takes one away waits seconds. */
  private static final Duration DEVICE_CHECK = Duration.ofSeconds(3);

  private final FeatureContext context;
  private final AddressFeature addresses;
  private final PolicyFeature policy;
  private final EndpointLabels labels;
  private final EndpointManager manager;
  private final AgentOptions options;
  private final DatapathRows rows;
  private final Follower states;
  private final Follower shown;
  private final Optional<PodFollower> pods;
  private final MtuFeature mtu;
  private final HostFeature host;

  /** No endpoints yet: those of an earlier run come with the start. */
  public EndpointFeature(
      FeatureContext context,
      EndpointTables endpoints,
      SourceFeature source,
      AddressFeature addresses,
      IdentityFeature identity,
      DatapathFeature datapath,
      PolicyFeature policy,
      MtuFeature mtu,
      HostFeature host) {
    this.host = host;
    this.context = context;
    this.mtu = mtu;
    this.addresses = addresses;
    this.policy = policy;
    this.labels = identity.labels();
    this.manager =
        new EndpointManager(
            endpoints,
            new EndpointClaims(
                addresses.ownership(),
                addresses.allocator(),
                addresses.reservations(),
                identity.allocator(),
                new EndpointPrefixes(identity.ipcache()),
                context.config().labels().endpoints()),
            new EndpointStore(context.folder()),
            datapath.datapath(),
            policy.waiter());
    this.options =
        new AgentOptions(
            this::ownOptions,
            context.config().audit() ? Set.of(AgentOption.POLICY_AUDIT_MODE) : Set.of(),
            context.config().enforcement(),
            policy.controller()::setEnforcement,
            policy.controller()::auditChanged);
    policy.controller().auditBy(id -> options.isOn(AgentOption.POLICY_AUDIT_MODE, id));
    this.rows =
        new DatapathRows(policy.controller().desired(), policy.reconciler(), Clock.systemUTC());
    this.states =
        Follower.of(policy.reconciler().statuses(), policy.thread(), manager.states()::follow);
    this.shown = Follower.of(policy.reconciler().statuses(), policy.thread(), rows::follow);
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

  /** Makes a pod that the program tells of an endpoint. */
  public Endpoint create(EndpointRequest request) {
    return create(Sandbox.of(request), labels.of(request.pod()));
  }

  private Endpoint create(Sandbox sandbox, Labels told) {
    return manager.create(sandbox, told, mtu.endpointBytes());
  }

  /** Makes a container's network namespace an endpoint, by what Kubernetes knows where it does. */
  public Endpoint create(Sandbox wanted) {
    return labels
        .podOf(wanted.namespace(), wanted.name(), wanted.names().podUid())
        .map(pod -> create(wanted.withNamedPorts(pod.namedPorts()), labels.of(pod)))
        .orElseGet(() ->
            create(
                wanted, labels.ofRuntime(wanted.namespace(), Labels.EMPTY, wanted.namedPorts())));
  }

  /** A pod as Kubernetes knows it, and not an earlier or later one of its name. */
  public Optional<Pod> podOf(String namespace, String name, String uid) {
    return labels.podOf(namespace, name, uid);
  }

  /** Makes a pod that is prepared an endpoint, by what Kubernetes knows of it where it does. */
  public Endpoint attach(EndpointAttachment wanted, Wait wait) {
    Optional<Pod> pod = labels.podOf(wanted.namespace(), wanted.name(), wanted.names().podUid());
    return manager.adopt(
        pod.map(each -> wanted.withNamedPorts(each.namedPorts())).orElse(wanted),
        pod.map(labels::of)
            .orElseGet(
                () -> labels.ofRuntime(wanted.namespace(), wanted.labels(), wanted.namedPorts())),
        wait);
  }

  /** Gives an endpoint the labels that the program tells by now; false if it is none. */
  public boolean changeLabels(EndpointRequest pod) {
    Labels told = labels.of(pod.pod());
    return find(pod.namespace(), pod.name())
        .map(endpoint ->
            manager
                .changes()
                .changeLabels(endpoint.id(), details -> details.withDerivedLabels(told)))
        .orElse(false);
  }

  /** Gives an endpoint labels by hand; false if there is no such endpoint. */
  public boolean setUserLabels(int id, Labels user) {
    return manager
        .changes()
        .changeLabels(
            id,
            details -> {
              EndpointLabels.requireFree(user, details.derivedLabels());
              return details.withUserLabels(user);
            });
  }

  /** Gives an endpoint the labels that its runtime tells; false if there is no such endpoint. */
  public boolean setRuntimeLabels(int id, Labels told) {
    Optional<Endpoint> endpoint = table().get(id);
    return endpoint.isPresent()
        && manager
            .changes()
            .changeLabels(
                id,
                details ->
                    details.withDerivedLabels(
                        labels.retold(endpoint.get(), details.names().podUid(), told)));
  }

  /** Sets some of an endpoint's own options; false if there is no such endpoint. */
  public boolean setOptions(int id, Map<AgentOption, Boolean> wanted) {
    Map<String, Boolean> byName = new TreeMap<>();
    wanted.forEach((option, on) -> byName.put(option.toString(), on));
    boolean known =
        id == Endpoint.HOST_ID
            ? host.changeOptions(byName)
            : manager.changes().changeOptions(id, byName);
    policy.controller().auditChanged();
    return known;
  }

  private Map<String, Boolean> ownOptions(int id) {
    return id == Endpoint.HOST_ID
        ? host.options()
        : manager.details().get(id).map(EndpointDetails::options).orElse(Map.of());
  }

  /** The endpoints, by id. */
  public Table<Integer, Endpoint> table() {
    return manager.states().table();
  }

  /** The endpoint of a pod; of several one that has its device, and of these the newest. */
  public Optional<Endpoint> find(String namespace, String name) {
    Set<Integer> withoutDevice = manager.states().withoutDevice();
    return table().snapshot().rows(EndpointIndexes.POD, namespace + "/" + name).stream()
        .map(Row::value)
        .max(
            Comparator.comparing((Endpoint each) -> !withoutDevice.contains(each.id()))
                .thenComparingInt(Endpoint::id));
  }

  /**
   * How far an endpoint's policy is; absent until it is compiled, and while something that policies
   * follow from has not been read: what follows from the rest is not what will be enforced.
   */
  public Optional<PolicyProgress> policyProgress(Endpoint endpoint) {
    if (!policy.controller().desired().isInitialised()) {
      return Optional.empty();
    }
    // The revision first: what is enforced after it was read is at least as new.
    long revision = policy.controller().rulesRevision();
    return policy
        .controller()
        .policyOf(endpoint)
        .map(compiled ->
            new PolicyProgress(
                compiled,
                policy.reconciler().status(new EndpointKey(endpoint.id())),
                revision,
                enforcement(endpoint.id(), compiled)));
  }

  /** In which directions this policy decides what an endpoint sends and gets. */
  private EnforcementStatus enforcement(int endpointId, CompiledPolicy compiled) {
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
    var present = table().snapshot();
    for (Row<Integer, Endpoint> row : present) {
      byState.merge(row.value().state(), 1, Integer::sum);
      policyProgress(row.value())
          .ifPresent(progress -> byEnforcement.merge(progress.enforcement(), 1, Integer::sum));
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
