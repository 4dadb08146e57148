// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Whether an address of a node is reached.
 *
 * @param address whose
 * @param icmp by an echo request
 * @param http by {@code GET /hello} of its agent
 */
public record AddressHealth(NodeAddress address, Probe icmp, Probe http) {

  /** What can be said of an address altogether. */
  public enum Reach {
    REACHABLE,
    UNREACHABLE,
    UNKNOWN;

    /** As it is told: {@code reachable}. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** One that was not probed yet. */
  static AddressHealth unknown(NodeAddress address) {
    return new AddressHealth(address, new Probe.Unknown(), new Probe.Unknown());
  }

  /** Unreachable as soon as one way fails; reachable once both are known to work. */
  public Reach reach() {
    if (icmp instanceof Probe.Failed || http instanceof Probe.Failed) {
      return Reach.UNREACHABLE;
    }
    return icmp instanceof Probe.Unknown || http instanceof Probe.Unknown
        ? Reach.UNKNOWN
        : Reach.REACHABLE;
  }

  /** Why it is not reached; empty unless it is known not to be. */
  public String error() {
    return Stream.of(icmp, http)
        .filter(Probe.Failed.class::isInstance)
        .map(Probe.Failed.class::cast)
        .map(Probe.Failed::error)
        .findFirst()
        .orElse("");
  }

  /** When it was last probed; absent if it was not yet. */
  public Optional<Instant> lastProbed() {
    return Stream.of(icmp, http).flatMap(AddressHealth::time).max(Instant::compareTo);
  }

  private static Stream<Instant> time(Probe probe) {
    return switch (probe) {
      case Probe.Unknown _ -> Stream.empty();
      case Probe.Reached reached -> Stream.of(reached.at());
      case Probe.Failed failed -> Stream.of(failed.at());
    };
  }
}
