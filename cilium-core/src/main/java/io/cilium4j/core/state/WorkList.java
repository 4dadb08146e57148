// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;
import java.util.PriorityQueue;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a reconciler still has to carry out: at most one piece of work a key, each with the time of
 * its next attempt. Every call takes O(log n). Not safe for use by several threads.
 */
final class WorkList<K, V> {

  /** One change to carry out. Replaced, never altered, when its row changes again. */
  static final class Work<K, V> {
    final Change<K, V> change;

    /** The oldest revision of the row that the target may still lack. */
    private final long since;

    private int attempts;
    private long dueNanos;

    private Work(Change<K, V> change, long since, long dueNanos) {
      this.change = change;
      this.since = since;
      this.dueNanos = dueNanos;
    }

    K key() {
      return change.key();
    }

    /** How many attempts have failed. */
    int attempts() {
      return attempts;
    }
  }

  private final TreeMap<K, Work<K, V>> open;

  /** The first to be due stands first. Work that is not open any more is passed over when met. */
  private final PriorityQueue<Work<K, V>> queue =
      new PriorityQueue<>((a, b) -> Long.compare(a.dueNanos - b.dueNanos, 0));

  /** How much open work there is since each revision. */
  private final TreeMap<Long, Integer> openSince = new TreeMap<>();

  WorkList(Comparator<? super K> order) {
    this.open = new TreeMap<>(order);
  }

  boolean contains(K key) {
    return open.containsKey(key);
  }

  /**
   * Adds a change, due at once, in place of what there was to do for its key. What the target
   * lacked of the row before, it still lacks.
   *
   * @param since the oldest revision at which the row may have changed
   */
  void add(Change<K, V> change, long since, long nowNanos) {
    Work<K, V> before = open.get(change.key());
    long oldest = before == null ? since : Math.min(since, before.since);
    close(change.key());
    var work = new Work<>(change, oldest, nowNanos);
    open.put(work.key(), work);
    openSince.merge(oldest, 1, Integer::sum);
    queue.add(work);
  }

  /** Nothing is left to do for this key. */
  void close(K key) {
    Work<K, V> work = open.remove(key);
    if (work != null) {
      openSince.computeIfPresent(work.since, (since, count) -> count == 1 ? null : count - 1);
    }
  }

  /** Takes the work that is due, in the order of revisions; it stays open until it is closed. */
  List<Work<K, V>> takeDue(long nowNanos) {
    var due = new ArrayList<Work<K, V>>();
    for (Work<K, V> next = firstOpen();
        next != null && next.dueNanos - nowNanos <= 0;
        next = firstOpen()) {
      due.add(next);
      queue.remove();
    }
    due.sort(Comparator.comparingLong(work -> work.change.revision()));
    return due;
  }

  /** Notes a failed attempt at work that was taken; {@link #again} must follow. */
  int fail(Work<K, V> work) {
    return ++work.attempts;
  }

  /** Puts work that was taken back, for another attempt. */
  void again(Work<K, V> work, long dueNanos) {
    work.dueNanos = dueNanos;
    queue.add(work);
  }

  /** When the next work is due. */
  OptionalLong nextDueNanos() {
    Work<K, V> first = firstOpen();
    return first == null ? OptionalLong.empty() : OptionalLong.of(first.dueNanos);
  }

  /** The oldest revision that some row still lacks. */
  OptionalLong oldestSince() {
    return openSince.isEmpty() ? OptionalLong.empty() : OptionalLong.of(openSince.firstKey());
  }

  private @Nullable Work<K, V> firstOpen() {
    Work<K, V> first = queue.peek();
    while (first != null && open.get(first.key()) != first) {
      queue.remove();
      first = queue.peek();
    }
    return first;
  }
}
