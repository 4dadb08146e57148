// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.cluster.ClusterNodes;
import io.cilium4j.agent.cluster.NodeHealth;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Pod;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.view.DatapathRows;
import io.cilium4j.policy.Explanation;
import io.cilium4j.policy.PortProtocol;
import io.cilium4j.policy.RulesSnapshot;
import io.cilium4j.policy.controller.AppliedPolicy;
import io.cilium4j.policy.controller.PolicyProgress;
import io.cilium4j.service.Frontend;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What can be read of a running agent: its tables, and what follows from them. Each method throws
 * an {@link AgentException} if the agent does not run.
 *
 * <p>Safe for use by several threads.
 */
abstract class AgentQueries {

  /** For {@link Agent}. */
  AgentQueries() {}

  /**
   * What runs now.
   *
   * @throws AgentException if nothing does
   */
  abstract AgentRuntime running();

  // ---- endpoints ----

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

  /** What else is known of each endpoint, by id. */
  public Table<Integer, EndpointDetails> endpointDetails() {
    return running().endpoints().manager().details();
  }

  /** The last steps of an endpoint's life, the newest first. */
  public List<EndpointEvent> endpointLog(int id) {
    return running().endpoints().manager().log(id);
  }

  /**
   * What each endpoint has to itself, those in the making and on their way out included: who
   * deletes one in the making by {@link Agent#removeEndpoint} waits for it.
   */
  public List<EndpointClaim> endpointClaims() {
    return running().endpoints().manager().claims();
  }

  /** The endpoints that have lost their device, by id. */
  public Set<Integer> endpointsWithoutDevice() {
    return running().endpoints().manager().states().withoutDevice();
  }

  /**
   * How far an endpoint's policy is; absent until it is compiled, and while something that policies
   * follow from has not been read.
   */
  public Optional<PolicyProgress> policyProgress(Endpoint endpoint) {
    return running().endpoints().policyProgress(endpoint);
  }

  /**
   * The node itself as an endpoint, with the id {@link Endpoint#HOST_ID}; absent without a host
   * firewall.
   */
  public Optional<Endpoint> hostEndpoint() {
    return running().host().table().get(Endpoint.HOST_ID);
  }

  // ---- policy ----

  /** What became of each policy object of the manifests. */
  public Table<ResourceKey, AppliedPolicy> policies() {
    return running().policy().rules().applied();
  }

  /** The policy objects in force, with the revision of the rules. */
  public RulesSnapshot rules() {
    return running().policy().rules().snapshot();
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

  // ---- the cluster ----

  /** The cluster's nodes. */
  public ClusterNodes nodes() {
    return running().cluster().nodes();
  }

  /** Which of them are reached; absent if they are not probed. */
  public Optional<NodeHealth> nodeHealth() {
    return running().cluster().health();
  }

  /** A pod as Kubernetes knows it. */
  public Optional<Pod> pod(String namespace, String name) {
    return running().identity().labels().pod(namespace, name);
  }

  /** Where objects of Kubernetes come from. */
  public Optional<KubernetesSource> source() {
    return running().source().source();
  }

  /** The families whose pods reach the outside under the node's address. */
  public Set<IpFamily> masqueraded() {
    return running().masquerade().families();
  }

  /** All frontends of services by number, with what stands behind each. */
  public Table<Long, Frontend> serviceFrontends() {
    return running().services().frontends();
  }

  /** Whether clients outside of the cluster reach services at this node. */
  public boolean servesExternalClients() {
    return running().nodePorts().isOn();
  }

  /** How backends are chosen for clients outside of the cluster. */
  public LoadBalancing loadBalancing() {
    return running().nodePorts().balancing();
  }

  // ---- the agent itself ----

  /**
   * What cannot be read in the manifests and of the rules that were given by hand, rules that
   * contradict each other, and endpoints that are not restored or have lost their device, one line
   * each, by where it is wrong.
   */
  public Map<String, String> problems() {
    return running().problems();
  }

  /** Everything that is measured. */
  public Metrics metrics() {
    return running().metrics();
  }

  /** How each task fares that the agent repeats. */
  public Table<String, ControllerState> controllers() {
    return running().tasks().states();
  }

  /** What endpoints were told for DNS names. */
  public DnsCache dnsCache() {
    return running().dnsCache();
  }

  // ---- the datapath ----

  /** The name of the datapath that runs: {@code ebpf}, {@code memory}. */
  public String datapathName() {
    return running().datapath().datapath().name();
  }

  /** One line for people: what runs, and why it was chosen. */
  public String datapathDescription() {
    return running().datapath().description();
  }

  /** What the datapath that runs can do beyond what every datapath can. */
  public Set<Datapath.Capability> datapathCapabilities() {
    return running().datapath().datapath().capabilities();
  }

  /** The numbers by which the datapath knows other nodes. */
  public Map<Integer, IpAddress> nodeNumbers() {
    return running().datapath().datapath().nodeNumbers();
  }

  /** What the datapath is to hold, and how far it is with it. */
  public DatapathRows datapathRows() {
    return running().endpoints().rows();
  }

  /** The flows that the datapath reports, for readers that keep their place. */
  public FlowLog flowLog() {
    return running().flows().flows();
  }

  /** The last flows that the datapath reported, the oldest first; some thousand are kept. */
  public List<ReportedFlow> flows() {
    return flowLog().flows();
  }
}
