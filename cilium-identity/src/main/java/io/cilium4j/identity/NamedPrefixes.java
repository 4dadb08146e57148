// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.Comparator;
import java.util.Map;
import java.util.Set;

/**
 * Gives the prefixes that policy objects name their identities: follows a table of them, and puts
 * their labels on them in the ipcache. How far it is stands in a table of the same database as
 * identities and ipcache, so that whoever reads all three knows whether rules can be applied that
 * name these prefixes.
 */
public final class NamedPrefixes implements Lifecycle.Part {

  /** The only key of {@link #seen}. */
  public static final String KEY = "named-prefixes";

  private final Ipcache ipcache;
  private final TableWriter<String, Long> seen;
  private final Follower follower;

  /**
   * Follows nothing yet.
   *
   * @param named the prefixes with the labels that an object puts on each, by the object's name
   * @param thread takes the numbers
   */
  public NamedPrefixes(
      Table<String, Map<IpPrefix, Labels>> named,
      IdentityAllocator allocator,
      Ipcache ipcache,
      Scheduler thread) {
    this.ipcache = ipcache;
    this.seen =
        allocator.database().table("named-prefixes-seen", Comparator.naturalOrder(), Set.of());
    this.follower = Follower.of(named, thread, this::take);
  }

  /** Up to which revision of the table prefixes have their identities; one row. */
  public Table<String, Long> seen() {
    return seen.table();
  }

  private void take(Changes<String, Map<IpPrefix, Labels>> changes) {
    ipcache.update(batch -> {
      for (Change<String, Map<IpPrefix, Labels>> change : changes.list()) {
        switch (change) {
          case Change.Put<String, Map<IpPrefix, Labels>> put ->
              batch.replaceLabels(put.key(), put.value());
          case Change.Removed<String, Map<IpPrefix, Labels>> gone ->
              batch.replaceLabels(gone.key(), Map.of());
        }
      }
    });
    seen.put(KEY, changes.snapshot().revision());
  }

  @Override
  public void start() {
    follower.start();
  }

  @Override
  public void stop() {
    follower.stop();
  }
}
