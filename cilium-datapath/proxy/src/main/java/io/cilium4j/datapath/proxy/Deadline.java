// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Something that happens if nothing else does in time. It can be moved for each request at the cost
 * of a field: one task waits, and when it is due looks whether it is too early. On one event loop.
 */
final class Deadline {
  private final EventLoop loop;
  private long dueNanos;
  private @Nullable Runnable action;
  private @Nullable Future<?> waiting;
  private long waitingUntil;

  Deadline(EventLoop loop) {
    this.loop = loop;
  }

  /** Replaces what was to happen. */
  void set(Duration time, Runnable then) {
    action = then;
    dueNanos = System.nanoTime() + time.toNanos();
    if (waiting == null || dueNanos - waitingUntil < 0) {
      if (waiting != null) {
        waiting.cancel(false);
      }
      await();
    }
  }

  /** Nothing happens any more. */
  void clear() {
    action = null;
  }

  /** As {@link #clear}, and nothing waits any more either. */
  void close() {
    action = null;
    if (waiting != null) {
      waiting.cancel(false);
      waiting = null;
    }
  }

  private void await() {
    waitingUntil = dueNanos;
    long left = Math.max(0, dueNanos - System.nanoTime());
    waiting = loop.schedule(this::due, left, TimeUnit.NANOSECONDS);
  }

  private void due() {
    waiting = null;
    if (action == null) {
      return;
    }
    if (dueNanos - System.nanoTime() > 0) {
      await();
      return;
    }
    Runnable now = action;
    action = null;
    now.run();
  }
}
