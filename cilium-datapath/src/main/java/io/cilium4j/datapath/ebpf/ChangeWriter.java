// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.spi.Datapath.Table;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.IpcacheKey;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.NodeKey;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.Row.PrefilterKey;
import io.cilium4j.core.spi.Row.PrefilterRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.state.Change;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.ebpf.IpcacheRows.Step;
import io.cilium4j.datapath.net.RemoteNodes.TunnelEnds;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the kernel's rows in line with a batch, so that no packet sees a part of it.
 *
 * <p>The order, which is the whole point: policy entries under new numbers; then the rows, each
 * with what counted until now and what is to count from the next epoch on; then one write of the
 * epoch; then, after an RCU grace period, the deletion of what only the former epoch needed. Up to
 * the write of the epoch nothing has changed for any packet, so a failure before it is taken back
 * and leaves no trace.
 *
 * <p>Every verdict in conntrack becomes stale with that. A batch that is only about single
 * addresses elsewhere, as when a pod of another node comes or goes, is a near change: policy
 * entries of identities that no packet has yet, then the addresses' rows, which count at once, then
 * the addresses' counters ({@link NearEpochs}), then the deletion of entries that no packet asks
 * for any more. No verdict about other addresses becomes stale, and a packet that looks at a row or
 * an entry while it changes sees a counter move and is decided anew.
 *
 * <p>Safe for use by several threads.
 */
final class ChangeWriter implements TunnelEnds {

  private static final Logger LOG = LoggerFactory.getLogger(ChangeWriter.class);

  private final KernelMaps maps;
  private final Reclaimer reclaimer;
  private final ReentrantLock lock;
  private final EndpointRows endpoints;
  private final IpcacheRows ipcache;
  private final NodeNumbers nodes;

  /** Identity to how many rows name it. */
  private final Map<Integer, Integer> named = new HashMap<>();

  /**
   * What must be done before the epoch may move again: a failed change taken back, a made one
   * tidied up.
   */
  private final Deque<Runnable> owed = new ArrayDeque<>();

  private long epoch;
  private long nearChanges;
  private boolean onlyWhole;

  /** Takes over what an earlier process left in the maps. */
  ChangeWriter(KernelMaps maps, ProxyListeners listeners, ReentrantLock lock, Reclaimer reclaimer) {
    this.maps = maps;
    this.lock = lock;
    this.reclaimer = reclaimer;
    this.epoch = maps.epoch().lookup(0).orElse(0L);
    this.endpoints = new EndpointRows(maps, listeners, epoch, this::name);
    this.nodes = new NodeNumbers(maps.nodes());
    this.ipcache = new IpcacheRows(maps.ipcache(), nodes, epoch, this::name);
    // That process may have died between an address's row and its counter.
    maps.near().moveAll();
  }

  private void name(int identity) {
    named.merge(identity, 1, Integer::sum);
  }

  /** A batch, taken apart by kind. */
  private static final class Wanted {
    final List<EndpointRow> endpoints = new ArrayList<>();
    final Set<Integer> removedEndpoints = new HashSet<>();

    /** Prefix to entry; null where it is to have none. */
    final Map<IpPrefix, @Nullable IpcacheEntry> ipcache = new HashMap<>();

    static Wanted of(List<Change<RowKey, Row>> changes) {
      var wanted = new Wanted();
      for (Change<RowKey, Row> change : changes) {
        switch (change) {
          case Change.Put<RowKey, Row>(_, EndpointRow row, _) -> wanted.endpoints.add(row);
          case Change.Put<RowKey, Row>(_, IpcacheRow(var entry), _) ->
              wanted.ipcache.put(entry.prefix(), entry);
          case Change.Removed<RowKey, Row>(EndpointKey(int id), _, _) ->
              wanted.removedEndpoints.add(id);
          case Change.Removed<RowKey, Row>(IpcacheKey(var prefix), _, _) ->
              wanted.ipcache.put(prefix, null);
          // No verdict depends on them: see RemoteNodes.
          case Change.Put<RowKey, Row>(_, NodeRow _, _) -> {}
          case Change.Removed<RowKey, Row>(NodeKey _, _, _) -> {}
          case Change.Put<RowKey, Row>(_, FrontendRow _, _) -> {}
          case Change.Removed<RowKey, Row>(FrontendKey _, _, _) -> {}
          case Change.Put<RowKey, Row>(_, PrefilterRow _, _) -> {}
          case Change.Removed<RowKey, Row>(PrefilterKey _, _, _) -> {}
        }
      }
      return wanted;
    }
  }

  /** Returns the addresses that were an endpoint's and are nobody's now. */
  Set<IpAddress> apply(List<Change<RowKey, Row>> changes) {
    return apply(Wanted.of(changes));
  }

  private Set<IpAddress> apply(Wanted wanted) {
    lock.lock();
    try {
      settleDebts();
      var batch = new Batch(epoch + 1, named);
      try {
        write(wanted, batch);
      } catch (RuntimeException e) {
        owed.addAll(batch.undo);
        throw failure(e);
      }
      if (batch.rowsWritten) {
        epoch = batch.next;
      }
      batch.commit.forEach(Runnable::run);
      batch.commitNames();
      owed.addAll(batch.due);
      payDebts();
      reclaimer.afterGracePeriod(batch.afterwards);
      return batch.freed;
    } finally {
      lock.unlock();
    }
  }

