// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.AgentConfig.Source;
import io.cilium4j.agent.cluster.HealthConfig;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.ipam.PodPrefixes;
import io.cilium4j.policy.EnforcementMode;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Puts an {@link Agent} together. Everything has a default but the pods' prefixes. */
public final class AgentBuilder {

  /** Largest packet of an Ethernet network. */
  private static final int DEFAULT_MTU_BYTES = 1500;

  private String instance = Config.DEFAULT_INSTANCE;
  private Supplier<DatapathChoice> datapath = () -> DatapathChoice.of("auto");
  private @Nullable Path stateFolder;
  private Optional<Source> source = Optional.empty();
  private String nodeName = "node";
  private List<IpPrefix> podCidrs = List.of();
  private String clusterName = KubernetesSourceProvider.Config.DEFAULT_CLUSTER;
  private int clusterId;
  private int mtuBytes = DEFAULT_MTU_BYTES;
  private Limits limits = Limits.DEFAULT;
  private List<String> devices = List.of();
  private EnforcementMode enforcement = EnforcementMode.DEFAULT;
  private boolean audit;
  private boolean allowLostEndpoints;
  private Optional<HealthConfig> health = Optional.empty();

  AgentBuilder() {}

  /**
   * The instance's name, 1 to 8 of {@code [a-z0-9]}; {@code cilium4j} by default. Agents of
   * different names run side by side on one machine, given different pod CIDRs.
   */
  public AgentBuilder instance(String name) {
    this.instance = name;
    return this;
  }

  /**
   * The datapath's name: {@code ebpf}, {@code memory}, or {@code auto} (the default), the first of
   * these that can run here.
   */
  public AgentBuilder datapath(String name) {
    this.datapath = () -> DatapathChoice.of(name);
    return this;
  }

  /** A datapath of the caller's own. */
  public AgentBuilder datapath(DatapathProvider provider) {
    this.datapath = () -> DatapathChoice.ofUsable(provider);
    return this;
  }

  /** Where the agent keeps what outlives it; {@code /run/INSTANCE} by default. */
  public AgentBuilder stateFolder(Path folder) {
    this.stateFolder = folder;
    return this;
  }

  /** A folder of Kubernetes manifests to follow; without one there are no policies. */
  public AgentBuilder manifests(Path folder) {
    this.source =
        Optional.of(
            new Source(
                () ->
                    Services.named(
                        ServiceLoader.load(KubernetesSourceProvider.class),
                        KubernetesSourceProvider::name,
                        "directory"),
                Map.of("path", folder.toString())));
    return this;
  }

  /** Another source of Kubernetes objects than a folder. */
  public AgentBuilder source(KubernetesSourceProvider provider, Map<String, String> options) {
    this.source = Optional.of(new Source(() -> provider, options));
    return this;
  }

  /** The node's name in Kubernetes. */
  public AgentBuilder nodeName(String name) {
    this.nodeName = name;
    return this;
  }

  /** The prefixes of the endpoints' addresses, at most one a family. */
  public AgentBuilder podCidrs(IpPrefix... prefixes) {
    this.podCidrs = List.of(prefixes);
    return this;
  }

  /**
   * As {@link #podCidrs(IpPrefix...)}, from text.
   *
   * @throws IllegalArgumentException if one is no prefix or has bits behind its length
   */
  public AgentBuilder podCidrs(String... prefixes) {
    this.podCidrs = List.of(prefixes).stream().map(PodPrefixes::parse).toList();
    return this;
  }

  /** The cluster's name, which each endpoint has as a label; {@code default} by default. */
  public AgentBuilder clusterName(String name) {
    this.clusterName = name;
    return this;
  }

  /** The cluster's id, 0 to 255; 0 by default. */
  public AgentBuilder clusterId(int id) {
    this.clusterId = id;
    return this;
  }

  /** Largest packet of the endpoints' devices, in bytes; 1500 by default. */
  public AgentBuilder mtuBytes(int bytes) {
    this.mtuBytes = bytes;
    return this;
  }

  /** How much the datapath may hold. */
  public AgentBuilder limits(Limits bounds) {
    this.limits = bounds;
    return this;
  }

  /**
   * Names of the devices that join the node to its networks; {@code eth+} stands for all that begin
   * so. None by default: those with a global address or a default route.
   */
  public AgentBuilder devices(String... names) {
    this.devices = List.of(names);
    return this;
  }

  /** When endpoints are restricted; {@code DEFAULT} by default: where a rule selects them. */
  public AgentBuilder enforcement(EnforcementMode mode) {
    this.enforcement = mode;
    return this;
  }

  /** Whether what policy denies goes on all the same and is reported; false by default. */
  public AgentBuilder audit(boolean on) {
    this.audit = on;
    return this;
  }

  /**
   * Whether to start with pod CIDRs that do not hold the addresses of endpoints of an earlier
   * start; false by default. Those pods lose their network, until a start with the right pod CIDRs
   * brings them back.
   */
  public AgentBuilder allowLostEndpoints(boolean allow) {
    this.allowLostEndpoints = allow;
    return this;
  }

  /**
   * Probes the cluster's nodes, and answers their probes on the node's own addresses; without it
   * neither is done.
   */
  public AgentBuilder nodeHealth(HealthConfig config) {
    this.health = Optional.of(config);
    return this;
  }

  /**
   * The agent, not started.
   *
   * @throws IllegalArgumentException if something does not fit, in one line
   */
  public Agent build() {
    Path folder = stateFolder == null ? Path.of("/run", instance) : stateFolder;
    return new Agent(
        new AgentConfig(
            instance,
            datapath,
            folder,
            source,
            nodeName,
            podCidrs,
            clusterName,
            clusterId,
            mtuBytes,
            limits,
            devices,
            enforcement,
            audit,
            allowLostEndpoints,
            health));
  }
}
