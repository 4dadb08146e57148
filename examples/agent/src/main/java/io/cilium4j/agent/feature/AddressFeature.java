// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.endpoint.EndpointClaims;
import io.cilium4j.agent.endpoint.Ownership;
import io.cilium4j.agent.state.FileTable;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Node;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.ipam.AddressReservations;
import io.cilium4j.ipam.CountingAllocator;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

/** The node's addresses: for endpoints, and for who has none yet. */
public final class AddressFeature implements Feature {

  /** How often reservations are looked at, whose deadline is minutes away. */
  private static final Duration RESERVATION_SWEEP = Duration.ofSeconds(30);

  private final CountingAllocator allocator;
  private final Ownership ownership = new Ownership();
  private final AddressReservations reservations;

  /** Opens the allocator. */
  public AddressFeature(FeatureContext context) {
    AgentConfig config = context.config();
    var node = new Node(config.nodeName(), List.of(), config.podCidrs());
    this.allocator =
        new CountingAllocator(config.ipam().provider().get().open(node, config.ipam().options()));
    this.reservations =
        new AddressReservations(
            allocator,
            config.podCidrs(),
            new FileTable<>("addresses", context.folder(), AddressReservations.Held.class),
            EndpointClaims.guard(ownership),
            AddressReservations.Clocks.SYSTEM);
    context.repeat("ipam-reservations", RESERVATION_SWEEP, reservations::expire);
  }

  /** The node's own addresses in the pods' network. */
  public List<IpAddress> routers() {
    return Stream.of(IpFamily.values())
        .flatMap(family -> allocator.router(family).stream())
        .toList();
  }

  /** Gives addresses to endpoints. */
  public IpamAllocator allocator() {
    return allocator;
  }

  /** Gives addresses to who has no endpoint yet. */
  public AddressReservations reservations() {
    return reservations;
  }

  /** What each endpoint has to itself. */
  public Ownership ownership() {
    return ownership;
  }

  @Override
  public List<MetricFamily> metrics() {
    return allocator.metrics();
  }
}
