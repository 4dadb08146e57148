// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.NodeKey;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The other nodes: for each where the tunnel to it ends, and the node's routes to its pods. No
 * verdict depends on either, so that they count at once and for themselves.
 *
 * <p>Safe for use by several threads.
 */
public final class RemoteNodes {

  /** Where tunnels to nodes end, as the datapath knows it. Calls need not change anything. */
  public interface TunnelEnds {

    /** Of a datapath without tunnels. */
    TunnelEnds NONE =
        new TunnelEnds() {
          @Override
          public void know(IpAddress address, int mtuBytes) {}

          @Override
          public void forget(IpAddress address) {}

          @Override
          public Set<IpAddress> known() {
            return Set.of();
          }
        };

    /**
     * A node of the cluster has this address.
     *
     * @param mtuBytes the largest packet that may go into the tunnel; 0 for any
     */
    void know(IpAddress address, int mtuBytes);

    /** No node of the cluster has this address any more; no error if none had. */
    void forget(IpAddress address);

    /** All addresses, also those that an earlier process knew. */
    Set<IpAddress> known();
  }

  private final TunnelEnds tunnels;
  private final NodeRoutes routes;
  private final Map<String, NodeRow> nodes = new TreeMap<>();

  public RemoteNodes(TunnelEnds tunnels, NodeRoutes routes) {
    this.tunnels = tunnels;
    this.routes = routes;
  }

  /**
   * Carries out what a batch says of nodes. Those that leave go first: another one of the batch may
   * have their addresses and prefixes.
   *
   * @throws DatapathException as {@link #put}
   */
  public synchronized void apply(List<Change<RowKey, Row>> changes) {
    for (Change<RowKey, Row> change : changes) {
      if (change instanceof Change.Removed<RowKey, Row>(NodeKey(String name), _, _)) {
        remove(name);
      }
    }
    for (Change<RowKey, Row> change : changes) {
      if (change instanceof Change.Put<RowKey, Row>(_, NodeRow row, _)) {
        put(row);
      }
    }
  }

  /**
   * Writes a node.
   *
   * @throws DatapathException if another node has something of it: then it stays as it was; or if
   *     it cannot be routed to: then nothing is routed to it
   */
  private void put(NodeRow node) {
    nodes.values().stream()
        .filter(other -> !other.name().equals(node.name()))
        .forEach(other -> requireApart(node, other));
    NodeRow before = nodes.put(node.name(), node);
    node.tunnelEndpoint().ifPresent(address -> tunnels.know(address, node.mtuBytes()));
    if (before != null && !before.tunnelEndpoint().equals(node.tunnelEndpoint())) {
      before.tunnelEndpoint().ifPresent(tunnels::forget);
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
  private void remove(String name) {
    NodeRow gone = nodes.remove(name);
    if (gone != null) {
      routes.unroute(gone.podCidrs());
      gone.tunnelEndpoint().ifPresent(tunnels::forget);
    }
  }

  /** Removes every node that is not among these, by whichever process. */
  public synchronized void prune(Set<RowKey> wanted) {
    for (String name : List.copyOf(nodes.keySet())) {
      if (!wanted.contains(new NodeKey(name))) {
        remove(name);
      }
    }
    Set<IpAddress> known = new HashSet<>();
    nodes.values().forEach(node -> node.tunnelEndpoint().ifPresent(known::add));
    for (IpAddress address : tunnels.known()) {
      if (!known.contains(address)) {
        tunnels.forget(address);
      }
    }
    routes.prune();
  }

  /**
   * Routes those prefixes again whose route somebody removed.
   *
   * @return which
   */
  public List<IpPrefix> mend() {
    return routes.mend();
  }
}
