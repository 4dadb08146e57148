// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.time.Duration;
import java.util.Comparator;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A part of the system's state: rows by key, a revision that each change raises by one, and one
 * {@link TableWriter}. This is the side that everybody may hold; it can only be read.
 *
 * <p>Reading is taking a {@link #snapshot}: one volatile read, and nobody blocks anybody. A reader
 * that follows the table opens a {@link Watch} and gets what changed since its last look.
 */
public final class Table<K, V> {

  private final Database database;

  /** Where it stands among the tables of its database. */
  private final int slot;

  private final String name;
  private final Comparator<? super K> order;
  private final CopyOnWriteArrayList<Watch<K, V>> watches = new CopyOnWriteArrayList<>();

  /** For those who wait until the table is initialised; guards nothing but the condition. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition published = lock.newCondition();

  /** Without a row, as a reader has it that has not looked yet. */
  private final Snapshot<K, V> beginning;

  Table(
      Database database,
      int slot,
      String name,
      Comparator<? super K> order,
      Snapshot<K, V> beginning) {
    this.database = database;
    this.slot = slot;
    this.name = name;
    this.order = order;
    this.beginning = beginning;
  }

  Database database() {
    return database;
  }

  int slot() {
    return slot;
  }

  /** The table's name, for people. */
  public String name() {
    return name;
  }

  /** The order of keys. */
  Comparator<? super K> order() {
    return order;
  }

  Snapshot<K, V> beginning() {
    return beginning;
  }

  /** The table as it is now. */
  public Snapshot<K, V> snapshot() {
    return database.snapshot(slot);
  }

  /** The value under this key now. */
  public Optional<V> get(K key) {
    return snapshot().get(key);
  }

  /** The number of changes so far. */
  public long revision() {
    return snapshot().revision();
  }

  /** Whether every input has delivered what existed when the table was made. */
  public boolean isInitialised() {
    return snapshot().isInitialised();
  }

  /**
   * Waits until the table is initialised.
   *
   * @return false when it is not by the end of {@code atMost}
   */
  public boolean awaitInitialised(Duration atMost) throws InterruptedException {
    long nanos = atMost.toNanos();
    lock.lockInterruptibly();
    try {
      while (!isInitialised()) {
        if (nanos <= 0) {
          return false;
        }
        nanos = published.awaitNanos(nanos);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Follows the table from its beginning: the first look gives every row. */
  public Watch<K, V> watch() {
    return watch(() -> {});
  }

  /**
   * Follows the table from its beginning.
   *
   * @param wakeUp called on the writer's thread after each change, once at least for all changes
   *     between two looks; must neither wait nor throw: it hands on to the reader's own thread
   */
  public Watch<K, V> watch(Runnable wakeUp) {
    var watch = new Watch<>(this, wakeUp);
    watches.add(watch);
    return watch;
  }

  void close(Watch<K, V> watch) {
    watches.remove(watch);
  }

  /** The revision that every watch has seen; the newest one when nobody watches. */
  long seenByAll() {
    long seen = Long.MAX_VALUE;
    for (Watch<K, V> watch : watches) {
      seen = Math.min(seen, watch.position());
    }
    return seen;
  }

  /** Wakes those who follow. Called where it was written. */
  void changed() {
    lock.lock();
    try {
      published.signalAll();
    } finally {
      lock.unlock();
    }
    for (Watch<K, V> watch : watches) {
      watch.wake();
    }
  }

  @Override
  public String toString() {
    Snapshot<K, V> now = snapshot();
    return "table " + name + " rows=" + now.size() + " revision=" + now.revision();
  }
}
