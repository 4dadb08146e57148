// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.state.PoolStore;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.StorageException;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The prefixes that the node has of pools, between the allocator, the state folder and whoever
 * publishes the node. What the node has is on disk before an address of it is given out, and what
 * it gives up is off the disk before others are told: so a start without the cluster's store finds
 * no prefix that is another node's by then.
 *
 * <p>Safe for use by several threads.
 */
public final class NodePools {
  private static final Logger LOG = LoggerFactory.getLogger(NodePools.class);

  private final String nodeName;
  private final IpamAllocator allocator;
  private final Table<String, PoolClaim> claims;
  private final PoolStore store;
  private final ReentrantLock lock = new ReentrantLock();
  private final TableWriter<String, PoolClaim> told = TableWriter.create("pool-claims-told");

  /** Whether the ends of a pool's prefixes are given out. Guarded by the lock. */
  private final Map<String, NodePool> known = new HashMap<>();

  private final Follower follower;

  /**
   * Follows nothing yet.
   *
   * @param claims the allocator's
   * @param initial the pools that it was opened with
   */
  NodePools(
      String nodeName,
      IpamAllocator allocator,
      Table<String, PoolClaim> claims,
      Map<String, NodePool> initial,
      PoolStore store,
      Scheduler thread) {
    this.nodeName = nodeName;
    this.allocator = allocator;
    this.claims = claims;
    this.store = store;
    known.putAll(initial);
    this.follower =
        new Follower(
            thread, Duration.ZERO, List.of(claims, allocator.prefixes()), _ -> tellClaims());
    tellClaims();
  }

  /** What a start has: what it was told, and what an earlier run kept. */
  static Map<String, NodePool> initial(Map<String, NodePool> given, Map<String, NodePool> kept) {
    var all = new TreeMap<>(kept);
    given.forEach((name, pool) ->
        all.merge(
            name,
            pool,
            (mine, theirs) ->
                theirs.withCidrs(
                    Stream.concat(mine.cidrs().stream(), theirs.cidrs().stream()).toList())));
    return all;
  }

  Follower follower() {
    return follower;
  }

  /** What the node needs and does, to be told to the cluster. */
  public Table<String, PoolClaim> claims() {
    return told.table();
  }

  /**
   * Takes over what the cluster's store has of the node.
   *
   * @param pools by name
   * @param problems what the operator could not give, in its words; empty for nothing
   */
  public void changed(Map<String, NodePool> pools, String problems) {
    lock.lock();
    try {
      known.putAll(pools);
      keep(initial(pools, present()));
      // The prefixes first: who waits for one of these is not refused.
      allocator.nodeChanged(new Node(nodeName, List.of(), List.of(), pools, Map.of()));
      allocator.problemsChanged(problems);
    } finally {
      lock.unlock();
    }
  }

  private Map<String, NodePool> present() {
    var cidrs = new TreeMap<String, List<IpPrefix>>();
    for (Row<IpPrefix, String> row : allocator.prefixes().snapshot()) {
      cidrs.computeIfAbsent(row.value(), _ -> new ArrayList<>()).add(row.key());
    }
    var pools = new TreeMap<String, NodePool>();
    cidrs.forEach((name, all) ->
        pools.put(name, known.getOrDefault(name, NodePool.of(List.of())).withCidrs(all)));
    return pools;
  }

  private boolean keep(Map<String, NodePool> pools) {
    List<IpAddress> routers =
        Stream.of(IpFamily.values()).flatMap(family -> allocator.router(family).stream()).toList();
    try {
      store.keep(pools, routers);
      return true;
    } catch (StorageException e) {
      LOG.warn("pod CIDRs not kept error=\"{}\"", e.getMessage());
      return false;
    }
  }

  /** The claims first: what they say is given up is not among the prefixes that are read later. */
  private void tellClaims() {
    lock.lock();
    try {
      Snapshot<String, PoolClaim> now = claims.snapshot();
      if (!keep(present())) {
        return; // The next look, or the next change, tries again.
      }
      told.write(batch -> {
        for (Row<String, PoolClaim> row : batch.snapshot()) {
          if (now.get(row.key()).isEmpty()) {
            batch.remove(row.key());
          }
        }
        for (Row<String, PoolClaim> row : now) {
          if (batch.get(row.key()).filter(row.value()::equals).isEmpty()) {
            batch.put(row.key(), row.value());
          }
        }
      });
    } finally {
      lock.unlock();
    }
  }
}
