// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.spi.Datapath.Change;
import io.cilium4j.datapath.bpf.BpfMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The rows of {@code cilium_ipcache}. A trie answers with its longest match alone, so a row that
 * comes or goes carries, for the epoch in which it is not there, the identity of the prefix that
 * covers it; a row that went stays as such until it is deleted.
 *
 * <p>Not safe for use by several threads: {@link ChangeWriter} holds the lock.
 */
final class IpcacheRows {

  private final BpfMap<IpPrefix, IpcacheRecord> map;
  private final IpcacheView live = new IpcacheView();

  /** Rows that are gone but for their deletion, with the identity that now covers them. */
  private final Map<IpPrefix, Integer> buried = new HashMap<>();

  /**
   * @param names told of each identity that a row names
   */
  IpcacheRows(BpfMap<IpPrefix, IpcacheRecord> map, long epoch, IntConsumer names) {
    this.map = map;
    restore(epoch, names);
  }

  /** Takes over the rows of an earlier process, also of one that died before it moved the epoch. */
  private void restore(long epoch, IntConsumer names) {
    map.forEach((prefix, row) -> {
      int identity = row.at(epoch);
      if (row.since() > epoch) {
        map.put(prefix, new IpcacheRecord(epoch, identity, identity));
      }
      live.put(prefix, identity);
      names.accept(identity);
    });
  }

  Set<IpPrefix> prefixes() {
    return live.prefixes();
  }

  void write(Change change, Batch batch) {
    Map<IpPrefix, @Nullable Integer> wanted = new HashMap<>();
    change.removedIpcache().forEach(prefix -> wanted.put(prefix, null));
    for (IpcacheEntry entry : change.ipcache()) {
      wanted.put(entry.prefix(), entry.identity());
    }
    // Another prefix may now cover what is gone but for its deletion.
    buried.keySet().forEach(prefix -> wanted.putIfAbsent(prefix, null));
    for (Map.Entry<IpPrefix, @Nullable Integer> entry : wanted.entrySet()) {
      writeRow(entry.getKey(), entry.getValue(), wanted, batch);
    }
  }

  private void writeRow(
      IpPrefix prefix,
      @Nullable Integer identity,
      Map<IpPrefix, @Nullable Integer> wanted,
      Batch batch) {
    Integer present = live.get(prefix);
    Integer grave = buried.get(prefix);
    if (identity == null && present == null && grave == null) {
      return;
    }
    int until = present != null ? present : grave != null ? grave : live.cover(prefix);
    int from =
        identity != null
            ? identity
            : IpcacheView.cover(prefix, p -> wanted.containsKey(p) ? wanted.get(p) : live.get(p));
    if ((present != null) == (identity != null) && until == from) {
      return;
    }
    IpcacheRecord former = map.lookup(prefix).orElse(null);
    batch.undo.addFirst(() -> {
      if (former == null) {
        map.delete(prefix);
      } else {
        map.put(prefix, former);
      }
    });
    map.put(prefix, new IpcacheRecord(batch.next, until, from));
    batch.rowsWritten = true;
    if (present != null) {
      batch.changeNamed(present, -1);
    }
    if (identity != null) {
      batch.changeNamed(identity, 1);
    }
    batch.commit.add(() -> commitRow(prefix, identity, from));
    if (identity == null) {
      batch.afterwards.add(() -> exhume(prefix));
    }
  }

  private void commitRow(IpPrefix prefix, @Nullable Integer identity, int cover) {
    if (identity != null) {
      live.put(prefix, identity);
      buried.remove(prefix);
    } else {
      live.remove(prefix);
      buried.put(prefix, cover);
    }
  }

  private void exhume(IpPrefix prefix) {
    if (buried.remove(prefix) != null) {
      map.delete(prefix);
    }
  }
}
