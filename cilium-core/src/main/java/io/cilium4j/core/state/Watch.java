// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One reader's place in a {@link Table}. As long as it is open the table remembers the removals
 * that this reader has not seen, up to a bound; so close it when done.
 *
 * <p>For one reading thread at a time.
 */
public final class Watch<K, V> implements AutoCloseable {

  /** The position of a reader that has not looked yet: it needs no removal to be remembered. */
  private static final long NOT_BEGUN = Long.MAX_VALUE;

  private final Table<K, V> table;
  private final Runnable wakeUp;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition woken = lock.newCondition();

  private volatile long position = NOT_BEGUN;
  private volatile boolean closed;

  /** Whether the reader knew the table to be initialised; becoming so is news as well. */
  private boolean knewInitialised;

  Watch(Table<K, V> table, Runnable wakeUp) {
    this.table = table;
    this.wakeUp = wakeUp;
  }

  long position() {
    return position;
  }

  /** What changed since the last look; does not wait. */
  public Changes<K, V> poll() {
    Snapshot<K, V> now = table.snapshot();
    Changes<K, V> changes = position == NOT_BEGUN ? now.fromScratch() : now.changesSince(position);
    position = now.revision();
    knewInitialised = now.isInitialised();
    return changes;
  }

  /**
   * What changed since the last look, waiting until there is something to see: a change, or that
   * the table became initialised.
   *
   * @return no change when the time is over or the watch was closed
   */
  public Changes<K, V> take(Duration atMost) throws InterruptedException {
    long nanos = atMost.toNanos();
    lock.lockInterruptibly();
    try {
      while (!closed && !hasNews() && nanos > 0) {
        nanos = woken.awaitNanos(nanos);
      }
    } finally {
      lock.unlock();
    }
    return poll();
  }

  private boolean hasNews() {
    Snapshot<K, V> now = table.snapshot();
    return position == NOT_BEGUN
        || now.revision() > position
        || now.isInitialised() != knewInitialised;
  }

  void wake() {
    lock.lock();
    try {
      woken.signalAll();
    } finally {
      lock.unlock();
    }
    wakeUp.run();
  }

  /** Whether it was closed. */
  public boolean isClosed() {
    return closed;
  }

  /** Lets the table forget this reader, and ends its waiting. */
  @Override
  public void close() {
    closed = true;
    table.close(this);
    lock.lock();
    try {
      woken.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
