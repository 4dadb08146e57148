// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.util.List;

/**
 * What a reader has to catch up with.
 *
 * @param list one change a key, in the order of revisions
 * @param fromScratch whether the list is the whole table and no difference: a reader's first look,
 *     or it fell so far behind that removals are forgotten. The reader drops what is not listed
 * @param snapshot the table after these changes
 */
public record Changes<K, V>(List<Change<K, V>> list, boolean fromScratch, Snapshot<K, V> snapshot) {
  public Changes {
    list = List.copyOf(list);
  }

  /** Whether there is nothing to do. */
  public boolean isEmpty() {
    return list.isEmpty() && !fromScratch;
  }
}
