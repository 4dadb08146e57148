// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Node;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * The cluster's nodes: those of the Kubernetes source, and our own whether the source knows it or
 * not.
 *
 * <p>Safe for use by several threads.
 */
public final class ClusterNodes {
  private final Table<String, Node> ciliumNodes;
  private final Supplier<Node> self;

  /**
   * Nothing is read yet.
   *
   * @param ciliumNodes those of the source, by name
   * @param self our own at the moment, with the addresses by which it is known as long as the
   *     source has none
   */
  public ClusterNodes(Table<String, Node> ciliumNodes, Supplier<Node> self) {
    this.ciliumNodes = ciliumNodes;
    this.self = self;
  }

  /** Whether the source has told all that it had at the start. */
  boolean isComplete() {
    return ciliumNodes.isInitialised();
  }

  /** Follows them, once it is started. */
  Follower follower(Scheduler thread, Runnable reader) {
    return Follower.of(ciliumNodes, thread, _ -> reader.run());
  }

  /** Our own node. */
  public Node self() {
    Node own = self.get();
    return new Node(
        own.name(),
        told(own.name()).orElse(own.addresses()),
        own.podCidrs(),
        ciliumNodes.get(own.name()).map(Node::labels).orElse(own.labels()));
  }

  /** Our own addresses, where the source has them. */
  private Optional<List<IpAddress>> told(String name) {
    return ciliumNodes.get(name).map(Node::addresses).filter(each -> !each.isEmpty());
  }

  /** Every node by its name, our own included. */
  public Map<String, Node> all() {
    Map<String, Node> all = new TreeMap<>();
    for (Row<String, Node> row : ciliumNodes.snapshot()) {
      all.put(row.key(), row.value());
    }
    Node own = self();
    all.put(own.name(), own);
    return all;
  }

  /**
   * Where a node is probed: at the first of its addresses of each family. What is no one node's
   * address, such as 0.0.0.0, is passed over: it would be listened on.
   */
  List<IpAddress> probedAddresses(Node node) {
    boolean isOnHearsay = node.name().equals(self.get().name()) && told(node.name()).isEmpty();
    return Stream.of(IpFamily.values())
        .flatMap(family -> first(node, family).stream())
        // Until the source has our addresses we go by the pods' next hop, which some datapaths
        // have only once there is a pod.
        .filter(address -> !isOnHearsay || isHere(address))
        .toList();
  }

  private static Optional<IpAddress> first(Node node, IpFamily family) {
    return node.addresses().stream()
        .filter(each -> each.family() == family)
        .filter(each -> !each.toInetAddress().isAnyLocalAddress())
        .filter(each -> !each.toInetAddress().isMulticastAddress())
        .findFirst();
  }

  /** Whether a device of this machine has the address. */
  private static boolean isHere(IpAddress address) {
    try {
      return NetworkInterface.getByInetAddress(address.toInetAddress()) != null;
    } catch (SocketException _) {
      return false; // So the JDK says where no device has an address at all.
    }
  }
}
