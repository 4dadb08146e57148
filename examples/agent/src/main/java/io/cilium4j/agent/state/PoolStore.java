// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.state;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * The prefixes of pools that the node has, and its own addresses in them, over a restart: the
 * cluster's store may be away then, and pods have addresses all the same.
 *
 * <p>Safe for use by several threads.
 */
public final class PoolStore {

  /** There is one row. */
  private static final long ROW = 1;

  /** What stands in the file. */
  record Kept(List<KeptPool> pools, List<String> routers) {
    Kept {
      // In JSON what is empty is left out.
      pools = List.copyOf(Objects.requireNonNullElse(pools, List.of()));
      routers = List.copyOf(Objects.requireNonNullElse(routers, List.of()));
    }
  }

  /** A pool in the file. */
  record KeptPool(String name, List<String> cidrs, boolean hasFirst, boolean hasLast) {
    KeptPool {
      name = Objects.requireNonNullElse(name, "");
      cidrs = List.copyOf(Objects.requireNonNullElse(cidrs, List.of()));
    }
  }

  private final FileTable<Kept> file;

  /** Reads what an earlier run kept. */
  public PoolStore(StateFolder folder) {
    this.file = new FileTable<>("pod-pools", folder, Kept.class);
  }

  private Kept kept() {
    return file.table().get(ROW).orElse(new Kept(List.of(), List.of()));
  }

  /** The pools by name, without what the node asks for. */
  public Map<String, NodePool> pools() {
    var pools = new TreeMap<String, NodePool>();
    for (KeptPool pool : kept().pools()) {
      List<IpPrefix> cidrs = pool.cidrs().stream().map(IpPrefix::parse).toList();
      pools.put(pool.name(), new NodePool(0, 0, cidrs, pool.hasFirst(), pool.hasLast()));
    }
    return pools;
  }

  /** The node's own addresses. */
  public List<IpAddress> routers() {
    return kept().routers().stream().map(IpAddress::parse).toList();
  }

  /**
   * Keeps what the node has from now on.
   *
   * @throws io.cilium4j.core.state.StorageException if that cannot be
   */
  public void keep(Map<String, NodePool> pools, List<IpAddress> routers) {
    var wanted =
        new Kept(
            pools.entrySet().stream()
                .filter(pool -> !pool.getValue().cidrs().isEmpty())
                .map(pool ->
                    new KeptPool(
                        pool.getKey(),
                        pool.getValue().cidrs().stream().map(IpPrefix::toString).toList(),
                        pool.getValue().hasFirst(),
                        pool.getValue().hasLast()))
                .toList(),
            routers.stream().map(IpAddress::toString).toList());
    if (!wanted.equals(kept())) {
      var _ = file.put(ROW, wanted);
    }
  }
}
