// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.datapath.proxy.DnsLimits;
import java.time.Duration;
import java.util.Objects;

/**
 * How questions to DNS are served, and how long their answers count in rules that name DNS names.
 *
 * @param proxy what the proxy takes, and how long it waits
 * @param minTimeToLive a shorter time to live counts as this
 * @param mostAddresses most addresses of a name that an endpoint may use at a time
 * @param mostKept most addresses that an endpoint keeps for connections, whose time is over
 * @param grace how long an address is kept at least when its time is over
 */
public record DnsConfig(
    DnsLimits proxy, Duration minTimeToLive, int mostAddresses, int mostKept, Duration grace) {

  /** As Cilium has them. */
  public static final DnsConfig DEFAULT =
      new DnsConfig(DnsLimits.DEFAULT, Duration.ZERO, 1_000, 10_000, Duration.ZERO);

  public DnsConfig {
    Objects.requireNonNull(proxy, "proxy");
    if (minTimeToLive.isNegative() || grace.isNegative() || mostAddresses < 1 || mostKept < 0) {
      throw new IllegalArgumentException(
          "time to live from %s, %d addresses, %d kept, grace %s"
              .formatted(minTimeToLive, mostAddresses, mostKept, grace));
    }
  }
}
