// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Label;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Which rows have which labels: for each key, and each key with its value, the list of the rows
 * that have it, in ascending order. Rows are only added. One thread writes, any may read meanwhile:
 * what it reads is complete up to the rows of a snapshot that it holds.
 */
final class LabelIndex {
  private final Map<String, Key> keys = new ConcurrentHashMap<>();
  private final Posting prefixes = new Posting();

  private static final class Key {
    private final Posting rows = new Posting();
    private final Map<String, Posting> values = new ConcurrentHashMap<>();
  }

  void add(IdentityRow row) {
    for (Label label : row.identity().labels()) {
      Key key = keys.get(label.key());
      if (key == null) {
        key = new Key();
        keys.put(label.key(), key);
      }
      Posting value = key.values.get(label.value());
      if (value == null) {
        value = new Posting();
        key.values.put(label.value(), value);
      }
      key.rows.add(row.index(), label.source());
      value.add(row.index(), label.source());
    }
    if (!row.prefixes().isEmpty()) {
      prefixes.add(row.index(), "");
    }
  }

  /** The rows among which those that meet a condition on a present label are; null for none. */
  @Nullable Posting rows(Selector.Condition condition) {
    if (condition.prefix() != null) {
      return prefixes;
    }
    Key key = keys.get(condition.key());
    if (key == null || condition.values().size() != 1) {
      return key == null ? null : key.rows;
    }
    return key.values.get(condition.values().iterator().next());
  }

  /** A list of rows that grows at its end. */
  static final class Posting {
    private int[] rows = new int[2];

    /** The source of the label in all rows; null where they differ. */
    private @Nullable String source;

    /** Written last and read first: what it counts is there. */
    private volatile int count;

    private void add(int row, String itsSource) {
      int next = count;
      if (next == rows.length) {
        rows = Arrays.copyOf(rows, 2 * next);
      }
      rows[next] = row;
      source = next == 0 || itsSource.equals(source) ? itsSource : null;
      count = next + 1;
    }

    /** Whether every row meets the condition that the list was asked for with. */
    boolean answers(Selector.Condition condition) {
      return count > 0
          && condition.prefix() == null
          && condition.values().size() < 2
          && (condition.source() == null || condition.source().equals(source));
    }

    Cursor cursor() {
      int known = count;
      return new Cursor(rows, known);
    }
  }

  /** A walk through a list, forwards. */
  static final class Cursor {
    /** Stands for no row, behind all. */
    static final int END = Integer.MAX_VALUE;

    private final int[] rows;
    private final int count;
    private int at;

    private Cursor(int[] rows, int count) {
      this.rows = rows;
      this.count = count;
    }

    int count() {
      return count;
    }

    /**
     * The first row of the list that is not before the wanted one: by steps that double, then by
     * halving, so that it costs the logarithm of how far it is.
     */
    int seek(int wanted) {
      int step = 1;
      int low = at;
      while (low + step < count && rows[low + step] < wanted) {
        low += step;
        step *= 2;
      }
      int high = Math.min(count, low + step + 1);
      while (low < high) {
        int middle = (low + high) >>> 1;
        if (rows[middle] < wanted) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      at = low;
      return low < count ? rows[low] : END;
    }
  }
}
