// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Gives out the addresses of a node's prefixes, the first prefix first. */
final class HostScopeAllocator implements IpamAllocator {
  private static final Logger LOG = LoggerFactory.getLogger(HostScopeAllocator.class);

  /** Longest owner, in characters: a namespace, a slash and a pod's name. */
  private static final int MAX_OWNER_CHARS = 512;

  private final String nodeName;
  private final Function<Node, List<IpPrefix>> prefixesOf;
  private final ReentrantLock lock = new ReentrantLock();
  private final TableWriter<IpAddress, String> writer = TableWriter.create("allocations");
  private final TableWriter<IpPrefix, String> prefixes = TableWriter.create("pod-cidrs");
  private List<AddressPool> pools = List.of();

  /**
   * @param prefixesOf which prefixes a node's row gives to the allocator
   */
  HostScopeAllocator(Node node, Function<Node, List<IpPrefix>> prefixesOf) {
    this.nodeName = node.name();
    this.prefixesOf = prefixesOf;
    nodeChanged(node);
  }

  @Override
  public void nodeChanged(Node node) {
    if (!node.name().equals(nodeName)) {
      throw new IllegalArgumentException(
          "node " + node.name() + ": the addresses are those of node " + nodeName);
    }
    List<IpPrefix> prefixes = prefixesOf.apply(node);
    requireDisjoint(prefixes);
    lock.lock();
    try {
      var next = new ArrayList<AddressPool>();
      for (IpPrefix prefix : prefixes) {
        next.add(poolOf(prefix).orElseGet(() -> newPool(prefix)));
      }
      if (!next.equals(pools)) {
        LOG.info("pod CIDRs changed node={} prefixes={}", nodeName, prefixes);
      }
      pools = List.copyOf(next);
      this.prefixes.write(batch -> {
        for (Row<IpPrefix, String> row : batch.snapshot()) {
          if (!prefixes.contains(row.key())) {
            batch.remove(row.key());
          }
        }
        prefixes.forEach(prefix -> batch.put(prefix, NodePool.DEFAULT));
      });
    } finally {
      lock.unlock();
    }
  }

  private void requireDisjoint(List<IpPrefix> prefixes) {
    for (int i = 0; i < prefixes.size(); i++) {
      for (int j = 0; j < i; j++) {
        IpPrefix a = prefixes.get(j);
        IpPrefix b = prefixes.get(i);
        if (a.contains(b) || b.contains(a)) {
          throw new IpamException(
              "node " + nodeName + ": pod CIDRs " + a + " and " + b + " overlap");
        }
      }
    }
  }

  private Optional<AddressPool> poolOf(IpPrefix prefix) {
    return pools.stream().filter(pool -> pool.prefix().equals(prefix)).findFirst();
  }

  /** A prefix may come back while addresses of its earlier time are still in use. */
  private AddressPool newPool(IpPrefix prefix) {
    AddressPool pool = AddressPool.of(prefix);
    for (Row<IpAddress, String> row : writer.table().snapshot()) {
      if (prefix.contains(row.key()) && pool.reservedFor(row.key()).isEmpty()) {
        pool.take(row.key());
      }
    }
    return pool;
  }

  @Override
  public Set<IpFamily> families() {
    lock.lock();
    try {
      Set<IpFamily> families = EnumSet.noneOf(IpFamily.class);
      pools.forEach(pool -> families.add(pool.prefix().family()));
      return Set.copyOf(families);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Optional<IpAddress> router(IpFamily family) {
    lock.lock();
    try {
      return ofFamily(family).stream().findFirst().map(AddressPool::router);
    } finally {
      lock.unlock();
    }
  }

  private List<AddressPool> ofFamily(IpFamily family) {
    return pools.stream().filter(pool -> pool.prefix().family() == family).toList();
  }

  @Override
  public IpAddress allocate(IpFamily family, String owner) {
    checkOwner(owner);
    lock.lock();
    try {
      for (AddressPool pool : ofFamily(family)) {
        IpAddress address = pool.takeNext();
        if (address != null) {
          writer.put(address, owner);
          return address;
        }
      }
      List<IpPrefix> full = ofFamily(family).stream().map(AddressPool::prefix).toList();
      throw new IpamException(
          "no "
              + family
              + " address for "
              + owner
              + ": node "
              + nodeName
              + (full.isEmpty() ? " has no pod CIDR of the family" : " has used up " + full));
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void claim(IpAddress address, String owner) {
    checkOwner(owner);
    lock.lock();
    try {
      Optional<String> holder = writer.table().get(address);
      if (holder.isPresent()) {
        if (holder.get().equals(owner)) {
          return;
        }
        throw refused(address, owner, "it is " + holder.get() + "'s");
      }
      AddressPool pool = holding(address);
      if (pool == null) {
        throw refused(address, owner, "no pod CIDR of node " + nodeName + " holds it");
      }
      Optional<String> reserved = pool.reservedFor(address);
      if (reserved.isPresent()) {
        throw refused(address, owner, "it is " + reserved.get());
      }
      pool.take(address);
      writer.put(address, owner);
    } finally {
      lock.unlock();
    }
  }

  private static IpamException refused(IpAddress address, String owner, String why) {
    return new IpamException("address " + address + " for " + owner + ": " + why);
  }

  private @Nullable AddressPool holding(IpAddress address) {
    for (AddressPool pool : pools) {
      if (pool.prefix().contains(address)) {
        return pool;
      }
    }
    return null;
  }

  @Override
  public boolean release(IpAddress address, String owner) {
    lock.lock();
    try {
      if (writer.table().get(address).filter(owner::equals).isEmpty()) {
        return false;
      }
      writer.remove(address);
      AddressPool pool = holding(address);
      if (pool != null && pool.reservedFor(address).isEmpty()) {
        pool.giveBack(address);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Table<IpPrefix, String> prefixes() {
    return prefixes.table();
  }

  @Override
  public Table<IpAddress, String> allocations() {
    return writer.table();
  }

  @Override
  public long free(IpFamily family) {
    lock.lock();
    try {
      long sum = 0;
      for (AddressPool pool : ofFamily(family)) {
        long more = pool.free();
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
