// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.state.Scheduler;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/**
 * Has numbers forgotten when their rest is over: by one timer at a time, however many rest and
 * however often they are woken.
 *
 * <p>Safe for use by several threads.
 */
final class ExpiryTimer {
  private final Scheduler scheduler;
  private final Supplier<Optional<Duration>> expire;
  private final AtomicBoolean isSet = new AtomicBoolean();

  /**
   * @param expire forgets those whose rest is over, and tells how long until the next one's is
   */
  ExpiryTimer(Scheduler scheduler, Supplier<Optional<Duration>> expire) {
    this.scheduler = scheduler;
    this.expire = expire;
  }

  /** To be called when a number goes to rest, for this long. */
  void rests(Duration rest) {
    if (isSet.compareAndSet(false, true)) {
      scheduler.schedule(rest, this::ring);
    }
  }

  private void ring() {
    // First, so that a rest which begins meanwhile sets a timer of its own rather than none.
    isSet.set(false);
    expire.get().ifPresent(this::rests);
  }
}
