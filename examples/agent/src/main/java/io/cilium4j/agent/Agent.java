// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.cluster.ClusterNodes;
import io.cilium4j.agent.cluster.NodeHealth;
import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.api.model.RecorderSpec;
import io.cilium4j.cni.CniPlugin;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Pod;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.state.StoredTable;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.view.DatapathRows;
import io.cilium4j.ipam.AddressReservations;
import io.cilium4j.policy.Explanation;
import io.cilium4j.policy.PortProtocol;
import io.cilium4j.policy.RulesSnapshot;
import io.cilium4j.policy.controller.ApiRules;
import io.cilium4j.policy.controller.AppliedPolicy;
import io.cilium4j.policy.controller.PolicyProgress;
import io.cilium4j.policy.controller.PolicyRevision;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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

  /**
   * What each endpoint has to itself, those in the making and on their way out included: who
   * deletes one in the making by {@link #removeEndpoint} waits for it.
   */
  public List<EndpointClaim> endpointClaims() {
    return running().endpoints().manager().claims();
  }

  /** The endpoints that have lost their device, by id. */
  public Set<Integer> endpointsWithoutDevice() {
    return running().endpoints().manager().states().withoutDevice();
  }

  /** What else is known of each endpoint, by id. */
  public Table<Integer, EndpointDetails> endpointDetails() {
    return running().endpoints().manager().details();
  }

  /** The last steps of an endpoint's life, the newest first. */
  public List<EndpointEvent> endpointLog(int id) {
    return running().endpoints().manager().log(id);
  }

  /**
   * How far an endpoint's policy is; absent until it is compiled, and while something that policies
   * follow from has not been read.
   */
  public Optional<PolicyProgress> policyProgress(Endpoint endpoint) {
    return running().endpoints().policyProgress(endpoint);
  }

  /** The endpoints, by id. */
  public Table<Integer, Endpoint> endpoints() {
    return running().endpoints().table();
  }

  /**
   * The endpoint of a pod. Of several, as a second sandbox of a pod makes them, one that has its
   * device; of these the one with the highest id.
   */
  public Optional<Endpoint> endpoint(String namespace, String name) {
    return running().endpoints().find(namespace, name);
  }

  // ---- policy ----

  /** What became of each policy object of the manifests. */
  public Table<ResourceKey, AppliedPolicy> policies() {
    return running().policy().rules().applied();
  }

  /**
   * What cannot be read in the manifests and of the rules that were given by hand, rules that
   * contradict each other, and endpoints that are not restored or have lost their device, one line
   * each, by where it is wrong.
   */
  public Map<String, String> problems() {
    return running().problems();
  }

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

  /**
   * Why a flow between two endpoints passes or does not, as the compiled policies have it: first
   * the sender's egress, then the receiver's ingress. Both must allow it. No packet is sent.
   *
   * @throws AgentException if the policy of one of them is not compiled yet
   */
  public List<Explanation> explain(Endpoint from, Endpoint to, PortProtocol port) {
    return running().policy().explain(from, to, port);
  }

  /**
   * Why an endpoint's policy lets packets of a peer pass or does not; absent if it is not compiled
   * yet.
   *
   * @param peer the peer's identity
   * @param protocol the IP protocol's number
   * @param port the port that is asked, or the ICMP type
   */
  public Optional<Explanation> explain(
      Endpoint subject, TrafficDirection direction, int peer, int protocol, int port) {
    return running().policy().explain(subject, direction, peer, protocol, port);
  }

  /** The policy objects in force, with the revision of the rules. */
  public RulesSnapshot rules() {
    return running().policy().rules().snapshot();
  }

  /** Rules that users give by hand. */
  public ApiRules apiRules() {
    return running().policy().apiRules();
  }

  /** What policies lead through the proxy, by endpoint. */
  public List<Redirect> redirects() {
    return running().proxy().redirects();
  }

  /** Every identity that this node knows. */
  public Table<Integer, Identity> identities() {
    return running().identity().allocator().identities();
  }

  /** Which identity stands behind each prefix. */
  public Table<IpPrefix, IpcacheEntry> ipcache() {
    return running().identity().ipcache().table();
  }

  /** The node's addresses. */
  public AddressReservations addresses() {
    return running().addresses().reservations();
  }

  // ---- the cluster ----

  /** The cluster's nodes. */
  public ClusterNodes nodes() {
    return running().cluster().nodes();
  }

  /** Which of them are reached; absent if they are not probed. */
  public Optional<NodeHealth> nodeHealth() {
    return running().cluster().health();
  }

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

  /** The families whose pods reach the outside under the node's address. */
  public Set<IpFamily> masqueraded() {
    return running().masquerade().families();
  }

  /** Whether clients outside of the cluster reach services at this node. */
  public boolean servesExternalClients() {
    return running().nodePorts().isOn();
  }

  /** Where pods keep their addresses outside of the cluster, too. */
  public List<IpPrefix> nativeRoutingCidrs() {
    return config.masquerade().nativeRouting();
  }

  /** Everything that is measured. */
  public Metrics metrics() {
    return running().metrics();
  }

  /** The version of the agent's own module; absent where nothing was packaged. */
  public static Optional<String> version() {
    return Version.own();
  }

  /** What can be changed while the agent runs. */
  public AgentOptions options() {
    return running().endpoints().options();
  }

  /** How each task fares that the agent repeats. */
  public Table<String, ControllerState> controllers() {
    return running().tasks().states();
  }

  /** A pod as Kubernetes knows it. */
  public Optional<Pod> pod(String namespace, String name) {
    return running().identity().labels().pod(namespace, name);
  }

  /** Where objects of Kubernetes come from. */
  public Optional<KubernetesSource> source() {
    return running().source().source();
  }

  /** Services: of Kubernetes, and of those who put some here. */
  public AgentServices services() {
    return running().services().services();
  }

  // ---- what is kept and not carried out yet ----

  /** Recordings of packets, by number. */
  public StoredTable<Long, RecorderSpec> recorders() {
    return running().kept().recorders();
  }

  /** What endpoints were told for DNS names. */
  public DnsCache dnsCache() {
    return running().kept().dnsCache();
  }

  /** Prefixes whose packets are to be dropped first of all. */
  public PrefilterList prefilter() {
    return running().kept().prefilter();
  }

  // ---- the datapath ----

  /** The numbers by which the datapath knows other nodes. */
  public Map<Integer, IpAddress> nodeNumbers() {
    return running().datapath().datapath().nodeNumbers();
  }

  /** The name of the datapath that runs: {@code ebpf}, {@code memory}. */
  public String datapathName() {
    return running().datapath().datapath().name();
  }

  /** What the datapath that runs can do beyond what every datapath can. */
  public Set<Datapath.Capability> datapathCapabilities() {
    return running().datapath().datapath().capabilities();
  }

  /** One line for people: what runs, and why it was chosen. */
  public String datapathDescription() {
    return running().datapath().description();
  }

  /** What the datapath is to hold, and how far it is with it. */
  public DatapathRows datapathRows() {
    return running().endpoints().rows();
  }

  /** The last flows that the datapath reported, the oldest first; some thousand are kept. */
  public List<ReportedFlow> flows() {
    return flowLog().flows();
  }

  /** The flows that the datapath reports, for readers that keep their place. */
  public FlowLog flowLog() {
    return running().flows().flows();
  }

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
