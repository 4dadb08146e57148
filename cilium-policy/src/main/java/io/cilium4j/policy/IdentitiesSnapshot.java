// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.ReservedIdentity;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The identities known at one moment. It never changes; {@link #with} and {@link #without} give the
 * next one. Any number of threads may read any snapshot while the next is made.
 *
 * <p><b>How a change costs only itself.</b> Snapshots that follow each other share one store, to
 * which rows are only added. A snapshot is a view of the store: it sees the rows below its own
 * count that are not marked as gone at its version. A {@link LabelIndex} keeps the rows that have a
 * label, so that a selector looks at the rows that have all its labels and at no others. A snapshot
 * that is not the newest of its store, when it is changed, is copied into a store of its own; so is
 * one whose store is mostly made of rows that are gone.
 */
public final class IdentitiesSnapshot {

  /** Stores of fewer rows are not worth compacting. */
  private static final int MIN_ROWS_TO_COMPACT = 1024;

  private final Store store;
  private final IdentityRow[] rows;
  private final int count;
  private final int size;
  private final long version;

  /** The rows that went, in the order in which they went; this snapshot has seen the first few. */
  private final int[] removed;

  private final int removals;

  private IdentitiesSnapshot(Store store, int size) {
    this.store = store;
    this.rows = store.rows;
    this.count = store.count;
    this.size = size;
    this.version = store.version;
    this.removed = store.removed;
    this.removals = store.removedCount;
  }

  /** The identities that every cluster has: the reserved ones, without the aggregates. */
  public static IdentitiesSnapshot reserved() {
    List<Peer> peers =
        Arrays.stream(ReservedIdentity.values())
            .filter(each -> each != ReservedIdentity.UNKNOWN && !each.isAggregate())
            .map(each -> new Peer(each.identity(), Map.of()))
            .toList();
    return new IdentitiesSnapshot(new Store(), 0).with(peers);
  }

  /**
   * An identity as rules see it.
   *
   * @param identity number and labels
   * @param namedPorts the container ports that its pods give names to
   */
  public record Peer(Identity identity, Map<String, NamedPort> namedPorts) {
    public Peer {
      namedPorts = Map.copyOf(namedPorts);
    }
  }

  /** This snapshot with these identities; one with a number that is there takes its place. */
  public IdentitiesSnapshot with(Collection<Peer> peers) {
    return changed(peers, List.of());
  }

  /** This snapshot with this identity. */
  public IdentitiesSnapshot with(Identity identity) {
    return with(List.of(new Peer(identity, Map.of())));
  }

  /** This snapshot without the identities of these numbers. */
  public IdentitiesSnapshot without(Collection<Integer> ids) {
    return changed(List.of(), ids);
  }

  private IdentitiesSnapshot changed(Collection<Peer> added, Collection<Integer> removed) {
    Store target = store;
    synchronized (target) {
      boolean newest = target.version == version;
      boolean wasteful = count > MIN_ROWS_TO_COMPACT && size < count / 2;
      if (newest && !wasteful) {
        return apply(target, size, added, removed);
      }
    }
    target = new Store();
    synchronized (target) {
      peers().forEach(target::add);
      return apply(target, size, added, removed);
    }
  }

  private static IdentitiesSnapshot apply(
      Store target, int size, Collection<Peer> added, Collection<Integer> removed) {
    target.version++;
    int newSize = size;
    for (Integer id : removed) {
      newSize -= target.remove(id) ? 1 : 0;
    }
    for (Peer peer : added) {
      newSize += target.remove(peer.identity().id()) ? 0 : 1;
      target.add(peer);
    }
    return new IdentitiesSnapshot(target, newSize);
  }

  /** The labels of a number. */
  public Optional<Labels> labels(int id) {
    return Optional.ofNullable(row(id)).map(row -> row.identity().labels());
  }

  /** All identities, in the order in which they came. */
  public List<Peer> peers() {
    List<Peer> peers = new ArrayList<>(size);
    forEach(row -> peers.add(new Peer(row.identity(), row.namedPorts())));
    return peers;
  }

  /** How many identities there are. */
  public int size() {
    return size;
  }

  @Nullable IdentityRow row(int id) {
    IdentityRow row = store.byId.get(id);
    while (row != null && !isVisible(row)) {
      row = row.previous();
    }
    return row;
  }

  private boolean isVisible(IdentityRow row) {
    return row.index() < count && row.isThereAt(version);
  }

