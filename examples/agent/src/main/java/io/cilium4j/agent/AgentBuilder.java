// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.cluster.HealthConfig;
import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.config.DatapathChoice;
import io.cilium4j.agent.config.LabelsConfig;
import io.cilium4j.agent.config.MasqueradeConfig;
import io.cilium4j.agent.config.Seam;
import io.cilium4j.agent.config.Seams;
import io.cilium4j.agent.config.ServicesConfig;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.DatapathProvider.NoBackendResponse;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.FlowSinkProvider;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.spi.IpamMode;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.proxy.Redaction;
import io.cilium4j.identity.LabelFilter;
import io.cilium4j.ipam.PodPrefixes;
import io.cilium4j.policy.EnforcementMode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Puts an agent together. Everything has a default but the pods' prefixes.
 *
 * @param <A> the agent that it makes
 */
public final class AgentBuilder<A> {

  /** Largest packet of an Ethernet network. */
  private String instance = Config.DEFAULT_INSTANCE;

  private Supplier<DatapathChoice> datapath = () -> DatapathChoice.of("auto");
  private @Nullable Path stateFolder;
  private Optional<Seam<KubernetesSourceProvider>> source = Optional.empty();
  private Seam<IpamMode> ipam = Seams.ipam("cluster-pool", Map.of());
  private Optional<ClusterStore> store = Optional.empty();
  private Routing routing = Routing.NETWORK;
  private Seam<IdentityBackendProvider> identities = Seams.identities("memory", Map.of());
  private final List<Seam<FlowSinkProvider>> flowSinks = new ArrayList<>();
  private String nodeName = "node";
  private List<IpPrefix> podCidrs = List.of();
  private Map<String, NodePool> podPools = Map.of();

  /** The name of a cluster that was given none. */
  private static final String DEFAULT_CLUSTER = "default";

  private String clusterName = DEFAULT_CLUSTER;
  private int clusterId;
  private int mtuBytes;
  private Redaction redaction = Redaction.CREDENTIALS;
  private DnsConfig dns = DnsConfig.DEFAULT;
  private int flowsKept = FlowLog.DEFAULT_CAPACITY;
  private Tracing tracing = Tracing.CHANGES;
  private Limits limits = Limits.DEFAULT;
  private List<String> devices = List.of();
  private EnforcementMode enforcement = EnforcementMode.DEFAULT;
  private boolean audit;
  private boolean allowLostEndpoints;
  private boolean l7Proxy = true;
  private MasqueradeConfig masquerade = MasqueradeConfig.DEFAULT;
  private ServicesConfig services = ServicesConfig.DEFAULT;
  private LabelsConfig labels = LabelsConfig.DEFAULT;
  private boolean prefilter;
  private boolean hostFirewall;
  private Optional<HealthConfig> health = Optional.empty();

  private final Function<AgentConfig, A> maker;

  AgentBuilder(Function<AgentConfig, A> maker) {
    this.maker = maker;
  }

  /**
   * The instance's name, 1 to 8 of {@code [a-z0-9]}; {@code cilium4j} by default. Agents of
   * different names run side by side on one machine, given different pod CIDRs.
   */
  public AgentBuilder<A> instance(String name) {
    this.instance = name;
    return this;
  }

  /**
   * The datapath's name: {@code ebpf}, {@code memory}, or {@code auto} (the default), the first of
   * these that can run here.
   */
  public AgentBuilder<A> datapath(String name) {
    this.datapath = () -> DatapathChoice.of(name);
    return this;
  }

  /** A datapath of the caller's own. */
  public AgentBuilder<A> datapath(DatapathProvider provider) {
    this.datapath = () -> DatapathChoice.ofUsable(provider);
    return this;
  }

  /** Where the agent keeps what outlives it; {@code /run/INSTANCE} by default. */
  public AgentBuilder<A> stateFolder(Path folder) {
    this.stateFolder = folder;
    return this;
  }

  /** A folder of Kubernetes manifests to follow; without a source there are no policies. */
  public AgentBuilder<A> manifests(Path folder) {
    return source("directory", Map.of("path", folder.toString()));
  }

