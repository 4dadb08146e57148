// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the ipcache told what the other nodes of the cluster have: their own addresses, which are
 * {@code remote-node} or an identity by the node's labels, and those of their endpoints, which have
 * the endpoints' identities.
 *
 * <p>With tunnels, an entry says where the tunnel to the node ends. An endpoint whose node is not
 * known yet is told without, and again once the node comes.
 *
 * <p>For one thread.
 */
public final class ClusterPrefixes {

  /** The inputs that the ipcache waits for. */
  public static final Set<String> INPUTS = Set.of("cluster-nodes", "cluster-endpoints");

  private final Ipcache ipcache;
  private final String ownNode;
  private final Optional<IpFamily> underlay;
  private final Function<ClusterNode, Labels> nodeLabels;

  /** By name. */
  private final Map<String, ClusterNode> nodes = new HashMap<>();

  /** By where a node is reached. */
  private final Map<IpAddress, ClusterNode> nodesByAddress = new HashMap<>();

  /** By key. */
  private final Map<String, PublishedEndpoint> endpoints = new HashMap<>();

  /** Keys of endpoints by the address of their node. */
  private final Map<IpAddress, Set<String>> endpointsByNode = new HashMap<>();

  /** What the ipcache was told of each owner. */
  private final Map<String, Set<IpPrefix>> told = new HashMap<>();

  /**
   * Tells nothing yet.
   *
   * @param ownNode this node's name, whose addresses and endpoints are told by others
   * @param underlay the family of the addresses at which tunnels end; absent without tunnels
   * @param nodeLabels the labels that make another node's identity
   */
  public ClusterPrefixes(
      Ipcache ipcache,
      String ownNode,
      Optional<IpFamily> underlay,
      Function<ClusterNode, Labels> nodeLabels) {
    this.ipcache = ipcache;
    this.ownNode = ownNode;
    this.underlay = underlay;
    this.nodeLabels = nodeLabels;
  }

  /** The nodes of the cluster changed. */
  public void followNodes(Changes<String, Stored<ClusterNode>> changes) {
    Set<String> names = new LinkedHashSet<>();
    for (Change<String, Stored<ClusterNode>> change : changes.list()) {
      names.add(change.key());
      switch (change) {
        case Change.Put<String, Stored<ClusterNode>> put ->
            nodes.put(put.key(), put.value().value());
        case Change.Removed<String, Stored<ClusterNode>> gone -> nodes.remove(gone.key());
      }
    }
    names.remove(ownNode);
    Map<IpAddress, ClusterNode> before = Map.copyOf(nodesByAddress);
    nodesByAddress.clear();
    nodes.values().forEach(this::index);
    // Last: another node that claims an address of this one does not get its endpoints with it.
    Optional.ofNullable(nodes.get(ownNode)).ifPresent(this::index);
    Set<String> moved = new HashSet<>();
    endpointsByNode.forEach((address, keys) -> {
      if (!tunnelEnd(before.get(address)).equals(tunnelEnd(nodesByAddress.get(address)))) {
        moved.addAll(keys);
      }
    });
    ipcache.update(batch -> {
      names.forEach(name -> tellNode(batch, name));
      moved.forEach(key -> tellEndpoint(batch, key));
    });
  }

  private void index(ClusterNode node) {
    node.addresses().stream()
        .filter(address -> address.type() != AddressType.EXTERNAL_IP)
        .forEach(address -> nodesByAddress.put(address.ip(), node));
  }

  /** The endpoints of the cluster changed. */
  public void followEndpoints(Changes<String, Stored<PublishedEndpoint>> changes) {
    Set<String> keys = new LinkedHashSet<>();
    for (Change<String, Stored<PublishedEndpoint>> change : changes.list()) {
      keys.add(change.key());
      forget(change.key());
      if (change instanceof Change.Put<String, Stored<PublishedEndpoint>> put) {
        PublishedEndpoint endpoint = put.value().value();
        endpoints.put(put.key(), endpoint);
        endpoint
            .node()
            .ifPresent(
                node -> endpointsByNode.computeIfAbsent(node, _ -> new HashSet<>()).add(put.key()));
      }
    }
    ipcache.update(batch -> keys.forEach(key -> tellEndpoint(batch, key)));
  }

  private void forget(String key) {
    PublishedEndpoint gone = endpoints.remove(key);
    if (gone != null) {
      gone.node()
          .ifPresent(node ->
              endpointsByNode.computeIfPresent(
                  node,
                  (_, keys) -> {
                    keys.remove(key);
                    return keys.isEmpty() ? null : keys;
                  }));
    }
  }

  /** What existed when the store was opened has been followed: the ipcache need not wait for it. */
  public void synced() {
    INPUTS.forEach(ipcache::synced);
  }

  private void tellNode(Ipcache.Batch batch, String name) {
    ClusterNode node = nodes.get(name);
    Set<IpPrefix> wanted = new HashSet<>();
    if (node != null) {
      for (Address address : node.addresses()) {
        wanted.add(IpPrefix.host(address.ip()));
      }
    }
    Labels labels = node == null ? Labels.EMPTY : nodeLabels.apply(node);
    Optional<IpAddress> tunnelEnd = tunnelEnd(node);
    tell(
        batch,
        "node " + name,
        wanted,
        (prefix, owner) ->
            batch.putIdentity(prefix, owner, IpcacheSource.CLUSTER, labels, tunnelEnd));
  }

  private void tellEndpoint(Ipcache.Batch batch, String key) {
    PublishedEndpoint endpoint = endpoints.get(key);
    Set<IpPrefix> wanted = new HashSet<>();
    int identity =
        endpoint == null || isOwn(endpoint) ? 0 : endpoint.identity().map(Identity::id).orElse(0);
    Optional<IpAddress> tunnelEnd = Optional.empty();
    if (endpoint != null && identity != 0) {
      endpoint.addresses().forEach(address -> wanted.add(IpPrefix.host(address)));
      tunnelEnd = endpoint.node().flatMap(node -> tunnelEnd(nodesByAddress.get(node)));
    }
    Optional<IpAddress> end = tunnelEnd;
    tell(
        batch,
        "endpoint " + key,
        wanted,
        (prefix, owner) -> batch.putIdentity(prefix, owner, IpcacheSource.CLUSTER, identity, end));
  }

  private boolean isOwn(PublishedEndpoint endpoint) {
    ClusterNode node = endpoint.node().map(nodesByAddress::get).orElse(null);
    return node != null && node.name().equals(ownNode);
  }

  private void tell(
      Ipcache.Batch batch, String owner, Set<IpPrefix> wanted, BiConsumer<IpPrefix, String> put) {
    Set<IpPrefix> before = told.getOrDefault(owner, Set.of());
    for (IpPrefix prefix : before) {
      if (!wanted.contains(prefix)) {
        batch.removeIdentity(prefix, owner);
      }
    }
    wanted.forEach(prefix -> put.accept(prefix, owner));
    if (wanted.isEmpty()) {
      told.remove(owner);
    } else {
      told.put(owner, wanted);
    }
  }

  private Optional<IpAddress> tunnelEnd(@Nullable ClusterNode node) {
    return node == null
        ? Optional.empty()
        : underlay.flatMap(family -> node.address(AddressType.INTERNAL_IP, family));
  }
}
