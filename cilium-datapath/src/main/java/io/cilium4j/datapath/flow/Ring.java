// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The last so many of what was added, with any number of readers, each of which keeps its place as
 * the number of what it wants next. A slow reader delays nobody: the ring goes on, and it is told
 * how much it lost. Safe for use by several threads.
 */
public final class Ring<T extends Numbered> {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition arrived = lock.newCondition();

  /** Each stands at its number modulo the length. Guarded by the lock. */
  private final @Nullable Object[] kept;

  /** The number of what was added last. Guarded by the lock. */
  private long last;

  /**
   * What a reader gets.
   *
   * @param lost how many it wanted that are not kept any more
   * @param items what follows, the oldest first
   */
  public record Batch<T>(long lost, List<T> items) {
    public Batch {
      items = List.copyOf(items);
    }
  }

  /** Keeps at most so many, from 1. */
  public Ring(int capacity) {
    this.kept = new Object[capacity];
  }

  /** Adds what is made of the next number, and gives it. */
  public T add(LongFunction<T> make) {
    lock.lock();
    try {
      T added = make.apply(last + 1);
      last++;
      kept[place(last)] = added;
      arrived.signalAll();
      return added;
    } finally {
      lock.unlock();
    }
  }

  private int place(long number) {
    return (int) (number % kept.length);
  }

  /** How many are kept at most. */
  public int capacity() {
    return kept.length;
  }

  /** How many were added, which is the number of the last one. */
  public long added() {
    lock.lock();
    try {
      return last;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Some from a number on; does not wait.
   *
   * @param number the first that is wanted, from 1
   * @param atMost how many at most
   */
  @SuppressWarnings("unchecked") // Nothing else is put there.
  public Batch<T> read(long number, int atMost) {
    lock.lock();
    try {
      long oldest = Math.max(1, last - kept.length + 1);
      long from = Math.max(number, oldest);
      var items = new ArrayList<T>();
      for (long each = from; each <= last && items.size() < atMost; each++) {
        items.add((T) Objects.requireNonNull(kept[place(each)]));
      }
      return new Batch<>(from - number, items);
    } finally {
      lock.unlock();
    }
  }

  /** Waits until the one of this number was added, but for no longer than that. */
  public void await(long number, Duration atMost) throws InterruptedException {
    long nanos = atMost.toNanos();
    lock.lockInterruptibly();
    try {
      while (last < number && nanos > 0) {
        nanos = arrived.awaitNanos(nanos);
      }
    } finally {
      lock.unlock();
    }
  }
}
