// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.cluster.ClusterNodes;
import io.cilium4j.agent.cluster.NodeHealth;
import io.cilium4j.api.model.RecorderSpec;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Pod;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Datapath.Subscription;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.Explanation;
import io.cilium4j.policy.RulesSnapshot;
import java.lang.module.ModuleDescriptor;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/**
 * The agent of one node, for the program that starts it in-process.
 *
 * <pre>
 *   Agent agent = Agent.builder().podCidrs("10.1.0.0/24", "fd00:1::/120").build();
 *   agent.start();
 *   agent.createEndpoint(new EndpointRequest("default", "web", labels, "/run/netns/web"));
 *   agent.stop();     // packets go on being decided
 * </pre>
 *
 * <p>It may be started and stopped again and again; what it enforces outlives each stop, as far as
 * the datapath does, and {@link #destroy} is what removes it. Several agents run side by side in
 * one process or many, as long as their instances and pod CIDRs differ.
 *
 * <p>Safe for use by several threads.
 */
public final class Agent implements AutoCloseable {
  private final AgentConfig config;
  private final AgentLife life;

  Agent(AgentConfig config) {
    this.config = config;
    this.life = new AgentLife(config);
  }

  /** Begins to put an agent together. */
  public static AgentBuilder builder() {
    return new AgentBuilder();
  }

  // ---- life ----

  /**
   * Starts; endpoints of an earlier run are taken up, and their packets go on without a gap.
   *
   * @throws AgentException if it cannot; nothing half started is left
   */
  public void start() {
    life.start();
  }

  /**
   * Stops; the datapath keeps what outlives it, and the state folder what the next start needs. No
   * error if the agent does not run.
   */
  public void stop() {
    life.stop();
  }

  /** As {@link #stop}. */
  @Override
  public void close() {
    stop();
  }

  /**
   * Removes everything that this instance owns, enforcement included, and nothing else: also what a
   * run left that crashed. The agent need not run. No error if there is nothing.
   */
  public void destroy() {
    life.destroy();
  }

  /** Whether this or an earlier run of the instance left anything that can be destroyed. */
  public boolean hasState() {
    return life.hasState();
  }

  private AgentRuntime running() {
    return life.running();
  }

  // ---- endpoints ----

  /**
   * Makes a pod an endpoint: address, devices, identity, policy. Returns once its policy is
   * enforced and it is {@code READY}.
   *
   * @throws AgentException if it cannot, for one because the pod is an endpoint already; nothing is
   *     left of the attempt
   */
  public Endpoint createEndpoint(EndpointRequest request) {
    AgentRuntime running = running();
    return running.manager().create(request, running.labels().of(request), config.mtuBytes());
  }

  /**
   * Makes a pod an endpoint whose devices and addresses a CNI plugin has prepared.
   *
   * @param wait whether to return only once its policy is enforced and it is {@code READY}
   * @throws EndpointExistsException if there is one of its name or wanted id
   * @throws AgentException if it cannot; devices and addresses are the caller's still, and a device
   *     that was taken over before it failed is down
   */
  public Endpoint attachEndpoint(EndpointAttachment wanted, Wait wait) {
    AgentRuntime running = running();
    return running
        .manager()
        .adopt(running.labels().withPortsOfPod(wanted), running.labels().of(wanted), wait);
  }

  /** Whether a caller waits until the datapath enforces what he asked for. */
  public enum Wait {
    UNTIL_READY,
    NOT
  }

  /**
   * Removes an endpoint with its devices; false if there is none of this id.
   *
   * @throws AgentException if something is left of it; it is no endpoint any more all the same
   */
  public boolean deleteEndpoint(int id) {
    Optional<List<String>> problems = removeEndpoint(id);
    if (problems.isPresent() && !problems.get().isEmpty()) {
      throw new AgentException("endpoint " + id + ": " + String.join("; ", problems.get()));
    }
    return problems.isPresent();
  }

  /**
   * As {@link #deleteEndpoint}.
   *
   * @return what is left of it and why, one line each; absent if there is none of this id
   */
  public Optional<List<String>> removeEndpoint(int id) {
    return running().manager().delete(id);
  }

  /**
   * Gives an endpoint the labels that its pod has by now. Returns once its new identity is
   * enforced.
   *
   * @param pod the same pod with its present labels
   * @return false if it is no endpoint
   */
  public boolean changeLabels(EndpointRequest pod) {
    AgentRuntime running = running();
    PreparedLabels labels = running.labels().of(pod);
    return endpoint(pod.namespace(), pod.name())
        .map(endpoint ->
            running
                .manager()
                .changeLabels(
                    endpoint.id(),
                    details -> details.withDerivedLabels(labels.all()),
                    EndpointLabels::relevant))
        .orElse(false);
  }

