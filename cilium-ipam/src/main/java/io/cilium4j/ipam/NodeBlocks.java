// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.spi.IpamAllocator.PoolUsage;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The prefixes that a node has of several pools, and how many addresses it needs of each. Prefixes
 * come by {@link #nodeChanged}, as the cluster's store has them. One that is not in the store any
 * more is given up unless an address of it is in use: then it is to be written back. One that this
 * node gave up is not taken again before the store was seen without it, since what the store says
 * may be older than that.
 *
 * <p>Before the first {@link #trim} nothing is given up: those who had addresses in an earlier run
 * are not back yet.
 *
 * <p>Not safe for use by several threads, the two tables excepted.
 */
final class NodeBlocks {
  private static final Logger LOG = LoggerFactory.getLogger(NodeBlocks.class);

  /** Most pools of a node, those included that somebody only asked for. */
  private static final int MAX_POOLS = 256;

  /** How often a prefix is found idle before it is given up: peers may hold connections to it. */
  private static final int IDLE_LOOKS = 2;

  /** A prefix that the node has. */
  private static final class Block {
    private final String pool;
    private final AddressPool addresses;
    private int idleLooks;

    Block(String pool, AddressPool addresses) {
      this.pool = pool;
      this.addresses = addresses;
    }

    IpPrefix prefix() {
      return addresses.prefix();
    }
  }

  private final String nodeName;
  private final MultiPoolAllocator.Config config;
  private final PendingNeeds pending;
  private final UnaryOperator<AddressPool> withThoseInUse;
  private final TableWriter<IpPrefix, String> prefixes = TableWriter.create("pod-cidrs");
  private final TableWriter<String, PoolClaim> claims = TableWriter.create("pool-claims");

  /** Sorted, so that every start finds them in one order. */
  private final TreeMap<IpPrefix, Block> blocks = new TreeMap<>();

  private final Set<IpPrefix> released = new HashSet<>();
  private final EnumMap<IpFamily, IpAddress> routers = new EnumMap<>(IpFamily.class);

  /** What the store had last. */
  private Map<String, NodePool> told = Map.of();

  private boolean isTrimmed;

  /**
   * None yet.
   *
   * @param routers the node's own addresses of an earlier run
   * @param withThoseInUse takes the addresses of a prefix that are in use already
   */
  NodeBlocks(
      String nodeName,
      MultiPoolAllocator.Config config,
      PendingNeeds pending,
      List<IpAddress> routers,
      UnaryOperator<AddressPool> withThoseInUse) {
    this.nodeName = nodeName;
    this.config = config;
    this.pending = pending;
    this.withThoseInUse = withThoseInUse;
    routers.forEach(router -> this.routers.put(router.family(), router));
  }

  // ---- prefixes come and go ----

  /** The store has this of the node. */
  void nodeChanged(Map<String, NodePool> pools) {
    told = pools;
    var present = new TreeSet<>(NodePool.cidrs(told));
    released.retainAll(present);
    told.forEach((name, pool) -> {
      for (IpPrefix cidr : pool.cidrs()) {
        if (!blocks.containsKey(cidr)
            && !released.contains(cidr)
            && config.families().contains(cidr.family())) {
          add(name, cidr, pool);
        }
      }
    });
    dropUntold(present);
    chooseRouters();
    tell();
  }

  private void add(String pool, IpPrefix cidr, NodePool told) {
    for (IpPrefix other : blocks.keySet()) {
      if (other.contains(cidr) || cidr.contains(other)) {
        LOG.warn("pod CIDR not used node={} cidr={} overlaps={}", nodeName, cidr, other);
        return;
      }
    }
    AddressPool addresses =
        withThoseInUse.apply(
            AddressPool.of(
                cidr, AddressPool.Reserved.ofPool(cidr, told.hasFirst(), told.hasLast())));
    IpAddress router = routers.get(cidr.family());
    if (router != null && cidr.contains(router)) {
      addresses.take(router);
    }
    blocks.put(cidr, new Block(pool, addresses));
    LOG.info("pod CIDR taken up node={} pool={} cidr={}", nodeName, pool, cidr);
  }

  private void dropUntold(Set<IpPrefix> present) {
    if (isTrimmed) {
      blocks
          .values()
          .removeIf(block -> {
            boolean goes = !present.contains(block.prefix()) && block.addresses.used() == 0;
            if (goes) {
              LOG.info(
                  "pod CIDR is gone node={} pool={} cidr={}", nodeName, block.pool, block.prefix());
            }
            return goes;
          });
    }
  }

  /** The node's own addresses are of its first prefix, and stay whatever comes later. */
  private void chooseRouters() {
    for (IpFamily family : config.families()) {
      if (!routers.containsKey(family)) {
        for (AddressPool prefix : of(config.defaultPool(), family)) {
          IpAddress address = prefix.takeNext();
          if (address != null) {
            routers.put(family, address);
            break;
          }
        }
      }
    }
  }

  /** Gives up what is not needed any more; to be called now and then. */
  void trim() {
    isTrimmed = true;
    pending.expire();
    dropUntold(new TreeSet<>(NodePool.cidrs(told)));
    for (Block block : blocks.values()) {
      block.idleLooks = block.addresses.used() == 0 ? block.idleLooks + 1 : 0;
    }
    for (String pool : pools()) {
      config.families().forEach(family -> releaseExcess(pool, family));
    }
    tell();
  }

  /** As many addresses stay free as are asked for beforehand; the last prefixes go first. */
  private void releaseExcess(String pool, IpFamily family) {
    List<Block> all = blocksOf(pool, family);
    long wanted = (long) needed(pool, family) - used(pool, family);
    long free = all.stream().mapToLong(block -> bounded(block.addresses.free())).sum();
    for (Block block : all.reversed()) {
      long without = free - bounded(block.addresses.free());
      if (block.addresses.used() == 0 && block.idleLooks >= IDLE_LOOKS && without >= wanted) {
        free = without;
        blocks.remove(block.prefix());
        released.add(block.prefix());
        LOG.info("pod CIDR given up node={} pool={} cidr={}", nodeName, pool, block.prefix());
      }
    }
  }

  private static long bounded(long free) {
    return Math.min(free, Integer.MAX_VALUE);
  }

  // ---- what there is ----

  private List<Block> blocksOf(String pool, IpFamily family) {
    return blocks.values().stream()
        .filter(block -> block.pool.equals(pool) && block.prefix().family() == family)
        .toList();
  }

  /** The prefixes of a pool and family, the first first. */
  List<AddressPool> of(String pool, IpFamily family) {
    return blocksOf(pool, family).stream().map(block -> block.addresses).toList();
  }

  /** All prefixes. */
  Collection<AddressPool> all() {
    return blocks.values().stream().map(block -> block.addresses).toList();
  }

  /** The pool of a prefix that was taken from just now. */
  String takenFrom(AddressPool prefix) {
    Block block = blocks.get(prefix.prefix());
    if (block == null) {
      throw new IllegalStateException("prefix " + prefix.prefix() + " is not the node's");
    }
    block.idleLooks = 0;
    return block.pool;
  }

  /** The families that the node has an own address of. */
  Set<IpFamily> families() {
    return Set.copyOf(routers.keySet());
  }

  /** The node's own address; null before it has one. */
  @Nullable IpAddress router(IpFamily family) {
    return routers.get(family);
  }

  /** All prefixes with their pools. */
  Table<IpPrefix, String> prefixes() {
    return prefixes.table();
  }

  /** What is needed of pools. */
  Table<String, PoolClaim> claims() {
    return claims.table();
  }

  /** Whether one more pool may be asked for. */
  boolean canAskFor(String pool) {
    Set<String> names = pools();
    return names.contains(pool) || names.size() < MAX_POOLS;
  }

  private Set<String> pools() {
    var names = new TreeSet<>(config.preAllocation().keySet());
    names.add(config.defaultPool());
    blocks.values().forEach(block -> names.add(block.pool));
    names.addAll(pending.pools());
    names.addAll(told.keySet());
    return names;
  }

  private int used(String pool, IpFamily family) {
    return blocksOf(pool, family).stream().mapToInt(block -> block.addresses.used()).sum();
  }

  /**
   * How many addresses are asked for: those in use and those waited for, and so many more that at
   * least one lot is in stock, in whole lots.
   */
  private int needed(String pool, IpFamily family) {
    int count = used(pool, family) + pending.of(pool, family);
    boolean wantsRouter = pool.equals(config.defaultPool()) && !routers.containsKey(family);
    count += wantsRouter ? 1 : 0;
    int lot = config.preAllocation().getOrDefault(pool, 0);
    return lot == 0 ? count : (Math.ceilDiv(count, lot) + 1) * lot;
  }

  // ---- told to others ----

  /** Tells others what there is and what is needed. */
  void tell() {
    prefixes.write(batch -> {
      for (Row<IpPrefix, String> row : batch.snapshot()) {
        if (!blocks.containsKey(row.key())) {
          batch.remove(row.key());
        }
      }
      for (Block block : blocks.values()) {
        if (batch.get(block.prefix()).filter(block.pool::equals).isEmpty()) {
          batch.put(block.prefix(), block.pool);
        }
      }
    });
    var present = new HashSet<>(NodePool.cidrs(told));
    Set<String> names = pools();
    claims.write(batch -> {
      for (Row<String, PoolClaim> row : batch.snapshot()) {
        if (!names.contains(row.key())) {
          batch.remove(row.key());
        }
      }
      for (String name : names) {
        PoolClaim claim = claim(name, present);
        if (batch.get(name).filter(claim::equals).isEmpty()) {
          batch.put(name, claim);
        }
      }
    });
  }

  private PoolClaim claim(String pool, Set<IpPrefix> present) {
    Set<IpPrefix> kept = new HashSet<>();
    boolean hasFirst = false;
    boolean hasLast = false;
    for (Block block : blocks.values()) {
      if (block.pool.equals(pool) && !present.contains(block.prefix())) {
        kept.add(block.prefix());
        hasFirst |= !block.addresses.reserved().first();
        hasLast |= !block.addresses.reserved().last();
      }
    }
    Set<IpPrefix> gone = new HashSet<>();
    NodePool has = told.get(pool);
    if (has != null) {
      has.cidrs().stream().filter(released::contains).forEach(gone::add);
    }
    return new PoolClaim(
        config.families().contains(IpFamily.IPV4) ? needed(pool, IpFamily.IPV4) : 0,
        config.families().contains(IpFamily.IPV6) ? needed(pool, IpFamily.IPV6) : 0,
        kept,
        gone,
        hasFirst,
        hasLast);
  }

  /** How full the pools are of which the node has or needs something. */
  List<PoolUsage> usage() {
    var all = new ArrayList<PoolUsage>();
    for (String pool : pools()) {
      for (IpFamily family : new TreeSet<>(config.families())) {
        List<AddressPool> has = of(pool, family);
        int used = used(pool, family);
        int needed = needed(pool, family);
        if (!has.isEmpty() || needed > 0) {
          long free = PrefixAllocator.free(has);
          long available = free > Long.MAX_VALUE - used ? Long.MAX_VALUE : free + used;
          all.add(new PoolUsage(pool, family, available, used, needed, has.size()));
        }
      }
    }
    return all;
  }
}
