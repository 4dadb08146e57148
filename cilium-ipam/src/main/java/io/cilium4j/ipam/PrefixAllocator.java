// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Node;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * An allocator of the addresses of a node's prefixes: it knows which address is whose. Subclasses
 * say which prefixes there are.
 *
 * <p>Safe for use by several threads. Methods that subclasses implement for it, and fields, are for
 * whoever holds the lock.
 */
abstract class PrefixAllocator implements IpamAllocator {

  /** Longest owner, in characters: a namespace, a slash and a pod's name. */
  private static final int MAX_OWNER_CHARS = 512;

  final String nodeName;
  final ReentrantLock lock = new ReentrantLock();
  private final TableWriter<IpAddress, String> owners = TableWriter.create("allocations");

  PrefixAllocator(String nodeName) {
    this.nodeName = nodeName;
  }

  /** All prefixes. */
  abstract Collection<AddressPool> prefixPools();

  /** The prefixes of a family that those get addresses of who name no pool, the first first. */
  abstract List<AddressPool> ofFamily(IpFamily family);

  /** Why an address of a prefix is never given out; absent for one that may be. */
  Optional<String> reservedFor(AddressPool prefix, IpAddress address) {
    return prefix.reservedFor(address);
  }

  /** Told that an address is somebody's from now on. */
  void taken(AddressPool prefix, IpAddress address, String owner) {}

  /** Told that an address was given back. */
  void givenBack() {}

  /**
   * Refuses a row that is another node's.
   *
   * @throws IllegalArgumentException if it is
   */
  final void requireOwn(Node node) {
    if (!node.name().equals(nodeName)) {
      throw new IllegalArgumentException(
          "node " + node.name() + ": the addresses are those of node " + nodeName);
    }
  }

  static void checkOwner(String owner) {
    if (owner.isBlank() || owner.length() > MAX_OWNER_CHARS) {
      throw new IllegalArgumentException(
          "address owner of " + owner.length() + " characters: wanted 1 to " + MAX_OWNER_CHARS);
    }
  }

  /** A prefix may come back while addresses of its earlier time are still in use. */
  final AddressPool withThoseInUse(AddressPool prefix) {
    for (Row<IpAddress, String> row : owners.table().snapshot()) {
      if (prefix.prefix().contains(row.key()) && prefix.reservedFor(row.key()).isEmpty()) {
        prefix.take(row.key());
      }
    }
    return prefix;
  }

  /** Takes the next address of the first of these prefixes that has one; null if none has. */
  final @Nullable IpAddress takeNext(List<AddressPool> from, String owner) {
    for (AddressPool prefix : from) {
      IpAddress address = prefix.takeNext();
      if (address != null) {
        owners.put(address, owner);
        taken(prefix, address, owner);
        return address;
      }
    }
    return null;
  }

  @Override
  public final void claim(IpAddress address, String owner) {
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
      AddressPool prefix = holding(address);
      if (prefix == null) {
        throw refused(address, owner, "no pod CIDR of node " + nodeName + " holds it");
      }
      Optional<String> reserved = reservedFor(prefix, address);
      if (reserved.isPresent()) {
        throw refused(address, owner, "it is " + reserved.get());
      }
      prefix.take(address);
      owners.put(address, owner);
      taken(prefix, address, owner);
    } finally {
      lock.unlock();
    }
  }

  private static IpamException refused(IpAddress address, String owner, String why) {
    return new IpamException("address " + address + " for " + owner + ": " + why);
  }

  private @Nullable AddressPool holding(IpAddress address) {
    for (AddressPool prefix : prefixPools()) {
      if (prefix.prefix().contains(address)) {
        return prefix;
      }
    }
    return null;
  }

  @Override
  public final boolean release(IpAddress address, String owner) {
    lock.lock();
    try {
      if (owners.table().get(address).filter(owner::equals).isEmpty()) {
        return false;
      }
      owners.remove(address);
      AddressPool prefix = holding(address);
      if (prefix != null && prefix.reservedFor(address).isEmpty()) {
        prefix.giveBack(address);
      }
      givenBack();
      return true;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public final Table<IpAddress, String> allocations() {
    return owners.table();
  }

  @Override
  public final long free(IpFamily family) {
    lock.lock();
    try {
      return free(ofFamily(family));
    } finally {
      lock.unlock();
    }
  }

  /** How many more addresses these prefixes have; Long.MAX_VALUE for "more than that". */
  static long free(Collection<AddressPool> prefixes) {
    long sum = 0;
    for (AddressPool prefix : prefixes) {
      long more = prefix.free();
      sum = sum > Long.MAX_VALUE - more ? Long.MAX_VALUE : sum + more;
    }
    return sum;
  }
}
