// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.core.state.Deadline;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/** A bucket of tokens, one for each request: it fills at a steady rate and holds a burst. */
final class RateLimit {
  private static final double NANOS_PER_SECOND = 1e9;

  private final double perNano;
  private final int burst;
  private final LongSupplier nanoTime;

  /** May be negative: those who wait have taken theirs. */
  private double tokens;

  private long atNanos;

  RateLimit(double perSecond, int burst, LongSupplier nanoTime) {
    this.perNano = perSecond / NANOS_PER_SECOND;
    this.burst = Math.max(1, burst);
    this.nanoTime = nanoTime;
    this.tokens = this.burst;
    this.atNanos = nanoTime.getAsLong();
  }

  /**
   * Waits for a token, in turn.
   *
   * @return false if there is none by the deadline; then none is taken
   */
  boolean await(Deadline deadline) throws InterruptedException {
    long waitNanos = take(deadline.left().toNanos());
    long end = System.nanoTime() + Math.max(0, waitNanos);
    while (waitNanos > 0 && end - System.nanoTime() > 0) {
      LockSupport.parkNanos(end - System.nanoTime());
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
    }
    return waitNanos >= 0;
  }

  /** Takes a token, and says how long to wait for it; negative if it comes too late. */
  synchronized long take(long atMostNanos) {
    long now = nanoTime.getAsLong();
    tokens = Math.min(burst, tokens + (now - atNanos) * perNano);
    atNanos = now;
    long waitNanos = tokens >= 1 ? 0 : (long) ((1 - tokens) / perNano);
    if (waitNanos > atMostNanos) {
      return -1;
    }
    tokens--;
    return waitNanos;
  }
}
