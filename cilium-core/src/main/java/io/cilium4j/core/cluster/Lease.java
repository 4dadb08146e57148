// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.cluster;

import java.time.Duration;
import java.time.Instant;

/**
 * Who leads, and for how long unless he renews: a {@code Lease} of {@code coordination.k8s.io}.
 *
 * <p>The times are for people. Who waits for a lease to end counts from the moment at which he saw
 * it change, by his own clock: clocks of different machines are never compared.
 *
 * @param name what is led
 * @param holder who leads; empty if nobody does
 * @param duration how long others wait after the last change before they take it
 * @param transitions how often it went from one holder to another
 * @param acquired when the holder took it, by his clock
 * @param renewed when he renewed it last, by his clock; each renewal changes it
 */
public record Lease(
    String name,
    String holder,
    Duration duration,
    int transitions,
    Instant acquired,
    Instant renewed)
    implements ClusterObject {

  public Lease {
    Names.require("lease", name);
    if (!duration.isPositive() || !duration.equals(Duration.ofSeconds(duration.toSeconds()))) {
      throw new IllegalArgumentException("lease of " + duration + ": wanted whole seconds");
    }
    if (transitions < 0) {
      throw new IllegalArgumentException("lease transitions " + transitions + ": wanted 0 or more");
    }
  }

  @Override
  public String key() {
    return name;
  }
}