  private void write(Wanted wanted, Batch batch) {
    List<Step> steps = ipcache.plan(wanted.ipcache, batch);
    endpoints.write(wanted.endpoints, wanted.removedEndpoints, batch);
    if (!batch.rowsWritten && !onlyWhole && steps.stream().allMatch(this::isNear)) {
      ipcache.writeNear(steps, batch, maps.near());
      nearChanges += steps.isEmpty() ? 0 : 1;
      return;
    }
    ipcache.writeWhole(steps, batch);
    if (batch.rowsWritten) {
      maps.epoch().put(0, batch.next);
    }
  }

  /** Whether a step is about one address, and none of an endpoint of this node. */
  private boolean isNear(Step step) {
    IpPrefix prefix = step.prefix();
    return prefix.length() == prefix.family().bits() && !endpoints.isLocal(prefix.address());
  }

  /**
   * The change counts already, so what fails now is left to the next one, which must not begin
   * without.
   */
  private void payDebts() {
    try {
      settleDebts();
    } catch (RuntimeException e) {
      LOG.warn("entries of an identity that left stay for now: {}", e.getMessage());
    }
  }

  /** Does what is owed, in order; what fails stays, with all that comes after it. */
  private void settleDebts() {
    while (!owed.isEmpty()) {
      owed.peek().run();
      owed.poll();
    }
  }

  private DatapathException failure(RuntimeException cause) {
    try {
      settleDebts();
    } catch (RuntimeException e) {
      cause.addSuppressed(e);
    }
    return cause instanceof DatapathException known
        ? known
        : new DatapathException("cannot write the datapath's rows: " + cause.getMessage(), cause);
  }

  /**
   * Removes every row of a kind that is not among these, and what only such rows used. Returns as
   * {@link #apply} does.
   */
  Set<IpAddress> prune(RowKind kind, Set<RowKey> keys) {
    lock.lock();
    try {
      var wanted = new Wanted();
      switch (kind) {
        case ENDPOINT -> {
          wanted.removedEndpoints.addAll(endpoints.all().keySet());
          wanted.removedEndpoints.removeIf(id -> keys.contains(new EndpointKey(id)));
        }
        case IPCACHE -> {
          for (IpPrefix prefix : ipcache.prefixes()) {
            if (!keys.contains(new IpcacheKey(prefix))) {
              wanted.ipcache.put(prefix, null);
            }
          }
        }
        case NODE, FRONTEND, PREFILTER -> {
          return Set.of(); // Others know them.
        }
      }
      Set<IpAddress> freed = apply(wanted);
      if (kind == RowKind.ENDPOINT) {
        reclaimer.afterGracePeriod(List.of(endpoints::pruneNumbers));
      }
      return freed;
    } finally {
      lock.unlock();
    }
  }

  /** The known nodes' numbers. */
  Map<Integer, IpAddress> nodeNumbers() {
    lock.lock();
    try {
      Map<Integer, IpAddress> numbers = new TreeMap<>();
      nodes
          .rows()
          .forEach((number, row) -> {
            if (row.known() && row.address() != null) {
              numbers.put(number, row.address());
            }
          });
      return numbers;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Set<IpAddress> known() {
    return Set.copyOf(nodeNumbers().values());
  }

  @Override
  public void know(IpAddress address, int mtuBytes) {
    lock.lock();
    try {
      nodes.know(address, mtuBytes);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void forget(IpAddress address) {
    lock.lock();
    try {
      nodes.forget(address);
    } finally {
      lock.unlock();
    }
  }

  /** How full the tables are that this writes. */
  List<Table> tables() {
    lock.lock();
    try {
      return List.of(
          table(KernelMaps.IPCACHE, maps.ipcache(), ipcache.prefixes().size()),
          table(KernelMaps.ENDPOINTS, maps.endpoints(), endpoints.count()),
          table(KernelMaps.ADDRESSES, maps.addresses(), endpoints.addressCount()),
          table(KernelMaps.POLICY, maps.policy(), endpoints.policyEntryCount()),
          table(KernelMaps.NODES, maps.nodes(), nodes.rows().size()));
    } finally {
      lock.unlock();
    }
  }

  private static Table table(String name, BpfMap<?, ?> map, long used) {
    return new Table(name, used, map.spec().maxEntries());
  }

  /** The rows of all endpoints, by endpoint id. */
  Map<Integer, EndpointRecord> endpoints() {
    lock.lock();
    try {
      return endpoints.all();
    } finally {
      lock.unlock();
    }
  }

  /** Makes every change a whole one from now on: for tests and measurements that compare. */
  void onlyWholeChanges() {
    lock.lock();
    try {
      onlyWhole = true;
    } finally {
      lock.unlock();
    }
  }

  /** How many changes were near ones. */
  long nearChanges() {
    lock.lock();
    try {
      return nearChanges;
    } finally {
      lock.unlock();
    }
  }

  /** The present epoch. */
  long epoch() {
    lock.lock();
    try {
      return epoch;
    } finally {
      lock.unlock();
    }
  }
}
