// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.ebpf.IpcacheRecord.Behind;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The rows of {@code cilium_ipcache}. A trie answers with its longest match alone, so a row that
 * comes or goes carries, for the epoch in which it is not there, what the prefix says that covers
 * it; a row that went stays as such until it is deleted.
 *
 * <p>Not safe for use by several threads: {@link ChangeWriter} holds the lock.
 */
final class IpcacheRows {

  private final BpfMap<IpPrefix, IpcacheRecord> map;
  private final NodeNumbers nodes;
  private final IpcacheView live = new IpcacheView();

  /** Rows that are gone but for their deletion, with what now covers them. */
  private final Map<IpPrefix, Behind> buried = new HashMap<>();

  /**
   * @param nodes the numbers of nodes that rows name
   * @param names told of each identity that a row names
   */
  IpcacheRows(
      BpfMap<IpPrefix, IpcacheRecord> map, NodeNumbers nodes, long epoch, IntConsumer names) {
    this.map = map;
    this.nodes = nodes;
    restore(epoch, names);
  }

  /** Takes over the rows of an earlier process, also of one that died before it moved the epoch. */
  private void restore(long epoch, IntConsumer names) {
    map.forEach((prefix, row) -> {
      Behind behind = row.at(epoch);
      if (row.since() > epoch) {
        map.put(prefix, new IpcacheRecord(epoch, behind, behind));
      }
      live.put(prefix, behind);
      names.accept(behind.identity());
      nodes.use(behind.node(), 1);
    });
  }

  Set<IpPrefix> prefixes() {
    return live.prefixes();
  }

  /**
   * What a change asks of a row.
   *
   * @param present what the prefix says; null where it says nothing of its own
   * @param wanted what it is to say
   * @param until what its packets are told by now
   * @param from what its packets are told once the change counts
   */
  record Step(
      IpPrefix prefix,
      @Nullable Behind present,
      @Nullable Behind wanted,
      Behind until,
      Behind from) {}

  /**
   * What there is to write, and which identities come and go with it; nothing is written yet.
   *
   * @param changes the entry of each prefix; null where it is to have none
   */
  List<Step> plan(Map<IpPrefix, @Nullable IpcacheEntry> changes, Batch batch) {
    Map<IpPrefix, @Nullable Behind> wanted = new HashMap<>();
    changes.forEach((prefix, entry) -> wanted.put(prefix, entry == null ? null : behind(entry)));
    // Another prefix may now cover what is gone but for its deletion.
    buried.keySet().forEach(prefix -> wanted.putIfAbsent(prefix, null));
    List<Step> steps = new ArrayList<>();
    for (Map.Entry<IpPrefix, @Nullable Behind> entry : wanted.entrySet()) {
      plan(entry.getKey(), entry.getValue(), wanted, steps);
    }
    for (Step step : steps) {
      if (step.present != null) {
        batch.changeNamed(step.present.identity(), -1);
      }
      if (step.wanted != null) {
        batch.changeNamed(step.wanted.identity(), 1);
      }
    }
    return steps;
  }

  private Behind behind(IpcacheEntry entry) {
    return new Behind(entry.identity(), entry.tunnelEndpoint().map(nodes::of).orElse(0));
  }

  private void plan(
      IpPrefix prefix,
      @Nullable Behind asked,
      Map<IpPrefix, @Nullable Behind> wanted,
      List<Step> steps) {
    Behind present = live.get(prefix);
    Behind grave = buried.get(prefix);
    if (asked == null && present == null && grave == null) {
      return;
    }
    Behind until = present != null ? present : grave != null ? grave : live.cover(prefix);
    Behind from =
        asked != null
            ? asked
            : IpcacheView.cover(prefix, p -> wanted.containsKey(p) ? wanted.get(p) : live.get(p));
    if ((present != null) != (asked != null) || !until.equals(from)) {
      steps.add(new Step(prefix, present, asked, until, from));
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
    // The new one first: a number that stays is not given back.
    if (step.wanted != null) {
      nodes.use(step.wanted.node(), 1);
    }
    if (step.present != null) {
      nodes.use(step.present.node(), -1);
    }
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
