// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row.NodeKey;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.datapath.net.NodeRoutes;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The other nodes: for each the row by which programs find the end of its tunnel, and the node's
 * routes to its pods. No verdict depends on either, so that they count at once and for themselves.
 *
 * <p>Safe for use by several threads.
 */
final class RemoteNodes {

  private final ChangeWriter writer;
  private final NodeRoutes routes;
  private final Map<String, NodeRow> nodes = new TreeMap<>();

  RemoteNodes(ChangeWriter writer, NodeRoutes routes) {
    this.writer = writer;
    this.routes = routes;
  }

  /**
   * Writes a node.
   *
   * @throws DatapathException if another node has something of it, or it cannot be routed to; what
   *     it had before is gone then
   */
  synchronized void put(NodeRow node) {
    nodes.values().stream()
        .filter(other -> !other.name().equals(node.name()))
        .forEach(other -> requireApart(node, other));
    NodeRow before = nodes.put(node.name(), node);
    node.tunnelEndpoint().ifPresent(address -> writer.knowNode(address, node.mtuBytes()));
    if (before != null && !before.tunnelEndpoint().equals(node.tunnelEndpoint())) {
      before.tunnelEndpoint().ifPresent(writer::forgetNode);
    }
    routes.route(
        node.name(),
        node.addresses(),
        node.podCidrs(),
        before == null ? List.of() : before.podCidrs(),
        node.mtuBytes());
  }

  private static void requireApart(NodeRow node, NodeRow other) {
    for (IpAddress address : node.addresses()) {
      if (other.addresses().contains(address)) {
        throw new DatapathException(
            "node " + node.name() + ": its address " + address + " is node " + other.name() + "'s");
      }
    }
    for (IpPrefix prefix : node.podCidrs()) {
      for (IpPrefix others : other.podCidrs()) {
        if (prefix.contains(others.address()) || others.contains(prefix.address())) {
          throw new DatapathException(
              "node "
                  + node.name()
                  + ": its pods' prefix "
                  + prefix
                  + " overlaps "
                  + others
                  + " of node "
                  + other.name());
        }
      }
    }
  }

  /** Removes a node; no error for one that is not there. */
  synchronized void remove(String name) {
    NodeRow gone = nodes.remove(name);
    if (gone != null) {
      routes.unroute(gone.podCidrs());
      gone.tunnelEndpoint().ifPresent(writer::forgetNode);
    }
  }

  /** Removes every node that is not among these, by whichever process. */
  synchronized void prune(Set<RowKey> wanted) {
    for (String name : List.copyOf(nodes.keySet())) {
      if (!wanted.contains(new NodeKey(name))) {
        remove(name);
      }
    }
    Set<IpAddress> known = new HashSet<>();
    nodes.values().forEach(node -> node.tunnelEndpoint().ifPresent(known::add));
    for (NodeRecord row : writer.nodes().values()) {
      if (row.known() && row.address() != null && !known.contains(row.address())) {
        writer.forgetNode(row.address());
      }
    }
    routes.prune();
  }

  synchronized void mend(Mender mender) {
    routes.mend().forEach(prefix -> mender.mended("the route to " + prefix + " was gone"));
  }
}
