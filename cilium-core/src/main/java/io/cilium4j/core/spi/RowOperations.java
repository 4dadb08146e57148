// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.spi.Row.EndpointRow;
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
 *
 * <p>An endpoint whose row the datapath refuses, such as one whose policy does not fit its tables,
 * gets {@link PolicyMapState#DENY_ALL} until its row is accepted: the policy that was in force may
 * allow what the new one denies. In audit mode that denies nothing, as any policy.
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
    try {
      put(key, value);
    } catch (DatapathException e) {
      if (value instanceof EndpointRow row) {
        close(row, e);
      }
      throw e;
    }
  }

  private void put(RowKey key, Row value) {
    datapath.apply(List.of(new Change.Put<>(key, value, 0)));
  }

  private void close(EndpointRow row, DatapathException cause) {
    var closed =
        new EndpointRow(
            row.endpoint(), PolicyMapState.DENY_ALL, row.policyRevision(), row.audited());
    try {
      put(row.key(), closed);
    } catch (DatapathException e) {
      cause.addSuppressed(e);
    }
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
    if (changes.size() > 1) {
      try {
        datapath.apply(changes);
        return Map.of();
      } catch (DatapathException _) {
        // Each row says why for itself.
      }
    }
    return Operations.super.applyBatch(changes);
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