  /**
   * Where Kubernetes objects come from.
   *
   * @param name {@code directory}, or what else is installed
   * @param options the source's own
   */
  public AgentBuilder<A> source(String name, Map<String, String> options) {
    this.source = Optional.of(Seams.source(name, options));
    return this;
  }

  /** As {@link #source(String, Map)}, of the caller's own. */
  public AgentBuilder<A> source(KubernetesSourceProvider provider, Map<String, String> options) {
    this.source = Optional.of(new Seam<>(() -> provider, options));
    return this;
  }

  /**
   * Where endpoints' addresses come from.
   *
   * @param name {@code cluster-pool} (the default), {@code multi-pool}, {@code static}, or what
   *     else is installed
   * @param options the mode's own: {@code cidrs} of {@code static}
   */
  public AgentBuilder<A> ipam(String name, Map<String, String> options) {
    this.ipam = Seams.ipam(name, options);
    return this;
  }

  /** As {@link #ipam(String, Map)}, of the caller's own. */
  public AgentBuilder<A> ipam(IpamMode mode, Map<String, String> options) {
    this.ipam = new Seam<>(() -> mode, options);
    return this;
  }

  /**
   * Patterns of the labels that make endpoints' identities, as Cilium's option {@code labels} has
   * them, beside those that always do; none by default. Endpoints of an earlier start get other
   * identities where the patterns changed.
   *
   * @throws IllegalArgumentException if one is wrong
   */
  public AgentBuilder<A> identityLabels(List<String> patterns) {
    return identityLabels(LabelFilter.of(patterns));
  }

  /** Which of endpoints' labels make their identities; {@link LabelFilter#DEFAULT} by default. */
  public AgentBuilder<A> identityLabels(LabelFilter filter) {
    this.labels = new LabelsConfig(filter, labels.nodes());
    return this;
  }

  /**
   * Lets policies name nodes by their labels ({@code fromNodes}, {@code toNodes}): of the labels
   * that match the patterns, or all where there are none, each other node has an identity.
   *
   * @throws IllegalArgumentException if one is wrong
   */
  public AgentBuilder<A> nodeLabels(List<String> patterns) {
    this.labels = new LabelsConfig(labels.endpoints(), Optional.of(LabelFilter.ofNodes(patterns)));
    return this;
  }

  /**
   * Where identities are kept.
   *
   * @param name {@code memory} (the default), or what else is installed
   * @param options the backend's own
   */
  public AgentBuilder<A> identityBackend(String name, Map<String, String> options) {
    this.identities = Seams.identities(name, options);
    return this;
  }

  /** As {@link #identityBackend(String, Map)}, of the caller's own. */
  public AgentBuilder<A> identityBackend(
      IdentityBackendProvider provider, Map<String, String> options) {
    this.identities = new Seam<>(() -> provider, options);
    return this;
  }

  /**
   * Reports flows to a sink, too; may be called several times. The agent closes it when it stops.
   *
   * @param name {@code log}, {@code file}, or what else is installed
   * @param options the sink's own: {@code path} of {@code file}
   */
  public AgentBuilder<A> flowSink(String name, Map<String, String> options) {
    flowSinks.add(Seams.flowSink(name, options));
    return this;
  }

  /**
   * As {@link #flowSink(String, Map)}, of the caller's own. Called on the datapath's thread: a sink
   * that may wait hands the flow on.
   */
  public AgentBuilder<A> flowSink(FlowSink sink) {
    flowSinks.add(Seams.flowSink(sink));
    return this;
  }

  /** The node's name in Kubernetes. */
  public AgentBuilder<A> nodeName(String name) {
    this.nodeName = name;
    return this;
  }

  /** The prefixes of the endpoints' addresses, at most one a family. */
  public AgentBuilder<A> podCidrs(IpPrefix... prefixes) {
    this.podCidrs = List.of(prefixes);
    return this;
  }

  /**
   * As {@link #podCidrs(IpPrefix...)}, from text.
   *
   * @throws IllegalArgumentException if one is no prefix or has bits behind its length
   */
  public AgentBuilder<A> podCidrs(String... prefixes) {
    this.podCidrs = List.of(prefixes).stream().map(PodPrefixes::parse).toList();
    return this;
  }

