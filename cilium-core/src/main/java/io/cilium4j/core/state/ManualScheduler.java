// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.time.Duration;
import java.util.Comparator;
import java.util.PriorityQueue;

/**
 * A scheduler whose time stands still until it is told to go on, for tests and simulations. Tasks
 * run in the thread that calls {@link #runDue} or {@link #advance}, in the order of their times.
 *
 * <p>Tasks may be handed in from any thread; one thread moves the time.
 */
public final class ManualScheduler implements Scheduler {

  private record Task(long atNanos, long number, Runnable action) {}

  private final PriorityQueue<Task> tasks =
      new PriorityQueue<>(Comparator.comparingLong(Task::atNanos).thenComparingLong(Task::number));
  private long nowNanos;
  private long numbered;
  private boolean closed;

  /** A scheduler whose clock shows 0. */
  public ManualScheduler() {}

  @Override
  public synchronized long nanoTime() {
    return nowNanos;
  }

  @Override
  public void execute(Runnable task) {
    schedule(Duration.ZERO, task);
  }

  @Override
  public synchronized void schedule(Duration delay, Runnable task) {
    if (!closed) {
      tasks.add(new Task(nowNanos + Math.max(0, delay.toNanos()), numbered++, task));
    }
  }

  /** Runs what is due now, and what that makes due, and returns how many tasks ran. */
  public int runDue() {
    return advance(Duration.ZERO);
  }

  /** Lets time pass, running each task at its time; returns how many ran. */
  public int advance(Duration by) {
    long end = nanoTime() + by.toNanos();
    int ran = 0;
    while (runNext(end)) {
      ran++;
    }
    synchronized (this) {
      nowNanos = end;
    }
    return ran;
  }

  private boolean runNext(long endNanos) {
    Task next;
    synchronized (this) {
      next = tasks.peek();
      if (next == null || next.atNanos > endNanos) {
        return false;
      }
      tasks.remove();
      nowNanos = next.atNanos;
    }
    next.action.run();
    return true;
  }

  @Override
  public synchronized void close() {
    closed = true;
    tasks.clear();
  }
}
