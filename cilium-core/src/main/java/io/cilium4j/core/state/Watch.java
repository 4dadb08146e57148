// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One reader's place in a {@link Table}. It holds the table as it was at the reader's last look, so
 * that the next one tells what became of each row since, however long ago that was. As long as it
 * is open the table remembers the removals that this reader has not seen, up to a bound; beyond it
 * a look takes time in proportion to the table. So close it when done.
 *
 * <p>For one reading thread at a time.
 */
public final class Watch<K, V> implements AutoCloseable {

  private final Table<K, V> table;
  private final Runnable wakeUp;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition woken = lock.newCondition();

  /** The table at the last look; null before the first. */
  private volatile @Nullable Snapshot<K, V> seen;

  private volatile boolean closed;

  /** What {@link #peek} gave last. */
  private Changes<K, V> peeked;

  /** Whether that was lost. */
  private boolean hasFailed;

  /** The removals that were lost with it. */
  private List<Change<K, V>> owed = List.of();

  Watch(Table<K, V> table, Runnable wakeUp) {
    this.table = table;
    this.wakeUp = wakeUp;
    this.peeked = new Changes<>(List.of(), table.beginning(), table.beginning());
  }

  /** The revision from which removals must be remembered for this reader. */
  long position() {
    Snapshot<K, V> last = seen;
    return last == null ? Long.MAX_VALUE : last.revision(); // A first look sees no removal.
  }

  /** What changed since the last look; does not wait. */
  public Changes<K, V> poll() {
    Snapshot<K, V> last = seen;
    Snapshot<K, V> now = table.snapshot();
    seen = now;
    return now.changesSince(last == null ? table.beginning() : last);
  }

  Table<K, V> table() {
    return table;
  }

  /**
   * What changed since the last look, which stays the last one.
   *
   * @param views the databases as they are looked at; that of the table is added, if it is missing
   */
  Changes<K, V> peek(Map<Database, Database.View> views) {
    Snapshot<K, V> last = seen;
    Snapshot<K, V> before = last == null ? table.beginning() : last;
    Snapshot<K, V> now = in(views);
    peeked = hasFailed ? now.everythingSince(before, owed) : now.changesSince(before);
    return peeked;
  }

  /** What {@link #peek} gave is looked at. */
  void advance(Map<Database, Database.View> views) {
    seen = in(views);
    hasFailed = false;
    owed = List.of();
  }

  /**
   * What {@link #peek} gave is lost, or a part of it: the next one gives every row there is, and
   * these removals again.
   */
  void fail(Map<Database, Database.View> views) {
    seen = in(views);
    hasFailed = true;
    owed = peeked.list().stream().filter(Change.Removed.class::isInstance).toList();
  }

  private Snapshot<K, V> in(Map<Database, Database.View> views) {
    return views.computeIfAbsent(table.database(), Database::view).of(table);
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
    Snapshot<K, V> last = seen;
    // Becoming initialised is news as well.
    return last == null
        || now.revision() > last.revision()
        || now.isInitialised() != last.isInitialised();
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
