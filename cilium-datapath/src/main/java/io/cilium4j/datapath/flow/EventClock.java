// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import java.time.Instant;

/**
 * Tells when something happened that has the kernel's monotonic clock, which is that of {@link
 * System#nanoTime}. What happened later has a later time, unless the machine's clock was set in
 * between. Safe for use by several threads.
 */
final class EventClock {

  /** How long a comparison of the two clocks is used. */
  private static final long USE_NANOS = 1_000_000_000;

  /** Two readings differ by what passes between them; more than that, and the clock was set. */
  private static final long TOLERATED_NANOS = 1_000_000;

  /** One moment on both clocks, and when they were compared last. */
  private record Both(long epochNanos, long nanos, long comparedAt) {}

  private volatile Both both = compare(System.nanoTime());

  private static Both compare(long nanos) {
    Instant now = Instant.now();
    long epochNanos = now.getEpochSecond() * 1_000_000_000 + now.getNano();
    return new Both(epochNanos, nanos, nanos);
  }

  /** When it was, or now if that is yet to come. */
  Instant at(long timeNanos) {
    long now = System.nanoTime();
    Both known = both;
    if (now - known.comparedAt() > USE_NANOS) {
      Both fresh = compare(now);
      long moved = fresh.epochNanos() - known.epochNanos() - (now - known.nanos());
      known =
          Math.abs(moved) > TOLERATED_NANOS
              ? fresh
              : new Both(known.epochNanos(), known.nanos(), now);
      both = known;
    }
    long nanos = Math.min(timeNanos - now, 0) + now;
    return Instant.EPOCH.plusNanos(known.epochNanos() + nanos - known.nanos());
  }
}