  /**
   * What the node has of pools when it starts, in place of {@link #podCidrs(IpPrefix...)}, for the
   * mode {@code multi-pool}; {@link Agent#podPoolsChanged} tells what it has later.
   */
  public AgentBuilder<A> podPools(Map<String, NodePool> pools) {
    this.podPools = pools;
    return this;
  }

  /** The cluster's name, which each endpoint has as a label; {@code default} by default. */
  public AgentBuilder<A> clusterName(String name) {
    this.clusterName = name;
    return this;
  }

  /** The cluster's id, 0 to 255; 0 by default. */
  public AgentBuilder<A> clusterId(int id) {
    this.clusterId = id;
    return this;
  }

  /**
   * What the cluster shares: from it the agent knows the other nodes and their endpoints, and an
   * identity backend may keep its numbers there ({@code crd}). It stays the caller's to close. None
   * by default: the node is alone.
   */
  public AgentBuilder<A> clusterStore(ClusterStore store) {
    this.store = Optional.of(store);
    return this;
  }

  /** How packets for pods of other nodes travel; as the network routes them by default. */
  public AgentBuilder<A> routing(Routing routing) {
    this.routing = routing;
    return this;
  }

  /**
   * Largest packet of the network between nodes, in bytes; 0, the default, for the least MTU of the
   * node's devices, whose changes endpoints follow. Endpoints' devices take as much, less what a
   * tunnel adds.
   */
  public AgentBuilder<A> mtuBytes(int bytes) {
    this.mtuBytes = bytes;
    return this;
  }

  /** How many flows are kept for readers that come later, 1 to 65,535; 4,095 by default. */
  public AgentBuilder<A> flowsKept(int number) {
    this.flowsKept = number;
    return this;
  }

  /** How much the datapath may hold. */
  public AgentBuilder<A> limits(Limits bounds) {
    this.limits = bounds;
    return this;
  }

  /**
   * Names of the devices that join the node to its networks; {@code eth+} stands for all that begin
   * so. None by default: those with a global address or a default route.
   */
  public AgentBuilder<A> devices(String... names) {
    this.devices = List.of(names);
    return this;
  }

  /** When endpoints are restricted; {@code DEFAULT} by default: where a rule selects them. */
  public AgentBuilder<A> enforcement(EnforcementMode mode) {
    this.enforcement = mode;
    return this;
  }

  /** Whether what policy denies goes on all the same and is reported; false by default. */
  public AgentBuilder<A> audit(boolean on) {
    this.audit = on;
    return this;
  }

  /**
   * Whether rules on requests are decided by a proxy of this agent; true by default. Without one,
   * and with a datapath that has no place for one, they refuse everything.
   */
  public AgentBuilder<A> l7Proxy(boolean on) {
    this.l7Proxy = on;
    return this;
  }

  /** What flows, and whatever is made of them, do not tell of requests; credentials by default. */
  public AgentBuilder<A> redaction(Redaction wanted) {
    this.redaction = wanted;
    return this;
  }

  /**
   * How questions to DNS are served, and how long their answers count; as Cilium has it by default.
   */
  public AgentBuilder<A> dns(DnsConfig wanted) {
    this.dns = wanted;
    return this;
  }

  /**
   * Whether pods reach the outside of the cluster under the node's address. By default they do
   * where that is possible: with the eBPF datapath, and the program {@code nft} installed. Where it
   * is asked for and not possible, {@link Agent#problems} says so.
   */
  public AgentBuilder<A> masquerade(IpFamily family, boolean on) {
    this.masquerade = masquerade.with(family, on);
    return this;
  }

  /**
   * Prefixes outside of the cluster, at most one a family, whose hosts know the way to pods: there
   * pods keep their addresses. None by default.
   */
  public AgentBuilder<A> nativeRoutingCidrs(IpPrefix... prefixes) {
    this.masquerade = masquerade.withNativeRouting(List.of(prefixes));
    return this;
  }

  /**
   * A configuration of the ip-masq-agent, YAML or JSON: where else pods keep their addresses. It is
   * followed while the agent runs; where there is no such file, private and reserved addresses are
   * excluded.
   */
  public AgentBuilder<A> ipMasqAgent(Path file) {
    this.masquerade = masquerade.withIpMasqAgent(file);
    return this;
  }

