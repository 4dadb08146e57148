// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives out the addresses of a node's prefixes of several pools, and says how many it needs of
 * each.
 *
 * <p>Prefixes come by {@link #nodeChanged}, as the cluster's store has them. One that is not in the
 * store any more is given up unless an address of it is in use: then it is to be written back. One
 * that this node gave up is not taken again before the store was seen without it, since what the
 * store says may be older than that.
 *
 * <p>Before the first {@link #trim} nothing is given up: those who had addresses in an earlier run
 * are not back yet.
 */
final class MultiPoolAllocator implements IpamAllocator {
  private static final Logger LOG = LoggerFactory.getLogger(MultiPoolAllocator.class);

  /** Most pools of a node, those included that somebody only asked for. */
  private static final int MAX_POOLS = 256;

  /** How often a prefix is found idle before it is given up: peers may hold connections to it. */
  private static final int IDLE_LOOKS = 2;

  private static final int MAX_OWNER_CHARS = 512;

  /**
   * What it was told.
   *
   * @param defaultPool the pool of those that name none, and of the node's own addresses
   * @param preAllocation how many addresses of a pool are asked for beforehand
   * @param families those that endpoints have addresses of
   */
  record Config(String defaultPool, Map<String, Integer> preAllocation, Set<IpFamily> families) {
    Config {
      preAllocation = Map.copyOf(preAllocation);
      families = Set.copyOf(families);
    }
  }

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
  private final Config config;
  private final PendingNeeds pending;
  private final ReentrantLock lock = new ReentrantLock();
  private final TableWriter<IpAddress, String> owners = TableWriter.create("allocations");
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
   * @param node with the pools that it has
   * @param routers the node's own addresses of an earlier run
   * @param nanoTime as {@link System#nanoTime}
   */
  MultiPoolAllocator(Node node, Config config, List<IpAddress> routers, LongSupplier nanoTime) {
    this.nodeName = node.name();
    this.config = config;
    this.pending = new PendingNeeds(nanoTime);
    routers.forEach(router -> this.routers.put(router.family(), router));
    nodeChanged(node);
  }

  // ---- prefixes come and go ----

  @Override
  public void nodeChanged(Node node) {
    if (!node.name().equals(nodeName)) {
      throw new IllegalArgumentException(
          "node " + node.name() + ": the addresses are those of node " + nodeName);
    }
    lock.lock();
    try {
      told = node.pools();
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
    } finally {
      lock.unlock();
    }
  }

  private void add(String pool, IpPrefix cidr, NodePool told) {
    for (IpPrefix other : blocks.keySet()) {
      if (other.contains(cidr) || cidr.contains(other)) {
        LOG.warn("pod CIDR not used node={} cidr={} overlaps={}", nodeName, cidr, other);
        return;
      }
    }
    AddressPool addresses =
        AddressPool.of(cidr, AddressPool.Reserved.ofPool(cidr, told.hasFirst(), told.hasLast()));
    // A prefix may come back while addresses of its earlier time are still in use.
    for (Row<IpAddress, String> row : owners.table().snapshot()) {
      if (cidr.contains(row.key()) && addresses.reservedFor(row.key()).isEmpty()) {
        addresses.take(row.key());
      }
    }
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
        for (Block block : blocksOf(config.defaultPool(), family)) {
          IpAddress address = block.addresses.takeNext();
          if (address != null) {
            routers.put(family, address);
            break;
          }
        }
      }
    }
  }

  @Override
  public void trim() {
    lock.lock();
    try {
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
    } finally {
      lock.unlock();
    }
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

  private List<Block> blocksOf(String pool, IpFamily family) {
    return blocks.values().stream()
        .filter(block -> block.pool.equals(pool) && block.prefix().family() == family)
        .toList();
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

  /** Tells others what there is and what is needed. */
  private void tell() {
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

  // ---- addresses ----

  @Override
  public Set<IpFamily> families() {
    lock.lock();
    try {
      return Set.copyOf(routers.keySet());
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Optional<IpAddress> router(IpFamily family) {
    lock.lock();
    try {
      return Optional.ofNullable(routers.get(family));
    } finally {
      lock.unlock();
    }
  }

  @Override
  public String defaultPool() {
    return config.defaultPool();
  }

  @Override
  public IpAddress allocate(IpFamily family, String owner) {
    return allocate(family, owner, config.defaultPool());
  }

  @Override
  public IpAddress allocate(IpFamily family, String owner, String pool) {
    checkOwner(owner);
    lock.lock();
    try {
      List<Block> all = blocksOf(pool, family);
      for (Block block : all) {
        IpAddress address = block.addresses.takeNext();
        if (address != null) {
          block.idleLooks = 0;
          owners.put(address, owner);
          pending.satisfied(pool, family, owner);
          tell(); // The last of a lot asks for the next one before somebody goes without.
          return address;
        }
      }
      if (config.families().contains(family) && canAskFor(pool)) {
        pending.add(pool, family, owner);
        tell();
      }
      throw new IpamException(
          "no "
              + family
              + " address for "
              + owner
              + " of pool "
              + pool
              + ": node "
              + nodeName
              + (all.isEmpty()
                  ? " has no CIDR of it"
                  : " has used up " + all.stream().map(Block::prefix).toList())
              + "; the operator is asked for one");
    } finally {
      lock.unlock();
    }
  }

  private boolean canAskFor(String pool) {
    Set<String> names = pools();
    return names.contains(pool) || names.size() < MAX_POOLS;
  }

  @Override
  public void claim(IpAddress address, String owner) {
    checkOwner(owner);
    lock.lock();
    try {
      Optional<String> holder = owners.table().get(address);
      if (holder.isPresent()) {
        if (holder.get().equals(owner)) {
          return;
        }
        throw refused(address, owner, "it is " + holder.get() + "'s");
      }
      Block block = holding(address);
      if (block == null) {
        throw refused(address, owner, "no pod CIDR of node " + nodeName + " holds it");
      }
      Optional<String> reserved =
          address.equals(routers.get(address.family()))
              ? Optional.of("the node's own address")
              : block.addresses.reservedFor(address);
      if (reserved.isPresent()) {
        throw refused(address, owner, "it is " + reserved.get());
      }
      block.addresses.take(address);
      block.idleLooks = 0;
      owners.put(address, owner);
      pending.satisfied(block.pool, address.family(), owner);
    } finally {
      lock.unlock();
    }
  }

  private static IpamException refused(IpAddress address, String owner, String why) {
    return new IpamException("address " + address + " for " + owner + ": " + why);
  }

  private @Nullable Block holding(IpAddress address) {
    for (Block block : blocks.values()) {
      if (block.prefix().contains(address)) {
        return block;
      }
    }
    return null;
  }

  @Override
  public boolean release(IpAddress address, String owner) {
    lock.lock();
    try {
      if (owners.table().get(address).filter(owner::equals).isEmpty()) {
        return false;
      }
      owners.remove(address);
      Block block = holding(address);
      if (block != null && block.addresses.reservedFor(address).isEmpty()) {
        block.addresses.giveBack(address);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Table<IpAddress, String> allocations() {
    return owners.table();
  }

  @Override
  public Table<IpPrefix, String> prefixes() {
    return prefixes.table();
  }

  @Override
  public Optional<Table<String, PoolClaim>> claims() {
    return Optional.of(claims.table());
  }

  /** Of the default pool, where those come from that name none. */
  @Override
  public long free(IpFamily family) {
    lock.lock();
    try {
      long sum = 0;
      for (Block block : blocksOf(config.defaultPool(), family)) {
        long more = block.addresses.free();
        sum = sum > Long.MAX_VALUE - more ? Long.MAX_VALUE : sum + more;
      }
      return sum;
    } finally {
      lock.unlock();
    }
  }

  private static void checkOwner(String owner) {
    if (owner.isBlank() || owner.length() > MAX_OWNER_CHARS) {
      throw new IllegalArgumentException(
          "address owner of " + owner.length() + " characters: wanted 1 to " + MAX_OWNER_CHARS);
    }
  }
}
