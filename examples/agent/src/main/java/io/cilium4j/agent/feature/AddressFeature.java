// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.config.Seam;
import io.cilium4j.agent.endpoint.EndpointClaims;
import io.cilium4j.agent.endpoint.Ownership;
import io.cilium4j.agent.state.FileTable;
import io.cilium4j.agent.state.PoolStore;
import io.cilium4j.agent.state.StateFolder;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamMode;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Table;
import io.cilium4j.ipam.AddressReservations;
import io.cilium4j.ipam.CountingAllocator;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The node's addresses: for endpoints, and for who has none yet. */
public final class AddressFeature implements Feature {

  /** How often reservations are looked at, whose deadline is minutes away. */
  private static final Duration RESERVATION_SWEEP = Duration.ofSeconds(30);

  /** How often prefixes are looked at that are not needed any more, as the field has it. */
  private static final Duration POOL_SWEEP = Duration.ofSeconds(15);

  private final CountingAllocator allocator;
  private final Ownership ownership = new Ownership();
  private final AddressReservations reservations;
  private final Optional<NodePools> pools;

  /** Opens the allocator. */
  public AddressFeature(FeatureContext context, SourceFeature source) {
    AgentConfig config = context.config();
    var store = new PoolStore(context.folder());
    Node node = initialNode(config, store);
    this.allocator = new CountingAllocator(open(config, node, store));
    this.reservations =
        new AddressReservations(
            allocator,
            allocator.claims().isPresent()
                ? new PodPools(source, allocator.defaultPool())
                : (_, _) -> NodePool.DEFAULT,
            new FileTable<>("addresses", context.folder(), AddressReservations.Held.class),
            EndpointClaims.guard(ownership),
            AddressReservations.Clocks.SYSTEM);
    this.pools =
        allocator
            .claims()
            .map(claims ->
                new NodePools(
                    config.nodeName(),
                    allocator,
                    claims,
                    node.pools(),
                    store,
                    context.thread("pools")));
    context.repeat("ipam-reservations", RESERVATION_SWEEP, reservations::expire);
    pools.ifPresent(_ -> context.repeat("ipam-sync-multi-pool", POOL_SWEEP, allocator::trim));
  }

  private static Node initialNode(AgentConfig config, PoolStore store) {
    Map<String, NodePool> pools =
        config.podPools().isEmpty()
            ? Map.of()
            : NodePools.initial(config.podPools(), store.pools());
    return new Node(config.nodeName(), List.of(), config.podCidrs(), pools, Map.of());
  }

  /** The prefixes that addresses come from at first. */
  public static List<IpPrefix> initialPodCidrs(AgentConfig config, StateFolder folder) {
    if (config.podPools().isEmpty()) {
      return config.podCidrs();
    }
    return NodePool.cidrs(initialNode(config, new PoolStore(folder)).pools());
  }

  private static IpamAllocator open(AgentConfig config, Node node, PoolStore store) {
    Seam<IpamMode> mode = config.ipam();
    var options = new TreeMap<>(mode.options());
    if (!node.pools().isEmpty() && !store.routers().isEmpty()) {
      options.put(
          "routers",
          store.routers().stream().map(IpAddress::toString).collect(Collectors.joining(",")));
    }
    return mode.provider().get().open(node, options);
  }

  /** The node's own addresses in the pods' network. */
  public List<IpAddress> routers() {
    return Stream.of(IpFamily.values())
        .flatMap(family -> allocator.router(family).stream())
        .toList();
  }

  /** The prefixes that addresses come from, by their pools; they come and go. */
  public Table<IpPrefix, String> podCidrs() {
    return allocator.prefixes();
  }

  /** Gives addresses to endpoints. */
  public IpamAllocator allocator() {
    return allocator;
  }

  /** Gives addresses to who has no endpoint yet. */
  public AddressReservations reservations() {
    return reservations;
  }

  /** What the node has of pools; absent where addresses do not come from pools. */
  public Optional<NodePools> pools() {
    return pools;
  }

  /** What each endpoint has to itself. */
  public Ownership ownership() {
    return ownership;
  }

  @Override
  public void join(Lifecycle lifecycle) {
    pools.ifPresent(each -> lifecycle.add("pools", each.follower()));
  }

  @Override
  public List<MetricFamily> metrics() {
    return allocator.metrics();
  }
}