  /**
   * Gives an endpoint labels by hand, in place of those given so before. Returns once its new
   * identity is enforced.
   *
   * @return false if there is no such endpoint
   */
  public boolean setUserLabels(int endpointId, Labels labels) {
    return running()
        .manager()
        .changeLabels(
            endpointId, details -> details.withUserLabels(labels), EndpointLabels::relevant);
  }

  /**
   * Sets some of an endpoint's own options.
   *
   * @return false if there is no such endpoint
   */
  public boolean setOptions(int endpointId, Map<AgentOption, Boolean> options) {
    Map<String, Boolean> byName = new TreeMap<>();
    options.forEach((option, on) -> byName.put(option.toString(), on));
    return running().setOptions(endpointId, byName);
  }

  /**
   * Changes the names by which others know an endpoint.
   *
   * @param change the new names from the present ones
   * @return false if there is no such endpoint
   */
  public boolean changeNames(int endpointId, UnaryOperator<EndpointDetails.Names> change) {
    return running().manager().changeNames(endpointId, change);
  }

  /** What else is known of each endpoint, by id. */
  public Table<Integer, EndpointDetails> endpointDetails() {
    return running().manager().details();
  }

  /** The last steps of an endpoint's life, the newest first. */
  public List<EndpointEvent> endpointLog(int id) {
    return running().manager().log(id);
  }

  /** How far an endpoint's policy is; absent until it is compiled. */
  public Optional<PolicyStanding> policyStanding(Endpoint endpoint) {
    AgentRuntime running = running();
    // The revision first: what is enforced after it was read is at least as new.
    long revision = running.controller().rulesRevision();
    return running
        .controller()
        .policyOf(endpoint)
        .map(policy ->
            new PolicyStanding(
                policy,
                running.reconciler().status(new DesiredKey.EndpointKey(endpoint.id())),
                revision));
  }

  /** The endpoints, by id. */
  public Table<Integer, Endpoint> endpoints() {
    return running().endpoints();
  }

  /** The endpoint of a pod. */
  public Optional<Endpoint> endpoint(String namespace, String name) {
    return endpoints().snapshot().stream()
        .map(Row::value)
        .filter(each -> each.namespace().equals(namespace) && each.name().equals(name))
        .findFirst();
  }

  // ---- policy ----

  /** What became of each policy object of the manifests. */
  public Table<ResourceKey, AppliedPolicy> policies() {
    return running().rules().applied();
  }

  /**
   * What cannot be read in the manifests and of the rules that were given by hand, one whole line
   * each, by where it is wrong.
   */
  public Map<String, String> problems() {
    return running().problems();
  }

  /**
   * Waits until everything is enforced that followed from the manifests as of a revision.
   *
   * @param revision {@link AppliedPolicy#revision}
   * @return false when it is not by the end of {@code atMost}
   */
  public boolean awaitPolicyRevision(long revision, Duration atMost) throws InterruptedException {
    return running().realisation().awaitResources(revision, atMost);
  }

  /**
   * Waits until a policy object is read and enforced.
   *
   * @throws AgentException if it is refused, or not enforced by the end of {@code atMost}
   */
  public void awaitPolicy(ResourceKey key, Duration atMost) throws InterruptedException {
    long end = System.nanoTime() + atMost.toNanos();
    try (Watch<ResourceKey, AppliedPolicy> watch = policies().watch()) {
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
      Duration left = Duration.ofNanos(Math.max(0, end - System.nanoTime()));
      if (!awaitPolicyRevision(applied.get().revision(), left)) {
        throw new AgentException(key + ": not enforced within " + atMost.toSeconds() + " s");
      }
    }
  }

  /**
   * Why a flow between two endpoints passes or does not, as the compiled policies have it: first
   * the sender's egress, then the receiver's ingress. Both must allow it. No packet is sent.
   *
   * @param protocol the IP protocol's number
   * @param port the receiver's port
   * @throws AgentException if the policy of one of them is not compiled yet
   */
  public List<Explanation> explain(Endpoint from, Endpoint to, int protocol, int port) {
    return List.of(
        policyOf(from).explain(TrafficDirection.EGRESS, to.identity(), protocol, port),
        policyOf(to).explain(TrafficDirection.INGRESS, from.identity(), protocol, port));
  }

  private CompiledPolicy policyOf(Endpoint endpoint) {
    return running()
        .controller()
        .policyOf(endpoint)
        .orElseThrow(() ->
            new AgentException("endpoint " + endpoint.podName() + ": no policy compiled yet"));
  }

