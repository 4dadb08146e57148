// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Operations;
import io.cilium4j.core.state.Snapshot;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Carries a table of rows out into a {@link Datapath}, for a {@link
 * io.cilium4j.core.state.Reconciler}.
 *
 * <p>Rows that must change together stand in one table: they reach the datapath in one batch. All
 * other kinds have a table and a reconciler of their own, so that a row that fails in one kind
 * never holds up another kind.
 */
public final class RowOperations implements Operations<RowKey, Row> {
  private final Datapath datapath;
  private final Set<RowKind> kinds;

  /**
   * @param kinds the kinds of rows in the table; no other table may hold rows of these kinds, since
   *     rows that are not in this one are pruned
   * @throws DatapathException if the datapath does not carry one of the kinds
   */
  public RowOperations(Datapath datapath, Set<RowKind> kinds) {
    this.datapath = datapath;
    this.kinds = Set.copyOf(kinds);
    for (RowKind kind : kinds) {
      if (!datapath.rowKinds().contains(kind)) {
        throw new DatapathException(
            "the datapath " + datapath.name() + " carries no rows of kind " + kind);
      }
    }
  }

  @Override
  public void update(RowKey key, Row value) {
    datapath.apply(List.of(new Change.Put<>(key, value, 0)));
  }

  @Override
  public void delete(RowKey key, Row last) {
    datapath.apply(List.of(new Change.Removed<>(key, last, 0)));
  }

  /**
   * Carries the whole batch out at once; if the datapath refuses it, row by row, so that one bad
   * row does not hold up the others.
   */
  @Override
  public Map<RowKey, Exception> applyBatch(List<Change<RowKey, Row>> changes) {
    try {
      datapath.apply(changes);
      return Map.of();
    } catch (DatapathException e) {
      return changes.size() == 1
          ? Map.of(changes.getFirst().key(), e)
          : Operations.super.applyBatch(changes);
    }
  }

  @Override
  public void prune(Snapshot<RowKey, Row> desired) {
    Map<RowKind, Set<RowKey>> wanted = new EnumMap<>(RowKind.class);
    kinds.forEach(kind -> wanted.put(kind, new HashSet<>()));
    for (var row : desired) {
      wanted.computeIfAbsent(row.key().kind(), _ -> new HashSet<>()).add(row.key());
    }
    wanted.forEach(datapath::prune);
  }
}
