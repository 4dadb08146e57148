// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The operator's book of pod CIDRs: cuts one of each family out of the cluster's ranges for every
 * node, and keeps what nodes have already.
 *
 * <p>After a restart, {@link #claim} every node that exists before the first {@link #assign}: a new
 * node must not get what an old one has. Safe for use by several threads.
 */
public final class ClusterPool {

  /** Most bits between a range's length and a node's: 16 million nodes, a bitmap of 2 MB. */
  private static final int MAX_NODE_BITS = 24;

  /**
   * A range of the cluster.
   *
   * @param prefix all its addresses
   * @param nodePrefixLength the length of what each node gets, for example 24
   */
  public record Range(IpPrefix prefix, int nodePrefixLength) {
    public Range {
      int most = prefix.family().bits() - AddressPool.MIN_HOST_BITS;
      if (nodePrefixLength < prefix.length()
          || nodePrefixLength > most
          || nodePrefixLength - prefix.length() > MAX_NODE_BITS) {
        throw new IpamException(
            "cluster range "
                + prefix
                + " by /"
                + nodePrefixLength
                + ": wanted /"
                + prefix.length()
                + " to /"
                + Math.min(most, prefix.length() + MAX_NODE_BITS));
      }
    }

    /** Which of the range's parts it is, counted from 0. */
    private int indexOf(IpPrefix part) {
      int shift = prefix.family().bits() - nodePrefixLength;
      IpAddress first = part.address();
      // The index has at most 24 bits, which may lie across the two halves of an IPv6 address.
      long whole =
          shift == 0
              ? first.low()
              : shift < Long.SIZE
                  ? (first.low() >>> shift) | (first.high() << (Long.SIZE - shift))
                  : first.high() >>> (shift - Long.SIZE);
      return (int) (whole & (parts() - 1));
    }

    private IpPrefix part(int index) {
      int shift = prefix.family().bits() - nodePrefixLength;
      IpAddress base = prefix.address();
      long low = shift < Long.SIZE ? (long) index << shift : 0;
      long high =
          shift == 0
              ? 0
              : shift < Long.SIZE
                  ? (long) index >>> (Long.SIZE - shift)
                  : (long) index << (shift - Long.SIZE);
      return new IpPrefix(
          new IpAddress(prefix.family(), base.high() | high, base.low() | low), nodePrefixLength);
    }

    private int parts() {
      return 1 << (nodePrefixLength - prefix.length());
    }
  }

  private final List<Range> ranges;
  private final ReentrantLock lock = new ReentrantLock();

  /** Which parts of each range are taken; the same order as the ranges. */
  private final List<BitSet> taken = new ArrayList<>();

  /** Sorted, so that what lies inside a prefix follows it. */
  private final TreeMap<IpPrefix, String> owners = new TreeMap<>();

  private final TableWriter<String, Node> writer = TableWriter.create("pod-cidrs");

  /**
   * A book in which nothing is taken.
   *
   * @throws IpamException if two ranges overlap
   */
  public ClusterPool(List<Range> ranges) {
    this.ranges = List.copyOf(ranges);
    for (int i = 0; i < ranges.size(); i++) {
      for (int j = 0; j < ranges.size(); j++) {
        if (i != j && ranges.get(i).prefix().contains(ranges.get(j).prefix())) {
          throw new IpamException(
              "cluster ranges "
                  + ranges.get(i).prefix()
                  + " and "
                  + ranges.get(j).prefix()
                  + " overlap");
        }
      }
      taken.add(new BitSet());
    }
  }

  /** The nodes and their pod CIDRs: what the operator writes to the cluster. */
  public Table<String, Node> nodes() {
    return writer.table();
  }

  /**
   * Enters the pod CIDRs that the node has. Those out of every range are the node's own affair.
   *
   * @throws IpamException if one is another node's; nothing is entered then
   */
  public void claim(Node node) {
    lock.lock();
    try {
      requireUnclaimed(node);
      enter(node);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives the node a pod CIDR of each family that there are ranges for and it has none of, and
   * returns the node with them. A node that has all keeps what it has.
   *
   * @throws IpamException if no CIDR is left, or one that it has is another's; nothing is given
   *     then
   */
  public Node assign(Node node) {
    lock.lock();
    try {
      requireUnclaimed(node);
      var cidrs = new ArrayList<>(node.podCidrs());
      // What an earlier assign gave counts too, when the caller's row is older than that.
      writer.table().get(node.name()).map(Node::podCidrs).stream()
          .flatMap(List::stream)
          .filter(mine -> cidrs.stream().noneMatch(has -> has.family() == mine.family()))
          .toList()
          .forEach(cidrs::add);
      for (IpFamily family : IpFamily.values()) {
        boolean wanted = ranges.stream().anyMatch(range -> range.prefix().family() == family);
        if (wanted && cidrs.stream().noneMatch(cidr -> cidr.family() == family)) {
          cidrs.add(nextFree(family, node.name()));
        }
      }
      var given = new Node(node.name(), node.addresses(), cidrs);
      enter(given);
      return given;
    } finally {
      lock.unlock();
    }
  }

  /** Takes back what the node has; no error if it has nothing. */
  public void release(String nodeName) {
    lock.lock();
    try {
      writer.table().get(nodeName).ifPresent(node -> leave(node.podCidrs()));
      writer.remove(nodeName);
    } finally {
      lock.unlock();
    }
  }

  private void requireUnclaimed(Node node) {
    for (IpPrefix cidr : node.podCidrs()) {
      overlapping(cidr)
          .forEach((other, owner) -> {
            if (!owner.equals(node.name())) {
              throw new IpamException(
                  "node "
                      + node.name()
                      + ": pod CIDR "
                      + cidr
                      + ": node "
                      + owner
                      + " has "
                      + other);
            }
          });
    }
  }

  /** The entered CIDRs that hold this one or lie in it. */
  private Map<IpPrefix, String> overlapping(IpPrefix cidr) {
    var found = new TreeMap<IpPrefix, String>();
    for (int length = 0; length < cidr.length(); length++) {
      var shorter = new IpPrefix(cidr.address(), length);
      String owner = owners.get(shorter);
      if (owner != null) {
        found.put(shorter, owner);
      }
    }
    for (Map.Entry<IpPrefix, String> inner : owners.tailMap(cidr, true).entrySet()) {
      if (!cidr.contains(inner.getKey())) {
        break;
      }
      found.put(inner.getKey(), inner.getValue());
    }
    return found;
  }

  private void enter(Node node) {
    writer.table().get(node.name()).ifPresent(before -> leave(before.podCidrs()));
    for (IpPrefix cidr : node.podCidrs()) {
      owners.put(cidr, node.name());
      mark(cidr, true);
    }
    writer.put(node.name(), node);
  }

  private void leave(List<IpPrefix> cidrs) {
    for (IpPrefix cidr : cidrs) {
      owners.remove(cidr);
      mark(cidr, false);
      // Smaller CIDRs, of a time when nodes got less, may share a part: the others keep it taken.
      for (Range range : ranges) {
        if (range.prefix().contains(cidr)) {
          var part =
              new IpPrefix(cidr.address(), Math.min(range.nodePrefixLength(), cidr.length()));
          overlapping(part).keySet().forEach(other -> mark(other, true));
        }
      }
    }
  }

  /** Marks every part that the CIDR covers or lies in. */
  private void mark(IpPrefix cidr, boolean isTaken) {
    for (int i = 0; i < ranges.size(); i++) {
      Range range = ranges.get(i);
      if (cidr.contains(range.prefix())) {
        taken.get(i).set(0, range.parts(), isTaken);
      } else if (range.prefix().contains(cidr)) {
        int first = range.indexOf(cidr);
        int count = 1 << Math.max(0, range.nodePrefixLength() - cidr.length());
        taken.get(i).set(first, first + count, isTaken);
      }
    }
  }

  private IpPrefix nextFree(IpFamily family, String nodeName) {
    for (int i = 0; i < ranges.size(); i++) {
      Range range = ranges.get(i);
      int free = taken.get(i).nextClearBit(0);
      if (range.prefix().family() == family && free < range.parts()) {
        return range.part(free);
      }
    }
    List<String> full =
        ranges.stream()
            .filter(range -> range.prefix().family() == family)
            .map(range -> range.prefix() + " by /" + range.nodePrefixLength())
            .toList();
    throw new IpamException("no " + family + " pod CIDR left for node " + nodeName + ": " + full);
  }
}
