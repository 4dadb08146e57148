// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.util.Collection;
import java.util.Comparator;
import java.util.Set;
import java.util.function.Function;

/**
 * A second way to the rows of a {@link Table}: by something that stands in their values, such as an
 * address. It is made with the table, see {@link TableWriter#create(String, Comparator, Set,
 * Collection)}, changes together with the rows, and is asked of a {@link Snapshot}. Several rows
 * may stand under one thing.
 *
 * @param <I> what rows are found by; {@code equals} and its order agree
 * @param <V> the rows' values
 */
public final class Index<I extends Comparable<? super I>, V> {
  private final String name;
  private final Function<? super V, ? extends Collection<? extends I>> of;

  private Index(String name, Function<? super V, ? extends Collection<? extends I>> of) {
    this.name = name;
    this.of = of;
  }

  /**
   * An index.
   *
   * @param name for people: {@code pod}
   * @param of by what a row is found, any number of things; must depend on the value alone
   */
  public static <I extends Comparable<? super I>, V> Index<I, V> of(
      String name, Function<? super V, ? extends Collection<? extends I>> of) {
    return new Index<>(name, of);
  }

  /** Its name, for people. */
  public String name() {
    return name;
  }

  /** The empty index, over keys of this order. */
  <K> Entries<I, K, V> empty(Comparator<? super K> keys) {
    return new Entries<>(this, PersistentMap.empty(), keys);
  }

  /**
   * What stands under each thing, at one revision. Immutable.
   *
   * @param byThing the rows, by key
   * @param keys the order of keys
   */
  record Entries<I extends Comparable<? super I>, K, V>(
      Index<I, V> index,
      PersistentMap<I, PersistentMap<K, Row<K, V>>> byThing,
      Comparator<? super K> keys) {

    Entries<I, K, V> without(Row<K, V> row) {
      var next = byThing;
      for (I thing : index.of.apply(row.value())) {
        PersistentMap<K, Row<K, V>> rows = next.get(thing);
        if (rows != null) {
          PersistentMap<K, Row<K, V>> left = rows.remove(row.key());
          next = left.size() == 0 ? next.remove(thing) : next.put(thing, left);
        }
      }
      return new Entries<>(index, next, keys);
    }

    Entries<I, K, V> with(Row<K, V> row) {
      var next = byThing;
      for (I thing : index.of.apply(row.value())) {
        PersistentMap<K, Row<K, V>> rows = next.get(thing);
        PersistentMap<K, Row<K, V>> before = rows == null ? PersistentMap.empty(keys) : rows;
        next = next.put(thing, before.put(row.key(), row));
      }
      return new Entries<>(index, next, keys);
    }
  }
}
