// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import java.time.Duration;

/**
 * How nodes are probed.
 *
 * @param port the TCP port on which every node of the cluster answers, 1 to 65535
 * @param baseInterval how often an address is probed, before the size of the cluster is reckoned
 *     in: times ln(1 + addresses), so that the probes of a whole cluster grow slower than its
 *     square
 * @param timeout how long an answer may take
 */
public record HealthConfig(int port, Duration baseInterval, Duration timeout) {

  /** Cilium's port, its interval at its default ratio, and its patience. */
  public static final HealthConfig DEFAULT =
      new HealthConfig(4240, Duration.ofSeconds(60), Duration.ofSeconds(10));

  private static final int MAX_PORT = 65535;

  public HealthConfig {
    if (port < 1 || port > MAX_PORT) {
      throw new IllegalArgumentException("port " + port + ": wanted 1 to " + MAX_PORT);
    }
    if (!baseInterval.isPositive() || !timeout.isPositive()) {
      throw new IllegalArgumentException(
          "interval " + baseInterval + ", timeout " + timeout + ": wanted above 0");
    }
  }

  /** How long after a probe of an address the next one is, where there are so many. */
  Duration interval(int addresses) {
    return addresses == 0
        ? baseInterval
        : Duration.ofNanos((long) (baseInterval.toNanos() * Math.log1p(addresses)));
  }
}
