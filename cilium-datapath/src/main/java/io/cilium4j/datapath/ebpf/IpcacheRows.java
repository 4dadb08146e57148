// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.datapath.bpf.BpfMap;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
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

  /**
   * What a change asks of a row.
   *
   * @param present the identity that the prefix has; null where it has none of its own
   * @param wanted the identity that it is to have
   * @param until the identity of its packets by now
   * @param from the identity of its packets once the change counts
   */
  record Step(
      IpPrefix prefix, @Nullable Integer present, @Nullable Integer wanted, int until, int from) {}

  /**
   * What there is to write, and which identities come and go with it; nothing is written yet.
   *
   * @param changes the identity of each prefix; null where it is to have none
   */
  List<Step> plan(Map<IpPrefix, @Nullable Integer> changes, Batch batch) {
    Map<IpPrefix, @Nullable Integer> wanted = new HashMap<>(changes);
    // Another prefix may now cover what is gone but for its deletion.
    buried.keySet().forEach(prefix -> wanted.putIfAbsent(prefix, null));
    List<Step> steps = new ArrayList<>();
    for (Map.Entry<IpPrefix, @Nullable Integer> entry : wanted.entrySet()) {
      plan(entry.getKey(), entry.getValue(), wanted, steps);
    }
    for (Step step : steps) {
      if (step.present != null) {
        batch.changeNamed(step.present, -1);
      }
      if (step.wanted != null) {
        batch.changeNamed(step.wanted, 1);
      }
    }
    return steps;
  }

  private void plan(
      IpPrefix prefix,
      @Nullable Integer identity,
      Map<IpPrefix, @Nullable Integer> wanted,
      List<Step> steps) {
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
    if ((present != null) != (identity != null) || until != from) {
      steps.add(new Step(prefix, present, identity, until, from));
    }
  }

  /** Writes rows that count from the next epoch on. */
  void writeWhole(List<Step> steps, Batch batch) {
    for (Step step : steps) {
      IpPrefix prefix = step.prefix;
      IpcacheRecord former = map.lookup(prefix).orElse(null);
      batch.undo.addFirst(() -> restore(prefix, former));
      map.put(prefix, new IpcacheRecord(batch.next, step.until, step.from));
      batch.rowsWritten = true;
      batch.commit.add(() -> commitRow(step));
      if (step.wanted == null) {
        batch.afterwards.add(() -> exhume(prefix));
      }
    }
  }

  /**
   * Writes rows that count at once, each for itself: a packet depends on one of them at most. Only
   * for prefixes of single addresses, which cover no others.
   */
  void writeNear(List<Step> steps, Batch batch, NearEpochs near) {
    for (Step step : steps) {
      IpPrefix prefix = step.prefix;
      IpcacheRecord former = map.lookup(prefix).orElse(null);
      batch.undo.addFirst(() -> {
        restore(prefix, former);
        near.move(prefix.address());
      });
      if (step.wanted == null) {
        map.delete(prefix);
      } else {
        map.put(prefix, IpcacheRecord.always(step.wanted));
      }
      batch.commit.add(() -> {
        commitRow(step);
        buried.remove(prefix);
      });
    }
    steps.forEach(step -> near.move(step.prefix.address()));
  }

  private void restore(IpPrefix prefix, @Nullable IpcacheRecord former) {
    if (former == null) {
      map.delete(prefix);
    } else {
      map.put(prefix, former);
    }
  }

  private void commitRow(Step step) {
    if (step.wanted != null) {
      live.put(step.prefix, step.wanted);
      buried.remove(step.prefix);
    } else {
      live.remove(step.prefix);
      buried.put(step.prefix, step.from);
    }
  }

  private void exhume(IpPrefix prefix) {
    if (buried.remove(prefix) != null) {
      map.delete(prefix);
    }
  }
}
