// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.config;

import io.cilium4j.agent.DnsConfig;
import io.cilium4j.agent.cluster.HealthConfig;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.core.spi.FlowSinkProvider;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.spi.IpamMode;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.proxy.Redaction;
import io.cilium4j.ipam.PodPrefixes;
import io.cilium4j.policy.EnforcementMode;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What an agent was told.
 *
 * @param instance its name, 1 to 8 of {@code [a-z0-9]}; stands in everything it owns
 * @param datapath finds the datapath, when the agent starts
 * @param stateFolder where it keeps what outlives it
 * @param source where Kubernetes objects come from; absent for nowhere
 * @param ipam where endpoints' addresses come from
 * @param identities where identities are kept
 * @param flowSinks where flows are reported to
 * @param nodeName its node's name in Kubernetes
 * @param podCidrs the prefixes of its endpoints' addresses, at most one a family
 * @param podPools what the node has of pools at the start, where its endpoints' addresses come from
 *     pools; empty where they do not
 * @param clusterName its cluster's name, a label of each endpoint
 * @param clusterId its cluster's id, 0 to 255
 * @param mtuBytes largest packet of the network between nodes; 0 for that of the node's devices
 * @param flowsKept how many flows are kept for readers that come later
 * @param tracing which of the packets that pass are reported
 * @param limits how much the datapath may hold
 * @param devices names of the devices that join the node to its networks, as {@link Config#devices}
 *     has them; empty to find them
 * @param enforcement when endpoints are restricted, until that is changed
 * @param audit whether what policy denies goes on and is reported, until that is changed
 * @param allowLostEndpoints whether it starts with pod CIDRs that do not hold the addresses of
 *     endpoints of an earlier start
 * @param health how the cluster's nodes are probed; absent if they are not
 * @param store what the cluster shares; absent where this node is alone
 * @param routing how packets for pods of other nodes travel
 * @param l7Proxy whether rules on requests are decided by a proxy here; else they refuse everything
 * @param redaction what flows do not tell of requests
 * @param dns how questions to DNS are served, and how long their answers count
 * @param masquerade whether pods reach the outside under the node's address
 * @param services which of services' clients are served
 * @param labels which labels make identities
 * @param prefilter whether users may have packets dropped by their source at the node's devices
 * @param hostFirewall whether policies with a node selector restrict the node itself
 */
public record AgentConfig(
    String instance,
    Supplier<DatapathChoice> datapath,
    Path stateFolder,
    Optional<Seam<KubernetesSourceProvider>> source,
    Seam<IpamMode> ipam,
    Seam<IdentityBackendProvider> identities,
    List<Seam<FlowSinkProvider>> flowSinks,
    String nodeName,
    List<IpPrefix> podCidrs,
    Map<String, NodePool> podPools,
    String clusterName,
    int clusterId,
    int mtuBytes,
    int flowsKept,
    Tracing tracing,
    Limits limits,
    List<String> devices,
    EnforcementMode enforcement,
    boolean audit,
    boolean allowLostEndpoints,
    Optional<HealthConfig> health,
    Optional<ClusterStore> store,
    Routing routing,
    boolean l7Proxy,
    Redaction redaction,
    DnsConfig dns,
    MasqueradeConfig masquerade,
    ServicesConfig services,
    LabelsConfig labels,
    boolean prefilter,
    boolean hostFirewall) {

  /**
   * What a policy may name. Ports are names for listeners: the datapath leads flows to a socket and
   * not to a port.
   */
  private static final ProxyListeners LISTENERS =
      new ProxyListeners(Map.of("http", 10_080, "tls", 10_080, "dns", 10_053));

  /** Smallest largest packet: IPv6 asks for it. */
  private static final int MIN_MTU_BYTES = 1280;

  private static final int MAX_MTU_BYTES = 65535;

  public AgentConfig {
    podCidrs = List.copyOf(podCidrs);
    podPools = NodePool.copyOf(podPools);
    devices = List.copyOf(devices);
    flowSinks = List.copyOf(flowSinks);
    boolean hasOneAFamily =
        !podCidrs.isEmpty()
            && podCidrs.stream().map(IpPrefix::family).distinct().count() == podCidrs.size();
    boolean areFromPools = podCidrs.isEmpty() && !podPools.isEmpty();
    if (!hasOneAFamily && !areFromPools) {
      throw new IllegalArgumentException(
          "pod CIDRs " + podCidrs + ": wanted one a family, at least one");
    }
    for (IpPrefix prefix : podCidrs) {
      PodPrefixes.require(prefix);
    }
    if (flowsKept < 1 || flowsKept > FlowLog.MAX_CAPACITY) {
      throw new IllegalArgumentException(
          "flows to keep: " + flowsKept + ": wanted 1 to " + FlowLog.MAX_CAPACITY);
    }
    if (mtuBytes != 0 && (mtuBytes < MIN_MTU_BYTES || mtuBytes > MAX_MTU_BYTES)) {
      throw new IllegalArgumentException(
          "MTU " + mtuBytes + ": wanted 0, or " + MIN_MTU_BYTES + " to " + MAX_MTU_BYTES);
    }
    // The datapath's own checks of name and id; made here, so that a wrong one fails at once.
    var _ = Config.builder(instance, stateFolder).localClusterId(clusterId).limits(limits).build();
  }

  /** The listeners to which a policy's rules may lead. */
  public ProxyListeners listeners() {
    return l7Proxy ? LISTENERS : ProxyListeners.NONE;
  }
}
