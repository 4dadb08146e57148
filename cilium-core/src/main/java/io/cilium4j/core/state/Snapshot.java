// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * A {@link Table} as it was at one revision. It never changes, so any thread may read it for as
 * long as it likes, and nobody waits.
 *
 * <p>How a table stands in memory: {@code rows} by key and, the same rows, {@code log} by revision;
 * {@code tombstones}, the remembered removals, by revision, and {@code graves} from a removed key
 * to its tombstone. Each change moves its key to the end, so "what changed since revision r" is
 * what stands behind r in log and tombstones, and its length is the number of changed keys.
 */
public final class Snapshot<K, V> implements Iterable<Row<K, V>> {

  private final PersistentMap<K, Row<K, V>> rows;
  private final PersistentMap<Long, Row<K, V>> log;
  private final PersistentMap<Long, Change.Removed<K, V>> tombstones;
  private final PersistentMap<K, Long> graves;
  private final long revision;

  /** Removals up to this revision may be forgotten. */
  private final long forgotten;

  private final Set<String> pendingInputs;

  /** The second ways to the rows; one for each index of the table. */
  private final List<Index.Entries<?, K, V>> indexes;

  private Snapshot(
      PersistentMap<K, Row<K, V>> rows,
      PersistentMap<Long, Row<K, V>> log,
      PersistentMap<Long, Change.Removed<K, V>> tombstones,
      PersistentMap<K, Long> graves,
      long revision,
      long forgotten,
      Set<String> pendingInputs,
      List<Index.Entries<?, K, V>> indexes) {
    this.rows = rows;
    this.log = log;
    this.tombstones = tombstones;
    this.graves = graves;
    this.revision = revision;
    this.forgotten = forgotten;
    this.pendingInputs = pendingInputs;
    this.indexes = indexes;
  }

  static <K, V> Snapshot<K, V> empty(
      Comparator<? super K> order, Set<String> pendingInputs, Collection<Index<?, V>> indexes) {
    List<Index.Entries<?, K, V>> entries = new ArrayList<>();
    indexes.forEach(index -> entries.add(index.empty(order)));
    return new Snapshot<>(
        PersistentMap.empty(order),
        PersistentMap.empty(Comparator.naturalOrder()),
        PersistentMap.empty(Comparator.naturalOrder()),
        PersistentMap.empty(order),
        0,
        0,
        Set.copyOf(pendingInputs),
        List.copyOf(entries));
  }

  /** The number of changes that the table had seen; 0 for a table that never had a row. */
  public long revision() {
    return revision;
  }

  /** The number of rows. */
  public int size() {
    return rows.size();
  }

  public boolean isEmpty() {
    return rows.size() == 0;
  }

  /** The value under this key. O(log n). */
  public Optional<V> get(K key) {
    return row(key).map(Row::value);
  }

  /** The row of this key, with its revision. O(log n). */
  public Optional<Row<K, V>> row(K key) {
    return Optional.ofNullable(rows.get(key));
  }

  /** Whether there is a row of this key. */
  public boolean contains(K key) {
    return rows.get(key) != null;
  }

  /** The rows of something, by an index of this table, in the order of keys. */
  public <I extends Comparable<? super I>> List<Row<K, V>> rows(Index<I, V> index, I thing) {
    PersistentMap<K, Row<K, V>> found = entriesOf(index).byThing().get(thing);
    if (found == null) {
      return List.of();
    }
    List<Row<K, V>> list = new ArrayList<>(found.size());
    found.forEach(node -> list.add(node.value));
    return list;
  }

  @SuppressWarnings("unchecked") // Entries are found by the index that made them.
  private <I extends Comparable<? super I>> Index.Entries<I, K, V> entriesOf(Index<I, V> index) {
    for (Index.Entries<?, K, V> entries : indexes) {
      if (entries.index().equals(index)) {
        return (Index.Entries<I, K, V>) entries;
      }
    }
    throw new IllegalArgumentException("index " + index.name() + " is not of this table");
  }

  /** The rows in the order of keys. */
  @Override
  public Iterator<Row<K, V>> iterator() {
    Iterator<PersistentMap.Node<K, Row<K, V>>> nodes = rows.iterator();
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return nodes.hasNext();
      }

