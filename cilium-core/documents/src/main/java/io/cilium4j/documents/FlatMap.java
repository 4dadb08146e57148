// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.documents;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A map of few entries in the order in which they were written: keys and values in turn in one
 * array, an eighth of what a linked hash map takes. Never changes.
 */
final class FlatMap extends AbstractMap<String, @Nullable Object> {
  /** Above that a look-up takes longer than by hash. */
  static final int MAX_ENTRIES = 16;

  private final @Nullable Object[] pairs;

  /**
   * Takes the array over.
   *
   * @param pairs keys and values in turn; each key a text and there once
   */
  FlatMap(@Nullable Object[] pairs) {
    this.pairs = pairs;
  }

  /** Where among the first {@code used} elements a key stands; -1 if it does not. */
  static int find(@Nullable Object[] pairs, int used, @Nullable Object key) {
    for (int i = 0; i < used; i += 2) {
      Object each = pairs[i];
      if (each != null && each.equals(key)) {
        return i;
      }
    }
    return -1;
  }

  @Override
  public int size() {
    return pairs.length / 2;
  }

  @Override
  public @Nullable Object get(@Nullable Object key) {
    int at = find(pairs, pairs.length, key);
    return at < 0 ? null : pairs[at + 1];
  }

  @Override
  public boolean containsKey(@Nullable Object key) {
    return find(pairs, pairs.length, key) >= 0;
  }

  @Override
  public void forEach(BiConsumer<? super String, ? super @Nullable Object> action) {
    for (int i = 0; i < pairs.length; i += 2) {
      action.accept(key(i), pairs[i + 1]);
    }
  }

  private String key(int at) {
    Object key = pairs[at];
    if (key == null) {
      throw new NoSuchElementException();
    }
    return (String) key;
  }

  @Override
  public Set<Map.Entry<String, @Nullable Object>> entrySet() {
    return new Entries();
  }

  private final class Entries extends AbstractSet<Map.Entry<String, @Nullable Object>> {
    @Override
    public int size() {
      return FlatMap.this.size();
    }

    @Override
    public Iterator<Map.Entry<String, @Nullable Object>> iterator() {
      return new Cursor();
    }
  }

  private final class Cursor implements Iterator<Map.Entry<String, @Nullable Object>> {
    private int at;

    @Override
    public boolean hasNext() {
      return at < pairs.length;
    }

    @Override
    public Map.Entry<String, @Nullable Object> next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      var entry =
          new AbstractMap.SimpleImmutableEntry<String, @Nullable Object>(key(at), pairs[at + 1]);
      at += 2;
      return entry;
    }
  }
}
