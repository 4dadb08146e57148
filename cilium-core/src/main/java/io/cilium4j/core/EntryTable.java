// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import org.jspecify.annotations.Nullable;

/**
 * A hash table from packed policy keys to entries, with copies that are cheap to change: the slots
 * are cut into chunks, and a copy shares with its original those that it has not changed.
 *
 * <p>Open addressing, linear probing, at most half full; a slot of key 0 is free. Changed by one
 * thread; once {@link #seal sealed} it is never changed and may be read by any.
 */
final class EntryTable {

  /** Slots of an empty table; a power of two, as every number of slots. */
  private static final int MIN_SLOTS = 16;

  /**
   * A chunk has 2^7 slots: 1.5 kB to copy for a change of one key, and in a table of 65,536 keys
   * 1,024 chunks to refer to. A table of fewer slots is one shorter chunk.
   */
  private static final int CHUNK_BITS = 7;

  private static final int CHUNK_SLOTS = 1 << CHUNK_BITS;
  private static final int IN_CHUNK = CHUNK_SLOTS - 1;

  /** The key of slot n: chunk {@code n >>> CHUNK_BITS}, place {@code n & IN_CHUNK}. */
  private long[][] keys;

  private @Nullable PolicyEntry[][] entries;

  /** One less than the number of slots. */
  private int mask;

  private int size;

  /** The original, as long as chunks that are the same arrays as its own are not to be written. */
  private @Nullable EntryTable original;

  EntryTable() {
    this.keys = new long[1][MIN_SLOTS];
    this.entries = new PolicyEntry[1][MIN_SLOTS];
    this.mask = MIN_SLOTS - 1;
  }

  private EntryTable(EntryTable original) {
    this.keys = original.keys.clone();
    this.entries = original.entries.clone();
    this.mask = original.mask;
    this.size = original.size;
    this.original = original;
  }

  /** A copy to change; this table must not be changed any more. */
  EntryTable copy() {
    return new EntryTable(this);
  }

  /** Ends the changes and lets go of the original. */
  EntryTable seal() {
    original = null;
    return this;
  }

  int size() {
    return size;
  }

  int slots() {
    return mask + 1;
  }

  /** The key in a slot; 0 in a free one. */
  long key(int slot) {
    return keys[slot >>> CHUNK_BITS][slot & IN_CHUNK];
  }

  @Nullable PolicyEntry entry(int slot) {
    return entries[slot >>> CHUNK_BITS][slot & IN_CHUNK];
  }

  /**
   * The slot of a key; where it is not there, the complement of the free slot where it would go. At
   * least one slot is always free.
   */
  int find(long key) {
    long[][] chunks = keys;
    int last = mask;
    int slot = home(key, last);
    while (true) {
      long there = chunks[slot >>> CHUNK_BITS][slot & IN_CHUNK];
      if (there == key) {
        return slot;
      }
      if (there == 0) {
        return ~slot;
      }
      slot = (slot + 1) & last;
    }
  }

  /** Mixes all bits of the key down to a slot: identities and ports are dense and regular. */
  private static int home(long key, int mask) {
    long mixed = key * 0x9E37_79B9_7F4A_7C15L;
    return (int) (mixed ^ (mixed >>> 32)) & mask;
  }

  /** Puts an entry, in place of the key's former one. */
  void put(long key, PolicyEntry entry) {
    int slot = find(key);
    if (slot < 0) {
      if (2 * size > mask) {
        grow();
        slot = find(key);
      }
      slot = ~slot;
      size++;
    }
    set(slot, key, entry);
  }

  /** Removes a key, if it is there. */
  void remove(long key) {
    int hole = find(key);
    if (hole < 0) {
      return;
    }
    size--;
    // Entries behind the hole that a search would no longer reach move up into it.
    int next = hole;
    while (true) {
      set(hole, 0, null);
      int home;
      do {
        next = (next + 1) & mask;
        if (key(next) == 0) {
          return;
        }
        home = home(key(next), mask);
      } while (((next - home) & mask) < ((next - hole) & mask));
      set(hole, key(next), entry(next));
      hole = next;
    }
  }

  /** Fills a slot; its chunk is copied first where it is the original's. */
  @SuppressWarnings("ReferenceEquality") // Whether it is the same array is the question.
  private void set(int slot, long key, @Nullable PolicyEntry entry) {
    int chunk = slot >>> CHUNK_BITS;
    if (original != null && keys[chunk] == original.keys[chunk]) {
      keys[chunk] = keys[chunk].clone();
      entries[chunk] = entries[chunk].clone();
    }
    keys[chunk][slot & IN_CHUNK] = key;
    entries[chunk][slot & IN_CHUNK] = entry;
  }

  private void grow() {
    long[][] oldKeys = keys;
    @Nullable PolicyEntry[][] oldEntries = entries;
    int slots = 2 * slots();
    mask = slots - 1;
    keys = new long[Math.max(1, slots >>> CHUNK_BITS)][Math.min(slots, CHUNK_SLOTS)];
    entries = new PolicyEntry[keys.length][keys[0].length];
    original = null;
    for (int i = 0; i < oldKeys.length; i++) {
      for (int j = 0; j < oldKeys[i].length; j++) {
        long key = oldKeys[i][j];
        if (key != 0) {
          set(~find(key), key, oldEntries[i][j]);
        }
      }
    }
  }
}
