// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The operator's book of pod CIDRs: cuts one of each family out of the cluster's ranges for every
 * node, and keeps what nodes have already.
 *
 * <p>After a restart, {@link #claim} every node that exists before the first {@link #assign}: a new
 * node must not get what an old one has. Safe for use by several threads.
 */
public final class ClusterPool {

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
          || nodePrefixLength - prefix.length() > Parts.MAX_BITS) {
        throw new IpamException(
            "cluster range "
                + prefix
                + " by /"
                + nodePrefixLength
                + ": wanted /"
                + prefix.length()
                + " to /"
                + Math.min(most, prefix.length() + Parts.MAX_BITS));
      }
    }

    private Parts parts() {
      return new Parts(prefix, nodePrefixLength);
    }
  }

  private final List<Range> ranges;
  private final ReentrantLock lock = new ReentrantLock();

  private final CidrOwners owners = new CidrOwners();
  private final FreeParts parts;

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
    }
    this.parts = new FreeParts(ranges.stream().map(Range::parts).toList(), owners);
  }

  /** The nodes and their pod CIDRs: what the operator writes to the cluster. */
  public Table<String, Node> nodes() {
    return writer.table();
  }

  /**
   * Enters the pod CIDRs that the node has. Those out of every range are the node's own affair.
   *
   * @throws IpamException if one is another node's; the others are entered
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
   *     then, and what else it has stays its own
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
      Optional<Map.Entry<IpPrefix, String>> other = another(node.name(), cidr);
      if (other.isPresent()) {
        enterUnclaimed(node);
        throw new IpamException(
            "node "
                + node.name()
                + ": pod CIDR "
                + cidr
                + ": node "
                + other.get().getValue()
                + " has "
                + other.get().getKey());
      }
    }
  }

  /** What of a CIDR another node than this one has. */
  private Optional<Map.Entry<IpPrefix, String>> another(String node, IpPrefix cidr) {
    return owners.overlapping(cidr).entrySet().stream()
        .filter(each -> !each.getValue().equals(node))
        .findFirst();
  }

  /** Pods use the node's other CIDRs all the same: nobody else may get them. */
  private void enterUnclaimed(Node node) {
    List<IpPrefix> before = writer.table().get(node.name()).map(Node::podCidrs).orElse(List.of());
    var cidrs = new LinkedHashSet<>(before);
    node.podCidrs().stream()
        .filter(cidr -> another(node.name(), cidr).isEmpty())
        .forEach(cidrs::add);
    if (cidrs.size() > before.size()) {
      enter(new Node(node.name(), node.addresses(), List.copyOf(cidrs)));
    }
  }

  private void enter(Node node) {
    writer.table().get(node.name()).ifPresent(before -> leave(before.podCidrs()));
    for (IpPrefix cidr : node.podCidrs()) {
      owners.put(cidr, node.name());
      parts.take(cidr);
    }
    writer.put(node.name(), node);
  }

  private void leave(List<IpPrefix> cidrs) {
    for (IpPrefix cidr : cidrs) {
      owners.remove(cidr);
      parts.giveBack(cidr);
    }
  }

  private IpPrefix nextFree(IpFamily family, String nodeName) {
    Optional<IpPrefix> free = parts.next(family);
    if (free.isPresent()) {
      return free.get();
    }
    List<String> full =
        ranges.stream()
            .filter(range -> range.prefix().family() == family)
            .map(range -> range.prefix() + " by /" + range.nodePrefixLength())
            .toList();
    throw new IpamException("no " + family + " pod CIDR left for node " + nodeName + ": " + full);
  }
}
