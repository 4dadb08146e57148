// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * A moment after which something must not happen any more. It is handed on as it is, so that time
 * that goes by on the way, with a process that was stopped for instance, counts.
 *
 * @param clock a clock that only goes forward, in nanoseconds
 * @param nanos the moment, by that clock
 */
public record Deadline(LongSupplier clock, long nanos) {

  /** So far from now, by the machine's clock. */
  public static Deadline in(Duration time) {
    return in(time, System::nanoTime);
  }

  /** So far from now, by another clock. */
  public static Deadline in(Duration time, LongSupplier clock) {
    return new Deadline(clock, clock.getAsLong() + time.toNanos());
  }

  /** The time that is left; negative once it is over. */
  public Duration left() {
    return Duration.ofNanos(nanos - clock.getAsLong());
  }

  /** Whether the moment has come. */
  public boolean isOver() {
    return nanos - clock.getAsLong() <= 0;
  }

  /** The earlier of this one and one of the same clock. */
  public Deadline orEarlier(Deadline other) {
    return other.nanos - nanos < 0 ? other : this;
  }
}
