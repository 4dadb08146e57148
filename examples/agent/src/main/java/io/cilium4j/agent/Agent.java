// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.feature.NodePools;
import io.cilium4j.agent.state.PoolStore;
import io.cilium4j.agent.state.StateFolder;
import io.cilium4j.cni.CniPlugin;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.ipam.AddressReservations;
import io.cilium4j.policy.RulesSnapshot;
import io.cilium4j.policy.controller.ApiRules;
import io.cilium4j.policy.controller.PolicyRevision;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
public final class Agent extends AgentQueries implements AutoCloseable {

  /** How long a change of policies may take; compiling for some hundred endpoints takes less. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final AgentConfig config;
  private final AgentLife life;

  Agent(AgentConfig config) {
    this.config = config;
    this.life = new AgentLife(config);
  }

  /** Begins to put an agent together. */
  public static AgentBuilder<Agent> builder() {
    return new AgentBuilder<>(Agent::new);
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

  @Override
  AgentRuntime running() {
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
    return running().endpoints().create(request);
  }

  /**
   * Makes a pod an endpoint whose devices and addresses a CNI plugin has prepared.
   *
   * @param wait whether to return only once its policy is enforced and it is {@code READY}
   * @throws EndpointExistsException if its attachment, wanted id, device or an address is another's
   * @throws UnfitAddressException if it cannot have one of its addresses
   * @throws AgentException if it cannot; devices and addresses are the caller's still, and a device
   *     that was taken over before it failed is down
   */
  public Endpoint attachEndpoint(EndpointAttachment wanted, Wait wait) {
    return running().endpoints().attach(wanted, wait);
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
    return running().endpoints().manager().delete(id);
  }

  /**
   * Gives an endpoint the labels that its pod has by now. Returns once its new identity is
   * enforced.
   *
   * @param pod the same pod with its present labels
   * @return false if it is no endpoint
   */
  public boolean changeLabels(EndpointRequest pod) {
    return running().endpoints().changeLabels(pod);
  }

  /**
   * Gives an endpoint labels by hand, in place of those given so before. Returns once its new
   * identity is enforced.
   *
   * @return false if there is no such endpoint
   * @throws IllegalArgumentException if a key is the orchestrator's to tell: the namespace, its
   *     labels, the account, the cluster, or one that the pod has itself
   */
  public boolean setUserLabels(int endpointId, Labels labels) {
    return running().endpoints().setUserLabels(endpointId, labels);
  }

  /**
   * Gives an endpoint the labels that its container runtime tells, in place of those it told
   * before. Returns once its new identity is enforced.
   *
   * @return false if there is no such endpoint
   * @throws IllegalArgumentException if Kubernetes knows its pod, with other labels
   */
  public boolean setRuntimeLabels(int endpointId, Labels labels) {
    return running().endpoints().setRuntimeLabels(endpointId, labels);
  }

  /**
   * Sets some of an endpoint's own options.
   *
   * @return false if there is no such endpoint
   */
  public boolean setOptions(int endpointId, Map<AgentOption, Boolean> options) {
    return running().endpoints().setOptions(endpointId, options);
  }

  /**
   * Changes the names by which others know an endpoint.
   *
   * @param change the new names from the present ones
   * @return false if there is no such endpoint
   * @throws EndpointExistsException if they are another's
   */
  public boolean changeNames(int endpointId, UnaryOperator<EndpointDetails.Names> change) {
    return running().endpoints().manager().changes().changeNames(endpointId, change);
  }

  // ---- policy ----

  /**
   * Applies policy objects of the program's own, beside those of the manifests; of one name the
   * program's counts. They outlive the process. Returns once the datapath enforces them on every
   * endpoint: no packet that is sent from then on is decided without them.
   *
   * @param yamlOrJson one or more objects; one that was applied before takes its former place
   * @return the change, for those who wait for it elsewhere
   * @throws IllegalArgumentException if one of them is wrong; nothing is changed then
   * @throws AgentException if they cannot be kept, and nothing is changed then; or if they are not
   *     enforced after {@code atMost}, with what stands in the way: they stay applied, and are
   *     enforced as soon as they can be
   */
  public PolicyRevision applyPolicy(String yamlOrJson, Duration atMost)
      throws InterruptedException {
    PolicyRevision revision = running().policy().apply(yamlOrJson);
    var _ = awaitPolicy(revision, atMost);
    return revision;
  }

  /** As {@link #applyPolicy(String, Duration)}, with half a minute's patience. */
  public PolicyRevision applyPolicy(String yamlOrJson) throws InterruptedException {
    return applyPolicy(yamlOrJson, PATIENCE);
  }

  /**
   * Takes back a policy object that the program applied. Returns once no endpoint is decided by it
   * any more.
   *
   * @return the change; absent if the program has applied none of this name
   * @throws AgentException as {@link #applyPolicy(String, Duration)} does
   */
  public Optional<PolicyRevision> deletePolicy(ResourceKey key) throws InterruptedException {
    Optional<PolicyRevision> revision = running().policy().delete(key);
    if (revision.isPresent()) {
      var _ = awaitPolicy(revision.get(), PATIENCE);
    }
    return revision;
  }

  /**
   * Waits until every endpoint has a change of the policies, and all before it, in the datapath.
   *
   * @return the rules from then on
   * @throws AgentException if not by the end of {@code atMost}, with what stands in the way
   */
  public RulesSnapshot awaitPolicy(PolicyRevision revision, Duration atMost)
      throws InterruptedException {
    return running().policy().await(revision, atMost);
  }

  /**
   * Waits until a policy object is read and enforced.
   *
   * @throws AgentException if it is refused, or not enforced by the end of {@code atMost}
   */
  public void awaitPolicy(ResourceKey key, Duration atMost) throws InterruptedException {
    running().policy().await(key, atMost);
  }

  /** Rules that users give by hand. */
  public ApiRules apiRules() {
    return running().policy().apiRules();
  }

  /** The node's addresses. */
  public AddressReservations addresses() {
    return running().addresses().reservations();
  }

  /**
   * Takes over what the node has of pools by now, as the cluster's store has it. Addresses in use
   * stay with their endpoints.
   *
   * @param pools by name
   * @param problems what the operator could not give, as it writes it into the node's status; those
   *     that wait for addresses are refused with that. Empty for nothing
   * @throws AgentException if addresses do not come from pools
   */
  public void podPoolsChanged(Map<String, NodePool> pools, String problems) {
    running()
        .addresses()
        .pools()
        .orElseThrow(() -> new AgentException("pools: addresses do not come from pools here"))
        .changed(pools, problems);
  }

  /**
   * What the node needs of pools and does with what it has, by their names, for whoever tells the
   * cluster; absent where addresses do not come from pools.
   */
  public Optional<Table<String, PoolClaim>> poolClaims() {
    return running().addresses().pools().map(NodePools::claims);
  }

  /** What an earlier run with this state folder had of pools; empty if it had none. */
  public static Map<String, NodePool> keptPodPools(Path stateFolder) {
    return new PoolStore(new StateFolder(stateFolder)).pools();
  }

  // ---- the cluster ----

  /** Answers the calls of container runtimes that join pods to this node. */
  public CniPlugin cni() {
    return running().cni().plugin();
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

  /** The proxy's listeners, by the names that policies have for them. */
  public ProxyListeners listeners() {
    return config.listeners();
  }

  /** What the agent was told of its node. */
  public NodeFacts facts() {
    AgentRuntime running = running();
    return new NodeFacts(
        config.instance(),
        config.nodeName(),
        config.clusterName(),
        config.clusterId(),
        running.mtu().deviceBytes(),
        running.mtu().endpointBytes(),
        config.routing(),
        running.source().source().map(KubernetesSource::name).orElse(""),
        config.ipam().provider().get().name(),
        config.identities().provider().get().name(),
        config.stateFolder().toAbsolutePath(),
        running.startedAt());
  }

  /** Where pods keep their addresses outside of the cluster, too. */
  public List<IpPrefix> nativeRoutingCidrs() {
    return config.masquerade().nativeRouting();
  }

  /** Whether the configuration of an ip-masq-agent says where pods keep their addresses. */
  public boolean hasIpMasqAgent() {
    return config.masquerade().ipMasqAgent().isPresent();
  }

  /** The version of the agent's own module; absent where nothing was packaged. */
  public static Optional<String> version() {
    return Version.own();
  }

  /** What can be changed while the agent runs. */
  public AgentOptions options() {
    return running().endpoints().options();
  }

  /** Services: of Kubernetes, and of those who put some here. */
  public AgentServices services() {
    return running().services().services();
  }

  /** Prefixes whose packets are dropped first of all. */
  public PrefilterList prefilter() {
    return running().prefilter().list();
  }

  /** Recordings of packets. */
  public AgentRecordings recorder() {
    return running().recorder();
  }

  // ---- the datapath ----

  /**
   * Reports flows from now on, until the returned handle is closed. Called on the datapath's
   * thread: a listener that may wait hands the flow on.
   */
  public Subscription onFlow(Consumer<? super ReportedFlow> listener) {
    FlowLog flows = flowLog();
    flows.listen(listener);
    return () -> flows.unlisten(listener);
  }
}