  /** Whether CiliumLocalRedirectPolicies are carried out; false by default. */
  public AgentBuilder<A> localRedirects(boolean on) {
    this.services = services.withLocalRedirects(on);
    return this;
  }

  /**
   * Whether the external IPs of services are for clients outside of the cluster only, and none is a
   * node's own address (CVE-2020-8554); true by default. Without it whoever may write Services
   * takes the cluster's connections to any address outside.
   */
  public AgentBuilder<A> externalIpMitigation(boolean on) {
    this.services = services.withExternalIpMitigation(on);
    return this;
  }

  /**
   * Whether clients of services are led to the endpoints that Kubernetes means for their zone or
   * node ({@code trafficDistribution}); false by default.
   */
  public AgentBuilder<A> serviceTopology(boolean on) {
    this.services = services.withTopology(on);
    return this;
  }

  /**
   * How backends are chosen for clients outside of the cluster; at random by default. With Maglev,
   * agents that have the same parameters choose alike.
   */
  public AgentBuilder<A> loadBalancing(LoadBalancing wanted) {
    this.services = services.withBalancing(wanted);
    return this;
  }

  /**
   * Which of the packets that pass are reported. By default those with which a flow begins, is
   * answered and ends.
   */
  public AgentBuilder<A> tracing(Tracing which) {
    this.tracing = which;
    return this;
  }

  /** What becomes of packets to services that cannot serve; they are rejected by default. */
  public AgentBuilder<A> noBackendResponse(NoBackendResponse response) {
    this.services = services.withNoBackendResponse(response);
    return this;
  }

  /**
   * Whether clients outside of the cluster reach services at this node: node ports, load balancers'
   * addresses and external IPs. By default they do where that is possible: with the eBPF datapath,
   * and the program {@code nft} installed. Where it is asked for and not possible, {@link
   * Agent#problems} says so.
   */
  public AgentBuilder<A> externalServices(boolean on) {
    this.services = services.withExternal(on);
    return this;
  }

  /**
   * Whether users may list prefixes whose packets an XDP program drops at the node's devices; false
   * by default. With an empty list there is no such program.
   */
  public AgentBuilder<A> prefilter(boolean on) {
    this.prefilter = on;
    return this;
  }

  /**
   * Whether policies with a {@code nodeSelector} restrict the node itself; false by default, and
   * such policies are reported then. The eBPF datapath alone can.
   */
  public AgentBuilder<A> hostFirewall(boolean on) {
    this.hostFirewall = on;
    return this;
  }

  /**
   * The control group, of version 2, whose processes reach services as the node's own do. By
   * default the root, which is found among the mounts.
   */
  public AgentBuilder<A> cgroupRoot(Path folder) {
    this.services = services.withCgroupRoot(folder);
    return this;
  }

  /**
   * Whether to start with pod CIDRs that do not hold the addresses of endpoints of an earlier
   * start; false by default. Those pods lose their network, until a start with the right pod CIDRs
   * brings them back.
   */
  public AgentBuilder<A> allowLostEndpoints(boolean allow) {
    this.allowLostEndpoints = allow;
    return this;
  }

  /**
   * Probes the cluster's nodes, and answers their probes on the node's own addresses; without it
   * neither is done.
   */
  public AgentBuilder<A> nodeHealth(HealthConfig config) {
    this.health = Optional.of(config);
    return this;
  }

  /**
   * The agent, not started.
   *
   * @throws IllegalArgumentException if something does not fit, in one line
   */
  public A build() {
    Path folder = stateFolder == null ? Path.of("/run", instance) : stateFolder;
    return maker.apply(
        new AgentConfig(
            instance,
            datapath,
            folder,
            source,
            ipam,
            identities,
            flowSinks,
            nodeName,
            podCidrs,
            podPools,
            clusterName,
            clusterId,
            mtuBytes,
            flowsKept,
            tracing,
            limits,
            devices,
            enforcement,
            audit,
            allowLostEndpoints,
            health,
            store,
            routing,
            l7Proxy,
            redaction,
            dns,
            masquerade,
            services,
            labels,
            prefilter,
            hostFirewall));
  }
}
