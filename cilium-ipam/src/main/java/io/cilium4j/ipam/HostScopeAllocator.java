// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Gives out the addresses of a node's prefixes, the first prefix first. */
final class HostScopeAllocator extends PrefixAllocator {
  private static final Logger LOG = LoggerFactory.getLogger(HostScopeAllocator.class);

  private final Function<Node, List<IpPrefix>> prefixesOf;
  private final TableWriter<IpPrefix, String> prefixes = TableWriter.create("pod-cidrs");
  private List<AddressPool> pools = List.of();

  /**
   * @param prefixesOf which prefixes a node's row gives to the allocator
   */
  HostScopeAllocator(Node node, Function<Node, List<IpPrefix>> prefixesOf) {
    super(node.name());
    this.prefixesOf = prefixesOf;
    nodeChanged(node);
  }

  @Override
  public void nodeChanged(Node node) {
    requireOwn(node);
    List<IpPrefix> prefixes = prefixesOf.apply(node);
    requireDisjoint(prefixes);
    lock.lock();
    try {
      var next = new ArrayList<AddressPool>();
      for (IpPrefix prefix : prefixes) {
        next.add(poolOf(prefix).orElseGet(() -> withThoseInUse(AddressPool.of(prefix))));
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

  @Override
  List<AddressPool> prefixPools() {
    return pools;
  }

  @Override
  List<AddressPool> ofFamily(IpFamily family) {
    return pools.stream().filter(pool -> pool.prefix().family() == family).toList();
  }

  @Override
  public IpAddress allocate(IpFamily family, String owner) {
    checkOwner(owner);
    lock.lock();
    try {
      IpAddress address = takeNext(ofFamily(family), owner);
      if (address != null) {
        return address;
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
  public Table<IpPrefix, String> prefixes() {
    return prefixes.table();
  }
}
