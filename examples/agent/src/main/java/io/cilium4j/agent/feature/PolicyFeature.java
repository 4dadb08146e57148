// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.state.FolderFile;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.StorageException;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.core.state.Watch;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.Explanation;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PortProtocol;
import io.cilium4j.policy.RulesSnapshot;
import io.cilium4j.policy.controller.AcceptedPolicies;
import io.cilium4j.policy.controller.ApiRules;
import io.cilium4j.policy.controller.AppliedPolicy;
import io.cilium4j.policy.controller.EnforcementWaiter;
import io.cilium4j.policy.controller.PolicyController;
import io.cilium4j.policy.controller.PolicyMetrics;
import io.cilium4j.policy.controller.PolicyRevision;
import io.cilium4j.policy.controller.PolicyRules;
import io.cilium4j.policy.controller.ProgramPolicies;
import io.cilium4j.policy.controller.Regenerations;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** From policy objects to what the datapath enforces. */
public final class PolicyFeature implements Feature {

  /** How often the policies that were accepted are kept, if there are new ones. */
  private static final Duration KEEP_INTERVAL = Duration.ofSeconds(2);

  private final Scheduler thread;
  private final PolicyRules rules;
  private final ApiRules apiRules;
  private final ProgramPolicies programPolicies;
  private final PolicyController controller;
  private final Reconciler<RowKey, Row> reconciler;
  private final EnforcementWaiter waiter;
  private final Regenerations regenerations;
  private final Follower measured;
  private final Lifecycle.Part settling;

  /** The table of the prefixes that policy objects name, by the object's name. */
  public static TableWriter<String, Map<IpPrefix, Labels>> newPrefixes() {
    return TableWriter.create("named-prefixes");
  }

  /**
   * Takes up the policies of an earlier run.
   *
   * @param endpoints this node's endpoints
   * @param prefixes from {@link #newPrefixes}
   * @param host the node itself as an endpoint
   */
  public PolicyFeature(
      FeatureContext context,
      Table<Integer, Endpoint> endpoints,
      SourceFeature source,
      AddressFeature addresses,
      IdentityFeature identity,
      TableWriter<String, Map<IpPrefix, Labels>> prefixes,
      DatapathFeature datapath,
      HostFeature host) {
    PolicyConfig config = config(context, addresses.allocator().families(), host.isOn());
    var accepted = context.opened().add(new AcceptedPolicies(context.folder().policies()));
    this.rules = new PolicyRules(config, prefixes, accepted);
    FolderFile rulesFile = context.folder().apiRules();
    this.apiRules = new ApiRules(config, rulesFile, rulesFile.copy());
    FolderFile policiesFile = context.folder().programPolicies();
    this.programPolicies = new ProgramPolicies(config, policiesFile, policiesFile.copy());
    this.thread = context.thread("controller");
    this.regenerations = new Regenerations(thread::nanoTime);
    this.controller =
        new PolicyController(
            thread,
            rules,
            new PolicyController.Inputs(
                endpoints,
                host.table(),
                source.resources(),
                apiRules.objects(),
                programPolicies.objects(),
                identity.allocator().identities(),
                identity.ipcache().table(),
                identity.namedPrefixesSeen()),
            regenerations);
    this.reconciler = controller.reconciler(datapath.datapath(), context.thread("reconciler"));
    this.settling = identity.settlingOn(controller.desired());
    this.waiter = new EnforcementWaiter(controller, reconciler);
    this.measured = Follower.of(reconciler.statuses(), thread, regenerations::follow);
    context.repeat(
        "accepted-policies",
        KEEP_INTERVAL,
        () -> accepted.keep(controller.desired().isInitialised()));
  }

  private static PolicyConfig config(
      FeatureContext context, Set<IpFamily> families, boolean hostFirewall) {
    return PolicyConfig.DEFAULT.toBuilder()
        .cluster(context.config().clusterName(), context.config().clusterId())
        .enforcement(context.config().enforcement())
        .nodeSelectorLabels(context.config().labels().nodes().isPresent())
        .hostFirewall(hostFirewall)
        .families(families.contains(IpFamily.IPV4), families.contains(IpFamily.IPV6))
        .build();
  }

  /** The thread of the rounds. */
  Scheduler thread() {
    return thread;
  }

  /** The rules in force. */
  public PolicyRules rules() {
    return rules;
  }

  /** Rules that clients of the API gave. */
  public ApiRules apiRules() {
    return apiRules;
  }