  /** Calls {@code action} once for each identity that the selector selects by its labels. */
  void select(Selector selector, Consumer<IdentityRow> action) {
    List<List<Selector.Condition>> alternatives = selector.alternatives();
    if (alternatives.size() == 1) {
      select(alternatives.getFirst(), action);
      return;
    }
    // An identity may meet several alternatives; it is told at the first.
    for (int i = 0; i < alternatives.size(); i++) {
      int before = i;
      select(
          alternatives.get(i),
          row -> {
            for (int j = 0; j < before; j++) {
              if (Selector.allHold(alternatives.get(j), row)) {
                return;
              }
            }
            action.accept(row);
          });
    }
  }

  private void select(List<Selector.Condition> conditions, Consumer<IdentityRow> action) {
    List<LabelIndex.Cursor> lists = new ArrayList<>(conditions.size());
    List<Selector.Condition> open = new ArrayList<>(conditions.size());
    for (Selector.Condition condition : conditions) {
      LabelIndex.Posting posting = condition.needsPresence() ? store.index.rows(condition) : null;
      if (posting != null) {
        LabelIndex.Cursor list = posting.cursor();
        boolean rarest = !lists.isEmpty() && list.count() < lists.getFirst().count();
        lists.add(rarest ? 0 : lists.size(), list);
      } else if (condition.needsPresence()) {
        return;
      }
      if (posting == null || !posting.answers(condition)) {
        open.add(condition);
      }
    }
    if (lists.isEmpty()) {
      forEach(row -> tellIf(row, open, action));
      return;
    }
    int index = 0;
    while (true) {
      index = common(lists, index);
      if (index >= count) {
        return; // Rows stand in the order of their index: the rest is newer than this snapshot.
      }
      if (rows[index].isThereAt(version)) {
        tellIf(rows[index], open, action);
      }
      index++;
    }
  }

  private static void tellIf(
      IdentityRow row, List<Selector.Condition> conditions, Consumer<IdentityRow> action) {
    if (Selector.allHold(conditions, row)) {
      action.accept(row);
    }
  }

  /** The first row from {@code index} on that stands in all lists. */
  private static int common(List<LabelIndex.Cursor> lists, int index) {
    int wanted = index;
    int met = 0;
    for (int i = 0; met < lists.size(); i = i + 1 == lists.size() ? 0 : i + 1) {
      int found = lists.get(i).seek(wanted);
      met = found == wanted ? met + 1 : 1;
      wanted = found;
    }
    return wanted;
  }

  /** Calls {@code action} for each identity. */
  void forEach(Consumer<IdentityRow> action) {
    for (int i = 0; i < count; i++) {
      if (rows[i].isThereAt(version)) {
        action.accept(rows[i]);
      }
    }
  }

  /** What happened between two snapshots of one store. */
  record Delta(List<IdentityRow> removed, List<IdentityRow> added) {}

  /** What came and went since an older snapshot; null where the two share no store. */
  @Nullable Delta since(IdentitiesSnapshot older) {
    if (older.store != store || older.version > version) {
      return null;
    }
    List<IdentityRow> gone = new ArrayList<>();
    for (int i = older.removals; i < removals; i++) {
      if (removed[i] < older.count) {
        gone.add(rows[removed[i]]);
      }
    }
    List<IdentityRow> added = new ArrayList<>();
    for (int i = older.count; i < count; i++) {
      if (rows[i].isThereAt(version)) {
        added.add(rows[i]);
      }
    }
    return new Delta(gone, added);
  }

  /** What snapshots that follow each other share. Changed under its own lock. */
  private static final class Store {
    private final LabelIndex index = new LabelIndex();
    private final Map<Integer, IdentityRow> byId = new ConcurrentHashMap<>();
    private IdentityRow[] rows = new IdentityRow[16];
    private int count;
    private int[] removed = new int[4];
    private int removedCount;
    private long version;

    void add(Peer peer) {
      int id = peer.identity().id();
      var row = new IdentityRow(peer.identity(), peer.namedPorts(), count, byId.get(id));
      if (count == rows.length) {
        rows = Arrays.copyOf(rows, count * 2);
      }
      rows[count++] = row;
      index.add(row);
      byId.put(id, row);
    }

    boolean remove(int id) {
      IdentityRow row = byId.get(id);
      if (row == null || !row.isThereAt(version)) {
        return false;
      }
      row.removeSince(version);
      if (removedCount == removed.length) {
        removed = Arrays.copyOf(removed, removedCount * 2);
      }
      removed[removedCount++] = row.index();
      return true;
    }
  }
}
