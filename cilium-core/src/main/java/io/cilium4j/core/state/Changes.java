// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.util.List;

/**
 * What a reader has to catch up with.
 *
 * @param list one change a key, in the order of revisions: what became of the rows of {@code
 *     before}, every row that is new since, and removals of rows that came and went
 * @param before the table at the reader's last look; empty if this is the first one
 * @param snapshot the table after these changes
 */
public record Changes<K, V>(
    List<Change<K, V>> list, Snapshot<K, V> before, Snapshot<K, V> snapshot) {
  public Changes {
    list = List.copyOf(list);
  }

  /** Whether there is nothing to do. */
  public boolean isEmpty() {
    return list.isEmpty();
  }
}
