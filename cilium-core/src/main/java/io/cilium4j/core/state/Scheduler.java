// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.time.Duration;

/**
 * Time, and a thread that runs tasks one at a time. Parts that wait or retry take theirs from
 * outside, so that a test moves the time by hand ({@link ManualScheduler}) and never sleeps.
 */
public interface Scheduler extends AutoCloseable {

  /** A clock that only goes forward, in nanoseconds from an arbitrary start. */
  long nanoTime();

  /** Runs the task soon, after those handed in before. Dropped when the scheduler is closed. */
  void execute(Runnable task);

  /** Runs the task once {@code delay} has passed. Dropped when the scheduler is closed. */
  void schedule(Duration delay, Runnable task);

  /** Takes no more tasks, drops the waiting ones and waits for the one that runs. */
  @Override
  void close();

  /** A scheduler with a daemon thread of its own. */
  static Scheduler ofThread(String name) {
    return new ThreadScheduler(name);
  }
}
