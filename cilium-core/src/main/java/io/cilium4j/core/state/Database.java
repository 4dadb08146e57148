// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * Tables that are read together as they were at one moment, and of which several can be written in
 * one step. A table that {@link TableWriter#create} makes is alone in a database of its own.
 *
 * <p>All tables stand in one immutable {@link View}, which each write replaces as a whole: a reader
 * of one table still takes one volatile read, and whoever holds a view sees each write of several
 * tables entirely or not at all. Writers of the same database take turns, so what runs inside a
 * write must not wait for another writer.
 *
 * <p>Safe for use by several threads.
 */
public final class Database {

  /** Held while any of the tables is written. */
  private final ReentrantLock lock = new ReentrantLock();

  private volatile View view = new View(this, new Snapshot<?, ?>[0]);

  /** A database without a table. */
  public Database() {}

  /** All tables of a database as they were at one moment; never changes. */
  public static final class View {
    private final Database database;
    private final Snapshot<?, ?>[] snapshots;

    private View(Database database, Snapshot<?, ?>[] snapshots) {
      this.database = database;
      this.snapshots = snapshots;
    }

    /**
     * A table of this database, as it was.
     *
     * @throws IllegalArgumentException if it is of another one, or was made later
     */
    public <K, V> Snapshot<K, V> of(Table<K, V> table) {
      if (table.database() != database || table.slot() >= snapshots.length) {
        throw new IllegalArgumentException(table + " is not in this view");
      }
      return at(table.slot());
    }

    @SuppressWarnings("unchecked") // What stands in a table's slot is of that table.
    private <K, V> Snapshot<K, V> at(int slot) {
      return (Snapshot<K, V>) snapshots[slot];
    }

    private View with(int slot, Snapshot<?, ?> snapshot) {
      Snapshot<?, ?>[] changed = Arrays.copyOf(snapshots, Math.max(snapshots.length, slot + 1));
      changed[slot] = snapshot;
      return new View(database, changed);
    }
  }

  /** The changes of one write of several tables; of no use after it. */
  public static final class Transaction {
    private final Database database;
    private final Map<TableWriter<?, ?>, TableWriter.Batch<?, ?>> batches = new LinkedHashMap<>();

    private Transaction(Database database) {
      this.database = database;
    }

    /**
     * The changes of one table.
     *
     * @param writer the table's
     * @throws IllegalArgumentException if the table is of another database
     */
    @SuppressWarnings("unchecked") // A batch is found by the writer that made it.
    public <K, V> TableWriter.Batch<K, V> of(TableWriter<K, V> writer) {
      if (writer.table().database() != database) {
        throw new IllegalArgumentException(writer.table() + " is of another database");
      }
      return (TableWriter.Batch<K, V>) batches.computeIfAbsent(writer, TableWriter::begin);
    }
  }

  /** As {@link TableWriter#create(String, Comparator, Set)}, for a table of this database. */
  public <K, V> TableWriter<K, V> table(
      String name, Comparator<? super K> order, Set<String> inputs) {
    return table(name, order, inputs, List.of());
  }

  /**
   * As {@link #table(String, Comparator, Set)}, for a table whose rows are found by indexes too.
   */
  public <K, V> TableWriter<K, V> table(
      String name,
      Comparator<? super K> order,
      Set<String> inputs,
      Collection<Index<?, V>> indexes) {
    return table(name, order, inputs, indexes, TableWriter.MAX_TOMBSTONES);
  }

  <K, V> TableWriter<K, V> table(
      String name,
      Comparator<? super K> order,
      Set<String> inputs,
      Collection<Index<?, V>> indexes,
      int maxTombstones) {
    lock.lock();
    try {
      int slot = view.snapshots.length;
      Snapshot<K, V> beginning = Snapshot.empty(order, inputs, indexes);
      view = view.with(slot, beginning);
      return new TableWriter<>(
          this, new Table<>(this, slot, name, order, beginning), maxTombstones);
    } finally {
      lock.unlock();
    }
  }

  /** All tables as they are now: one volatile read, and nobody blocks anybody. */
  public View view() {
    return view;
  }

  /** One table as it is now. */
  <K, V> Snapshot<K, V> snapshot(int slot) {
    return view.at(slot);
  }

  /**
   * Changes several tables. Readers see all of it at once or, when {@code changes} throws, none.
   *
   * @param changes may be told by its writer only which table it changes
   */
  public void write(Consumer<Transaction> changes) {
    exclusively(() -> {
      var transaction = new Transaction(this);
      changes.accept(transaction);
      View next = view;
      for (TableWriter.Batch<?, ?> batch : transaction.batches.values()) {
        if (batch.isChanged()) {
          next = next.with(batch.table().slot(), batch.result());
        }
      }
      view = next;
      transaction.batches.values().stream()
          .filter(TableWriter.Batch::isChanged)
          .forEach(batch -> batch.table().changed());
    });
  }

  /** Makes this the state of a table. To be called {@link #exclusively}. */
  void publish(Table<?, ?> table, Snapshot<?, ?> next) {
    view = view.with(table.slot(), next);
    table.changed();
  }

  /** Runs what no other write of this database may come between. */
  void exclusively(Runnable write) {
    lock.lock();
    try {
      write.run();
    } finally {
      lock.unlock();
    }
  }
}