      @Override
      public Row<K, V> next() {
        return nodes.next().value;
      }
    };
  }

  /** The rows in the order of keys. */
  public Stream<Row<K, V>> stream() {
    return StreamSupport.stream(spliterator(), false);
  }

  /** Whether every input has delivered what existed when the table was made. */
  public boolean isInitialised() {
    return pendingInputs.isEmpty();
  }

  /** The inputs that have not delivered yet. */
  public Set<String> pendingInputs() {
    return pendingInputs;
  }

  /**
   * What became of the rows of a former state of this table, and what is new since: in time
   * proportional to the number of changes, or to the size of both where removals since then are
   * forgotten.
   */
  Changes<K, V> changesSince(Snapshot<K, V> before) {
    if (before.revision >= revision) {
      return new Changes<>(List.of(), before, this);
    }
    var list = new ArrayList<Change<K, V>>();
    if (before.revision < forgotten) {
      list.addAll(lostSince(before));
    } else {
      tombstones.above(before.revision).forEachRemaining(entry -> list.add(entry.value));
    }
    log.above(before.revision).forEachRemaining(entry -> list.add(asPut(entry.value)));
    // Two sorted runs: the sort merges them in one pass.
    list.sort(Comparator.comparingLong(Change::revision));
    return new Changes<>(list, before, this);
  }

  /** The rows of a former state that are gone. */
  private List<Change<K, V>> lostSince(Snapshot<K, V> before) {
    var list = new ArrayList<Change<K, V>>();
    for (Row<K, V> row : before) {
      if (!contains(row.key())) {
        list.add(new Change.Removed<>(row.key(), row.value(), forgotten));
      }
    }
    return list;
  }

  /**
   * Every row of this table, changed or not, behind the removals: of the rows of a former state
   * that are gone, and those that are owed from before it. In time proportional to the size of all.
   */
  Changes<K, V> everythingSince(Snapshot<K, V> before, List<Change<K, V>> owed) {
    List<Change<K, V>> list = lostSince(before);
    owed.stream()
        .filter(removal -> !contains(removal.key()) && !before.contains(removal.key()))
        .forEach(list::add);
    log.above(0L).forEachRemaining(entry -> list.add(asPut(entry.value)));
    return new Changes<>(list, before, this);
  }

  private static <K, V> Change<K, V> asPut(Row<K, V> row) {
    return new Change.Put<>(row.key(), row.value(), row.revision());
  }

  /** The number of removals remembered. */
  int tombstoneCount() {
    return graves.size();
  }

  /** This table, one change on; the same object when the row already has this value. */
  Snapshot<K, V> put(K key, V value) {
    Row<K, V> old = rows.get(key);
    if (old != null && old.value().equals(value)) {
      return this;
    }
    var row = new Row<>(key, value, revision + 1);
    Long grave = graves.get(key);
    return new Snapshot<>(
        rows.put(key, row),
        (old == null ? log : log.remove(old.revision())).put(row.revision(), row),
        grave == null ? tombstones : tombstones.remove(grave),
        grave == null ? graves : graves.remove(key),
        row.revision(),
        forgotten,
        pendingInputs,
        reindexed(old, row));
  }

  private List<Index.Entries<?, K, V>> reindexed(
      @Nullable Row<K, V> old, @Nullable Row<K, V> next) {
    if (indexes.isEmpty()) {
      return indexes;
    }
    List<Index.Entries<?, K, V>> all = new ArrayList<>(indexes.size());
    for (Index.Entries<?, K, V> entries : indexes) {
      Index.Entries<?, K, V> left = old == null ? entries : entries.without(old);
      all.add(next == null ? left : left.with(next));
    }
    return all;
  }

  /** This table, one removal on; the same object when there is no such row. */
  Snapshot<K, V> remove(K key) {
    Row<K, V> old = rows.get(key);
    if (old == null) {
      return this;
    }
    long next = revision + 1;
    return new Snapshot<>(
        rows.remove(key),
        log.remove(old.revision()),
        tombstones.put(next, new Change.Removed<>(key, old.value(), next)),
        graves.put(key, next),
        next,
        forgotten,
        pendingInputs,
        reindexed(old, null));
  }

  /** This table, forgetting the removals up to {@code seen} and all but the last {@code most}. */
  Snapshot<K, V> forget(long seen, int most) {
    PersistentMap<Long, Change.Removed<K, V>> fewer = tombstones;
    PersistentMap<K, Long> fewerGraves = graves;
    long newest = forgotten;
    for (PersistentMap.Node<Long, Change.Removed<K, V>> oldest : tombstones) {
      if (oldest.key > seen && fewer.size() <= most) {
        break;
      }
      fewer = fewer.remove(oldest.key);
      fewerGraves = fewerGraves.remove(oldest.value.key());
      newest = oldest.key;
    }
    return newest == forgotten
        ? this
        : new Snapshot<>(rows, log, fewer, fewerGraves, revision, newest, pendingInputs, indexes);
  }

  /** This table with one input fewer to wait for. */
  Snapshot<K, V> synced(String input) {
    var rest = new TreeSet<>(pendingInputs);
    return rest.remove(input)
        ? new Snapshot<>(
            rows, log, tombstones, graves, revision, forgotten, Set.copyOf(rest), indexes)
        : this;
  }
}
