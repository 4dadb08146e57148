// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Prefixes of one family and what belongs to each; a look-up gives the longest prefix's. Immutable:
 * a change gives a new trie that shares all nodes but those on the path, so that a change costs the
 * same however many prefixes there are, and readers need no lock.
 *
 * <p>A path-compressed binary trie (Morrison's PATRICIA): a node holds for all addresses below its
 * prefix, its two children differ in the bit behind it. Bits count from the left; an IPv4 address
 * takes the uppermost 32 of the 128.
 */
final class PrefixTrie<V> {

  /**
   * @param high the prefix's upper 64 bits, as {@code low} zero behind {@code length}
   * @param value absent in a node that only branches
   */
  private record Node<V>(
      long high,
      long low,
      int length,
      @Nullable V value,
      @Nullable Node<V> zero,
      @Nullable Node<V> one) {

    Node<V> withChild(int bit, @Nullable Node<V> child) {
      return bit == 0
          ? new Node<>(high, low, length, value, child, one)
          : new Node<>(high, low, length, value, zero, child);
    }
  }

  private final IpFamily family;
  private final @Nullable Node<V> root;

  private PrefixTrie(IpFamily family, @Nullable Node<V> root) {
    this.family = family;
    this.root = root;
  }

  static <V> PrefixTrie<V> empty(IpFamily family) {
    return new PrefixTrie<>(family, null);
  }

  /** The value of the longest prefix that holds the address, or null. Allocates nothing. */
  @Nullable V lookup(long addressHigh, long addressLow) {
    long high = family == IpFamily.IPV4 ? addressLow << 32 : addressHigh;
    long low = family == IpFamily.IPV4 ? 0 : addressLow;
    V best = null;
    Node<V> node = root;
    while (node != null && commonBits(high, low, node) >= node.length) {
      if (node.value != null) {
        best = node.value;
      }
      if (node.length == 128) {
        break;
      }
      node = bit(high, low, node.length) == 0 ? node.zero : node.one;
    }
    return best;
  }

  /** The value of this very prefix, or null. */
  @Nullable V get(IpPrefix prefix) {
    long high = highOf(prefix);
    long low = lowOf(prefix);
    Node<V> node = root;
    while (node != null
        && node.length < prefix.length()
        && commonBits(high, low, node) >= node.length) {
      node = bit(high, low, node.length) == 0 ? node.zero : node.one;
    }
    return node != null && node.length == prefix.length() && node.high == high && node.low == low
        ? node.value
        : null;
  }

  /** Calls {@code action} for each value, in the order of the prefixes. */
  void forEach(Consumer<? super V> action) {
    forEach(root, action);
  }

  private static <V> void forEach(@Nullable Node<V> node, Consumer<? super V> action) {
    if (node != null) {
      if (node.value != null) {
        action.accept(node.value);
      }
      forEach(node.zero, action);
      forEach(node.one, action);
    }
  }

  /** This trie with the prefix and its value, in place of what it had. */
  PrefixTrie<V> with(IpPrefix prefix, V value) {
    Node<V> leaf = new Node<>(highOf(prefix), lowOf(prefix), prefix.length(), value, null, null);
    return new PrefixTrie<>(family, insert(root, leaf));
  }

  /** This trie without the prefix. */
  PrefixTrie<V> without(IpPrefix prefix) {
    return new PrefixTrie<>(family, remove(root, highOf(prefix), lowOf(prefix), prefix.length()));
  }

  private static <V> Node<V> insert(@Nullable Node<V> node, Node<V> leaf) {
    if (node == null) {
      return leaf;
    }
    int common =
        Math.min(commonBits(leaf.high, leaf.low, node), Math.min(node.length, leaf.length));
    if (common == node.length) {
      if (common == leaf.length) {
        return new Node<>(node.high, node.low, common, leaf.value, node.zero, node.one);
      }
      int side = bit(leaf.high, leaf.low, common);
      return node.withChild(side, insert(side == 0 ? node.zero : node.one, leaf));
    }
    if (common == leaf.length) {
      return leaf.withChild(bit(node.high, node.low, common), node);
    }
    long highMask = common >= 64 ? -1L : common == 0 ? 0 : -1L << (64 - common);
    long lowMask = common <= 64 ? 0 : -1L << (128 - common);
    Node<V> branch = new Node<>(leaf.high & highMask, leaf.low & lowMask, common, null, null, null);
    return branch
        .withChild(bit(leaf.high, leaf.low, common), leaf)
        .withChild(bit(node.high, node.low, common), node);
  }

  private static <V> @Nullable Node<V> remove(
      @Nullable Node<V> node, long high, long low, int length) {
    if (node == null || node.length > length || commonBits(high, low, node) < node.length) {
      return node;
    }
    Node<V> rest;
    if (node.length == length) {
      rest = new Node<>(node.high, node.low, length, null, node.zero, node.one);
    } else {
      int side = bit(high, low, node.length);
      Node<V> child = side == 0 ? node.zero : node.one;
      rest = node.withChild(side, remove(child, high, low, length));
    }
    if (rest.value != null || (rest.zero != null && rest.one != null)) {
      return rest;
    }
    return rest.zero != null ? rest.zero : rest.one;
  }

  private static int commonBits(long high, long low, Node<?> node) {
    long different = high ^ node.high;
    return different != 0
        ? Long.numberOfLeadingZeros(different)
        : 64 + Long.numberOfLeadingZeros(low ^ node.low);
  }

  private static int bit(long high, long low, int index) {
    return (int) ((index < 64 ? high >>> (63 - index) : low >>> (127 - index)) & 1);
  }

  private static long highOf(IpPrefix prefix) {
    return prefix.family() == IpFamily.IPV4
        ? prefix.address().low() << 32
        : prefix.address().high();
  }

  private static long lowOf(IpPrefix prefix) {
    return prefix.family() == IpFamily.IPV4 ? 0 : prefix.address().low();
  }
}
