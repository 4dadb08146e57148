// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * Batches for {@link Datapath#apply}, for programs that keep their rows in no table. A table's
 * changes are such batches already, see {@link RowOperations}.
 */
public final class RowChanges {
  private RowChanges() {}

  /** Writes these rows. */
  public static List<Change<RowKey, Row>> put(Row... rows) {
    return of(List.of(rows), List.of());
  }

  /** Removes these rows. */
  public static List<Change<RowKey, Row>> remove(Row... rows) {
    return of(List.of(), List.of(rows));
  }

  /** Removes the second and writes the first, in one batch. */
  public static List<Change<RowKey, Row>> of(
      Collection<? extends Row> written, Collection<? extends Row> removed) {
    List<Change<RowKey, Row>> changes = new ArrayList<>(written.size() + removed.size());
    removed.forEach(row -> changes.add(new Change.Removed<>(row.key(), row, 0)));
    written.forEach(row -> changes.add(new Change.Put<>(row.key(), row, 0)));
    return List.copyOf(changes);
  }
}
