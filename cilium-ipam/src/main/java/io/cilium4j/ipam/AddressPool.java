// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.IpamException;
import java.util.BitSet;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The addresses of one prefix. Never given out are, as a rule, the first one (the network's own; in
 * IPv6 any router's), the second one (this node's, the pods' router) and the last one (IPv4's
 * broadcast; left out in IPv6 too, so that both count alike).
 *
 * <p>Addresses are given out in a circle: one that was given back comes last again, since peers may
 * still hold connections to it. Not safe for use by several threads.
 */
sealed interface AddressPool {

  /** From this many host bits on a bitmap would be larger than 2 MB. */
  int MAX_BITMAP_BITS = 24;

  /** With fewer host bits there is no address to give out. */
  int MIN_HOST_BITS = 2;

  /** Which addresses of a prefix are never given out. */
  record Reserved(boolean first, boolean second, boolean last) {
    /** Of a node's only prefix. */
    static final Reserved OF_NODE = new Reserved(true, true, true);

    /** Of a prefix of a pool; one of less than four addresses keeps none back. */
    static Reserved ofPool(IpPrefix prefix, boolean hasFirst, boolean hasLast) {
      boolean isTiny = prefix.family().bits() - prefix.length() < MIN_HOST_BITS;
      return new Reserved(!hasFirst && !isTiny, false, !hasLast && !isTiny);
    }

    int count() {
      return (first ? 1 : 0) + (second ? 1 : 0) + (last ? 1 : 0);
    }
  }

  /** The prefix. */
  IpPrefix prefix();

  /** Which of its addresses are never given out. */
  Reserved reserved();

  /** Takes the next free address; null when none is left. */
  @Nullable IpAddress takeNext();

  /** Takes this address of the prefix, which is not reserved; false if it is taken. */
  boolean take(IpAddress address);

  /** Gives an address back. */
  void giveBack(IpAddress address);

  /** How many can still be taken; {@code Long.MAX_VALUE} for more than that. */
  long free();

  /** How many are taken. */
  int used();

  /** The pool of a prefix with all addresses free. */
  static AddressPool of(IpPrefix prefix) {
    int hostBits = prefix.family().bits() - prefix.length();
    if (hostBits < MIN_HOST_BITS) {
      throw new IpamException(
          "pod CIDR "
              + prefix
              + ": too small, wanted a length of at most "
              + (prefix.family().bits() - MIN_HOST_BITS));
    }
    return of(prefix, Reserved.OF_NODE);
  }

  /** The pool of a prefix with all addresses free but the reserved ones. */
  static AddressPool of(IpPrefix prefix, Reserved reserved) {
    int hostBits = prefix.family().bits() - prefix.length();
    return hostBits <= MAX_BITMAP_BITS
        ? new Bitmap(prefix, reserved)
        : new Sparse(prefix, reserved);
  }

  /** How many addresses a prefix has for pods; {@code Integer.MAX_VALUE} for more than that. */
  static int capacity(IpPrefix prefix, Reserved reserved) {
    int hostBits = prefix.family().bits() - prefix.length();
    return hostBits >= Integer.SIZE - 1 ? Integer.MAX_VALUE : (1 << hostBits) - reserved.count();
  }

  /** The node's own address in the prefix. */
  default IpAddress router() {
    return prefix().address().plus(1);
  }

  /** Why an address of the prefix is never given out; absent for one that may be. */
  default Optional<String> reservedFor(IpAddress address) {
    if (reserved().first() && address.equals(prefix().address())) {
      return Optional.of("the network's own address");
    }
    if (reserved().second() && address.equals(router())) {
      return Optional.of("the node's own address");
    }
    // Behind the last address comes one that is not of the prefix.
    return !reserved().last() || prefix().contains(address.plus(1))
        ? Optional.empty()
        : Optional.of("the network's last address");
  }

  /** One bit for each address. */
  final class Bitmap implements AddressPool {
    private final IpPrefix prefix;
    private final Reserved reserved;
    private final int size;
    private final BitSet used = new BitSet();
    private int cursor;
    private int taken;

    Bitmap(IpPrefix prefix, Reserved reserved) {
      this.prefix = prefix;
      this.reserved = reserved;
      this.size = 1 << (prefix.family().bits() - prefix.length());
      used.set(0, reserved.first());
      if (reserved.second()) {
        used.set(1);
      }
      if (reserved.last()) {
        used.set(size - 1);
      }
    }

    @Override
    public Reserved reserved() {
      return reserved;
    }

    @Override
    public int used() {
      return taken;
    }

    @Override
    public IpPrefix prefix() {
      return prefix;
    }

    @Override
    public @Nullable IpAddress takeNext() {
      int free = used.nextClearBit(cursor);
      if (free >= size) {
        free = used.nextClearBit(0);
      }
      if (free >= size) {
        return null;
      }
      used.set(free);
      taken++;
      cursor = free + 1;
      return prefix.address().plus(free);
    }

    @Override
    public boolean take(IpAddress address) {
      int offset = offset(address);
      if (used.get(offset)) {
        return false;
      }
      used.set(offset);
      taken++;
      return true;
    }

    @Override
    public void giveBack(IpAddress address) {
      used.clear(offset(address));
      taken--;
    }

    private int offset(IpAddress address) {
      return (int) (address.low() - prefix.address().low());
    }

    @Override
    public long free() {
      return (long) size - reserved.count() - taken;
    }
  }

  /** A set of those in use, for prefixes that cannot be used up. */
  final class Sparse implements AddressPool {
    private final IpPrefix prefix;
    private final Reserved reserved;
    private final Set<IpAddress> used = new HashSet<>();
    private IpAddress cursor;

    Sparse(IpPrefix prefix, Reserved reserved) {
      this.prefix = prefix;
      this.reserved = reserved;
      this.cursor = first();
    }

    private IpAddress first() {
      IpAddress first = prefix.address();
      while (reservedFor(first).isPresent()) {
        first = first.plus(1);
      }
      return first;
    }

    @Override
    public Reserved reserved() {
      return reserved;
    }

    @Override
    public int used() {
      return used.size();
    }

    @Override
    public IpPrefix prefix() {
      return prefix;
    }

    /** Passes over at most as many addresses as are in use. */
    @Override
    public @Nullable IpAddress takeNext() {
      IpAddress address = cursor;
      while (!used.add(address)) {
        address = behind(address);
      }
      cursor = behind(address);
      return address;
    }

    private IpAddress behind(IpAddress address) {
      IpAddress next = address.plus(1);
      return reservedFor(next).isEmpty() && prefix.contains(next) ? next : first();
    }

    @Override
    public boolean take(IpAddress address) {
      return used.add(address);
    }

    @Override
    public void giveBack(IpAddress address) {
      used.remove(address);
    }

    @Override
    public long free() {
      int hostBits = prefix.family().bits() - prefix.length();
      return hostBits >= Long.SIZE - 1
          ? Long.MAX_VALUE
          : (1L << hostBits) - reserved.count() - used.size();
    }
  }
}
