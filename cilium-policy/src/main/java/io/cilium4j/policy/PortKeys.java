// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.PolicyMapState;
import io.cilium4j.policy.Entry.L4;
import java.util.Arrays;
import java.util.List;

/**
 * Protocol and ports of a policy key, packed into an {@code int}: shape in bits 24 and up, protocol
 * in 16 to 23, port in 0 to 15. Sorting them puts broader ones first.
 *
 * <p>Two of them are disjoint or one covers the other, as with any set of prefixes. The packets
 * whose longest match in a set is one key are therefore covered by the very same keys of the set:
 * that key and those that cover it.
 */
final class PortKeys {
  /** Every protocol. */
  static final int ANY = 0;

  private PortKeys() {}

  static int shape(int key) {
    return key >>> 24;
  }

  static int protocol(int key) {
    return (key >>> 16) & 0xff;
  }

  static int port(int key) {
    return key & 0xffff;
  }

  /** How many bits of the port are fixed. */
  static int prefixLength(int key) {
    return Math.max(0, shape(key) - 1);
  }

  private static int pack(int shape, int protocol, int port) {
    return (shape << 24) | (protocol << 16) | port;
  }

  /** The key that covers this one and has a broader (or the same) shape. */
  static int cut(int key, int shape) {
    return switch (shape) {
      case 0 -> ANY;
      case 1 -> pack(1, protocol(key), 0);
      default -> pack(shape, protocol(key), port(key) & (-1 << (PolicyMapState.MAX_SHAPE - shape)));
    };
  }

  static boolean covers(int broad, int narrow) {
    return shape(broad) <= shape(narrow) && cut(narrow, shape(broad)) == broad;
  }

  /** The key of one packet. */
  static int exact(int protocol, int port) {
    return pack(PolicyMapState.MAX_SHAPE, protocol, port);
  }

  /** The keys of ports that are numbers, ascending, each once. */
  static int[] of(List<L4> ports) {
    int[] keys = new int[0];
    for (L4 l4 : ports) {
      int[] more = range(l4.protocol(), l4.first(), l4.last());
      int count = keys.length;
      keys = Arrays.copyOf(keys, count + more.length);
      System.arraycopy(more, 0, keys, count, more.length);
    }
    return sortedOnce(keys);
  }

  /** Sorts keys and leaves out doubles. */
  static int[] sortedOnce(int[] keys) {
    Arrays.sort(keys);
    int count = 0;
    for (int key : keys) {
      if (count == 0 || keys[count - 1] != key) {
        keys[count++] = key;
      }
    }
    return count == keys.length ? keys : Arrays.copyOf(keys, count);
  }

  /**
   * The keys that together are a range of ports: the fewest aligned blocks.
   *
   * @param protocol the protocol; 0 for all, whatever the ports
   */
  static int[] range(int protocol, int first, int last) {
    if (protocol == 0) {
      return new int[] {ANY};
    }
    int[] keys = new int[32];
    int count = 0;
    int next = first;
    while (next <= last) {
      int size = next == 0 ? 1 << 16 : Integer.lowestOneBit(next);
      while (next + size - 1 > last) {
        size >>>= 1;
      }
      int shape = PolicyMapState.MAX_SHAPE - Integer.numberOfTrailingZeros(size);
      keys[count++] = pack(shape, protocol, next);
      next += size;
    }
    return Arrays.copyOf(keys, count);
  }
}
