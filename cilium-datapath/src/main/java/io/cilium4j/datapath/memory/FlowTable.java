// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A hash table of flows with room for so many; the one used least recently makes room for a new
 * one. Entries are their own links, so a look-up allocates nothing and a new flow is one object.
 *
 * <pre>
 *   buckets[hash &amp; mask] -&gt; entry -nextInBucket-&gt; entry …
 *   oldest -newer-&gt; … -newer-&gt; newest, by last use
 * </pre>
 *
 * <p>Not safe for use by several threads.
 */
final class FlowTable {

  private static final int MIN_BUCKETS = 64;

  private final int capacity;
  private @Nullable FlowEntry[] buckets = new FlowEntry[MIN_BUCKETS];
  private int size;
  private @Nullable FlowEntry oldest;
  private @Nullable FlowEntry newest;

  /**
   * @param capacity how many flows it holds, at least 1
   */
  FlowTable(int capacity) {
    this.capacity = capacity;
  }

  int size() {
    return size;
  }

  boolean isMoreThanHalfFull() {
    return size > capacity / 2;
  }

  @Nullable FlowEntry find(FlowKey key) {
    FlowEntry entry = buckets[bucket(key)];
    while (entry != null && !(entry.hash() == key.hash() && entry.matches(key))) {
      entry = entry.nextInBucket;
    }
    return entry;
  }

  private int bucket(FlowKey key) {
    return key.hash() & (buckets.length - 1);
  }

  /** Enters a flow whose key the table does not have. */
  void add(FlowEntry entry) {
    if (size == capacity && oldest != null) {
      remove(oldest);
    }
    if (size >= buckets.length / 4 * 3) {
      grow();
    }
    int at = bucket(entry);
    entry.nextInBucket = buckets[at];
    buckets[at] = entry;
    append(entry);
    size++;
    entry.owner.count(entry, 1);
  }

  void remove(FlowEntry entry) {
    int at = bucket(entry);
    FlowEntry each = buckets[at];
    if (each == entry) {
      buckets[at] = entry.nextInBucket;
    } else {
      while (each != null && each.nextInBucket != entry) {
        each = each.nextInBucket;
      }
      if (each == null) {
        return;
      }
      each.nextInBucket = entry.nextInBucket;
    }
    unlink(entry);
    size--;
    entry.owner.count(entry, -1);
  }

  /** The flow was used just now. */
  void touch(FlowEntry entry) {
    if (entry != newest) {
      unlink(entry);
      append(entry);
    }
  }

  private void append(FlowEntry entry) {
    entry.older = newest;
    entry.newer = null;
    if (newest == null) {
      oldest = entry;
    } else {
      newest.newer = entry;
    }
    newest = entry;
  }

  private void unlink(FlowEntry entry) {
    if (entry.older == null) {
      oldest = entry.newer;
    } else {
      entry.older.newer = entry.newer;
    }
    if (entry.newer == null) {
      newest = entry.older;
    } else {
      entry.newer.older = entry.older;
    }
  }

  private void grow() {
    @Nullable FlowEntry[] before = buckets;
    buckets = new FlowEntry[before.length * 2];
    for (FlowEntry first : before) {
      FlowEntry entry = first;
      while (entry != null) {
        FlowEntry next = entry.nextInBucket;
        int at = bucket(entry);
        entry.nextInBucket = buckets[at];
        buckets[at] = entry;
        entry = next;
      }
    }
  }

  /** How many buckets there are to walk. */
  int buckets() {
    return buckets.length;
  }

  /** Removes the flows of these buckets that are over. */
  void removeIf(int fromBucket, int toBucket, Predicate<FlowEntry> isOver) {
    for (int at = fromBucket; at < Math.min(toBucket, buckets.length); at++) {
      FlowEntry entry = buckets[at];
      while (entry != null) {
        FlowEntry next = entry.nextInBucket;
        if (isOver.test(entry)) {
          remove(entry);
        }
        entry = next;
      }
    }
  }
}
