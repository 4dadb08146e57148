// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * The side of a {@link Table} that changes it. Whoever makes the table keeps the writer to himself
 * and gives {@link #table} away: one writer each is then a matter of types, not of discipline.
 *
 * <p>Several threads of that one part may write; they take turns.
 */
public final class TableWriter<K, V> {

  /**
   * Most removals remembered for readers that lag behind, 65,536: at about 200 bytes each, 13 MB.
   * To tell a reader further behind what became of its rows, the whole table is looked through.
   */
  public static final int MAX_TOMBSTONES = 65_536;

  private final Database database;
  private final Table<K, V> table;
  private final int maxTombstones;

  TableWriter(Database database, Table<K, V> table, int maxTombstones) {
    this.database = database;
    this.table = table;
    this.maxTombstones = maxTombstones;
  }

  /**
   * A new table.
   *
   * @param name for people
   * @param order of the keys; keys that compare as 0 are one key
   * @param inputs what must deliver before the table is initialised, see {@link #synced}; with none
   *     it is so from the start
   */
  public static <K, V> TableWriter<K, V> create(
      String name, Comparator<? super K> order, Set<String> inputs) {
    return new Database().table(name, order, inputs);
  }

  /** A new table that is initialised from the start. */
  public static <K extends Comparable<? super K>, V> TableWriter<K, V> create(String name) {
    return create(name, Comparator.naturalOrder(), Set.of());
  }

  /** A new table whose rows are found by these indexes too. */
  public static <K, V> TableWriter<K, V> create(
      String name,
      Comparator<? super K> order,
      Set<String> inputs,
      Collection<Index<?, V>> indexes) {
    return new Database().table(name, order, inputs, indexes);
  }

  static <K, V> TableWriter<K, V> create(
      String name, Comparator<? super K> order, Set<String> inputs, int maxTombstones) {
    return new Database().table(name, order, inputs, List.of(), maxTombstones);
  }

  /** The readers' side. */
  public Table<K, V> table() {
    return table;
  }

  /** Puts a row. Equal to what is there, it is no change. Returns the revision afterwards. */
  public long put(K key, V value) {
    return write(batch -> batch.put(key, value));
  }

  /** Removes a row, if there is one. Returns the revision afterwards. */
  public long remove(K key) {
    return write(batch -> batch.remove(key));
  }

  /**
   * Makes several changes that readers see all at once or, when {@code changes} throws, not at all.
   * Returns the revision afterwards.
   */
  public long write(Consumer<Batch<K, V>> changes) {
    var revision = new AtomicLong();
    database.exclusively(() -> {
      Batch<K, V> batch = begin();
      changes.accept(batch);
      if (batch.isChanged()) {
        database.publish(table, batch.result());
      }
      revision.set(table.revision());
    });
    return revision.get();
  }

  /** Changes that nobody sees yet. */
  Batch<K, V> begin() {
    return new Batch<>(table, table.snapshot(), maxTombstones);
  }

  /**
   * Says that an input has delivered everything that existed at the start. Once all have, the table
   * is initialised: only then may what follows from it be published.
   */
  public void synced(String input) {
    database.exclusively(() -> {
      Snapshot<K, V> before = table.snapshot();
      Snapshot<K, V> after = before.synced(input);
      if (after != before) {
        database.publish(table, after);
      }
    });
  }

  /** The changes of one {@link #write}; of no use after it. */
  public static final class Batch<K, V> {
    private final Table<K, V> table;
    private final Snapshot<K, V> before;
    private final int maxTombstones;
    private Snapshot<K, V> state;

    private Batch(Table<K, V> table, Snapshot<K, V> before, int maxTombstones) {
      this.table = table;
      this.before = before;
      this.maxTombstones = maxTombstones;
      this.state = before;
    }

    Table<K, V> table() {
      return table;
    }

    boolean isChanged() {
      return state != before;
    }

    /** What the table is to be, without the removals that everybody has seen. */
    Snapshot<K, V> result() {
      return state.forget(table.seenByAll(), maxTombstones);
    }

    /** The value under this key, this batch's changes included. */
    public Optional<V> get(K key) {
      return state.get(key);
    }

    /** The table, this batch's changes included. */
    public Snapshot<K, V> snapshot() {
      return state;
    }

    /** Puts a row. Equal to what is there, it is no change. */
    public void put(K key, V value) {
      state = state.put(key, value);
    }

    /** Removes a row, if there is one. */
    public void remove(K key) {
      state = state.remove(key);
    }
  }
}