  /** Has policies compiled. */
  public PolicyController controller() {
    return controller;
  }

  /** Brings the datapath in line. */
  public Reconciler<RowKey, Row> reconciler() {
    return reconciler;
  }

  /** Tells when the datapath is in line. */
  EnforcementWaiter waiter() {
    return waiter;
  }

  /** Applies policy objects of the program's own. */
  public PolicyRevision apply(String yamlOrJson) {
    return stored(() -> programPolicies.apply(yamlOrJson));
  }

  /** Takes a policy object of the program's back; absent if there is none of this name. */
  public Optional<PolicyRevision> delete(ResourceKey key) {
    return stored(() -> programPolicies.delete(key));
  }

  private static <T> T stored(Supplier<T> change) {
    try {
      return change.get();
    } catch (StorageException e) {
      throw new AgentException(String.valueOf(e.getMessage()), e);
    }
  }

  /**
   * Waits until every endpoint has a change of the policies in the datapath.
   *
   * @throws AgentException if not by the end of {@code atMost}, with what stands in the way
   */
  public RulesSnapshot await(PolicyRevision revision, Duration atMost) throws InterruptedException {
    Optional<String> why = waiter.await(revision, atMost);
    if (why.isPresent()) {
      throw new AgentException("policies are not enforced everywhere: " + why.get());
    }
    return rules.snapshot();
  }

  /** Waits until a policy object is read and enforced. */
  public void await(ResourceKey key, Duration atMost) throws InterruptedException {
    long end = System.nanoTime() + atMost.toNanos();
    try (Watch<ResourceKey, AppliedPolicy> watch = rules.applied().watch()) {
      Optional<AppliedPolicy> applied = Optional.empty();
      while (applied.isEmpty() && System.nanoTime() - end < 0) {
        Changes<ResourceKey, AppliedPolicy> changes =
            watch.take(Duration.ofNanos(Math.max(0, end - System.nanoTime())));
        applied = changes.snapshot().get(key);
      }
      if (applied.isEmpty()) {
        throw new AgentException(key + ": not seen within " + atMost.toSeconds() + " s");
      }
      if (applied.get().problem().isPresent()) {
        throw new AgentException(applied.get().problem().get());
      }
      var _ =
          await(applied.get().revision(), Duration.ofNanos(Math.max(0, end - System.nanoTime())));
    }
  }

  /** Why a flow between two endpoints passes or does not: egress of one, ingress of the other. */
  public List<Explanation> explain(Endpoint from, Endpoint to, PortProtocol port) {
    int protocol = port.protocol().number();
    return List.of(
        policyOf(from).explain(TrafficDirection.EGRESS, to.identity(), protocol, port.port()),
        policyOf(to).explain(TrafficDirection.INGRESS, from.identity(), protocol, port.port()));
  }

  /** The same of one endpoint's policy and any peer; absent if it is not compiled yet. */
  public Optional<Explanation> explain(
      Endpoint subject, TrafficDirection direction, int peer, int protocol, int port) {
    return controller.policyOf(subject).map(each -> each.explain(direction, peer, protocol, port));
  }

  private CompiledPolicy policyOf(Endpoint endpoint) {
    return controller
        .policyOf(endpoint)
        .orElseThrow(() ->
            new AgentException("endpoint " + endpoint.podName() + ": no policy compiled yet"));
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle
        .add("regenerations", measured)
        .add("settling", settling)
        .add("controller", controller)
        .add("reconciler", reconciler);
  }

  @Override
  public List<MetricFamily> metrics() {
    return Stream.concat(
            new PolicyMetrics(rules, controller).read().stream(), regenerations.metrics().stream())
        .toList();
  }

  @Override
  public Map<String, String> problems() {
    Map<String, String> all = new TreeMap<>();
    apiRules.problem().ifPresent(text -> all.put("given-rules", text));
    programPolicies.problem().ifPresent(text -> all.put("program-policies", text));
    controller
        .conflicts()
        .forEach((identity, conflict) ->
            all.put(
                "policy of " + identity,
                "nothing passes from or to "
                    + identity
                    + ", whose rules contradict each other: "
                    + conflict));
    for (var row : rules.applied().snapshot()) {
      List<String> problems = row.value().problems();
      if (!problems.isEmpty()) {
        all.put(row.key().toString(), String.join("; ", problems));
      }
    }
    return all;
  }
}