  /** The policy objects in force, with the revision of the rules. */
  public RulesSnapshot rules() {
    return running().rules().snapshot();
  }

  /** Rules that users give by hand. */
  public GivenRules givenRules() {
    return running().givenRules();
  }

  /**
   * Waits until rules given by hand count.
   *
   * @param revision what {@link GivenRules#add} gave
   * @return the rules from then on
   * @throws AgentException if they do not by the end of {@code atMost}
   */
  public RulesSnapshot awaitGivenRules(long revision, Duration atMost) throws InterruptedException {
    AgentRuntime running = running();
    if (running.controller().awaitGivenRules(revision, atMost).isEmpty()) {
      throw new AgentException("rules not compiled within " + atMost.toSeconds() + " s");
    }
    return running.rules().snapshot();
  }

  /** Every identity that this node knows. */
  public Table<Integer, Identity> identities() {
    return running().identities();
  }

  /** Which identity stands behind each prefix. */
  public Table<IpPrefix, IpcacheEntry> ipcache() {
    return running().ipcache();
  }

  /** The node's addresses. */
  public AddressBook addresses() {
    return running().addresses();
  }

  // ---- the cluster ----

  /** The cluster's nodes. */
  public ClusterNodes nodes() {
    return running().nodes();
  }

  /** Which of them are reached; absent if they are not probed. */
  public Optional<NodeHealth> nodeHealth() {
    return running().nodeHealth();
  }

  // ---- the agent itself ----

  /**
   * Tells what becomes of the agent's state from now on, until the returned handle is closed.
   * Called on a thread of its own for each listener, which may wait: what happens meanwhile is told
   * together, each row's newest state once. What came and went between two looks is not told.
   */
  public Subscription onEvent(Consumer<? super AgentEvent> listener) {
    return running().onEvent(listener);
  }

  /** What the agent was told of its node. */
  public NodeFacts facts() {
    AgentRuntime running = running();
    return new NodeFacts(
        config.instance(),
        config.nodeName(),
        config.clusterName(),
        config.clusterId(),
        config.mtuBytes(),
        running.source().map(KubernetesSource::name).orElse(""),
        config.stateFolder().toAbsolutePath(),
        running.startedAt());
  }

  /** Everything that is measured. */
  public Metrics metrics() {
    return running().metrics();
  }

  /** The version of the agent's own module; absent where nothing was packaged. */
  public static Optional<String> version() {
    return Optional.ofNullable(Agent.class.getModule().getDescriptor())
        .flatMap(ModuleDescriptor::rawVersion);
  }

  /** What can be changed while the agent runs. */
  public AgentOptions options() {
    return running().options();
  }

  /** How each task fares that the agent repeats. */
  public Table<String, ControllerState> controllers() {
    return running().controllers().states();
  }

  /** A pod as Kubernetes knows it. */
  public Optional<Pod> pod(String namespace, String name) {
    return running().labels().pod(namespace, name);
  }

  /** Where objects of Kubernetes come from. */
  public Optional<KubernetesSource> source() {
    return running().source();
  }

  // ---- what is kept and not carried out yet ----

  /** Services, by number. */
  public SpecStore<ServiceSpec> services() {
    return running().services();
  }

  /** Recordings of packets, by number. */
  public SpecStore<RecorderSpec> recorders() {
    return running().recorders();
  }

  /** What endpoints were told for DNS names. */
  public DnsCache dnsCache() {
    return running().dnsCache();
  }

  /** Prefixes whose packets are to be dropped first of all. */
  public PrefilterList prefilter() {
    return running().prefilter();
  }

  // ---- the datapath ----

  /** The name of the datapath that runs: {@code ebpf}, {@code memory}. */
  public String datapathName() {
    return running().datapathName();
  }

  /** One line for people: what runs, and why it was chosen. */
  public String datapathDescription() {
    AgentRuntime running = running();
    return running.description() + " (" + running.reason() + ")";
  }

  /** What the datapath is to hold, and how far it is with it. */
  public DatapathRows datapathRows() {
    return running().datapathRows();
  }

  /** The last flows that the datapath reported, the oldest first; some thousand are kept. */
  public List<ReportedFlow> flows() {
    return running().flows().flows();
  }

  /**
   * Reports flows from now on, until the returned handle is closed. Called on the datapath's
   * thread: a listener that may wait hands the flow on.
   */
  public Subscription onFlow(Consumer<? super ReportedFlow> listener) {
    FlowLog flows = running().flows();
    flows.listen(listener);
    return () -> flows.unlisten(listener);
  }
}
