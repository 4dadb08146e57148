// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.api.model.PrefilterSpec;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.state.StoredTable;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * The prefixes whose packets a user wants dropped first of all. A change names the revision that it
 * was made from, so that of two users who change it at once one is told to look again.
 *
 * <p>It is kept and not carried out: no program looks at it yet.
 */
public final class PrefilterList {

  /** The one row of the store. */
  private static final long ROW = 0;

  /** The revision of the empty list that everything begins with. */
  private static final long FIRST_REVISION = 1;

  /** Most prefixes: a bound on what a client may store here. */
  private static final int MAX_PREFIXES = 65_536;

  private final StoredTable<Long, PrefilterSpec> store;

  /** The list that is kept in this store. */
  public PrefilterList(StoredTable<Long, PrefilterSpec> store) {
    this.store = store;
  }

  /** What is wanted now. */
  public PrefilterSpec wanted() {
    return store.table().get(ROW).orElseGet(() -> new PrefilterSpec(FIRST_REVISION, List.of()));
  }

  /**
   * Adds prefixes.
   *
   * @throws IllegalArgumentException if the list is not at this revision any more, or there would
   *     be too many
   */
  public synchronized PrefilterSpec add(long revision, Collection<IpPrefix> prefixes) {
    var all = prefixesAt(revision);
    all.addAll(prefixes);
    if (all.size() > MAX_PREFIXES) {
      throw new IllegalArgumentException("more than " + MAX_PREFIXES + " prefixes");
    }
    return put(all);
  }

  /**
   * Removes prefixes.
   *
   * @throws IllegalArgumentException if the list is not at this revision any more, or one is not in
   *     it
   */
  public synchronized PrefilterSpec remove(long revision, Collection<IpPrefix> prefixes) {
    var all = prefixesAt(revision);
    for (IpPrefix prefix : prefixes) {
      if (!all.remove(prefix)) {
        throw new IllegalArgumentException(prefix + " is not in the list");
      }
    }
    return put(all);
  }

  private Set<IpPrefix> prefixesAt(long revision) {
    PrefilterSpec present = wanted();
    if (revision != 0 && revision != present.revision()) {
      throw new IllegalArgumentException(
          "revision " + revision + ", but the list is at revision " + present.revision());
    }
    var all = new TreeSet<IpPrefix>();
    present.deny().forEach(text -> all.add(IpPrefix.parse(text)));
    return all;
  }

  private PrefilterSpec put(Collection<IpPrefix> prefixes) {
    var next =
        new PrefilterSpec(
            wanted().revision() + 1, prefixes.stream().map(IpPrefix::toString).toList());
    store.put(ROW, next);
    return next;
  }
}
