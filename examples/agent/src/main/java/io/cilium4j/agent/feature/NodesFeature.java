// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.NodeKey;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowOperations;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.identity.ClusterPrefixes;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * The cluster's other nodes: the way to them, and which addresses they and their endpoints have.
 */
public final class NodesFeature implements Feature {

  /** The input that both tables wait for. */
  private static final String INPUT = "cluster-store";

  private final AgentConfig config;
  private final ClusterStore store;
  private final AddressFeature addresses;
  private final MtuFeature mtu;
  private final ClusterPrefixes prefixes;
  private final TableWriter<String, Node> nodes =
      TableWriter.create("cilium-nodes", Comparator.naturalOrder(), Set.of(INPUT));
  private final TableWriter<RowKey, Row> rows =
      TableWriter.create("nodes", Comparator.naturalOrder(), Set.of(INPUT));

  /** Whether every node, and every endpoint, that existed at the start was followed. */
  private boolean allNodes;

  private boolean allEndpoints;

  /** By name: why a node is not among the rows. */
  private final Map<String, String> refused = new ConcurrentHashMap<>();

  private final Reconciler<RowKey, Row> reconciler;
  private final Follower nodeFollower;
  private final Follower cidrFollower;
  private final Follower endpointFollower;

  /** Follows nobody yet. */
  public NodesFeature(
      FeatureContext context,
      ClusterStore store,
      AddressFeature addresses,
      IdentityFeature identity,
      DatapathFeature datapath,
      MtuFeature mtu) {
    this.config = context.config();
    this.mtu = mtu;
    this.store = store;
    this.addresses = addresses;
    this.prefixes =
        new ClusterPrefixes(
            identity.ipcache(),
            config.nodeName(),
            config.routing().tunnel().map(Tunnel::underlay),
            node -> identity.nodeLabels().ofRemote(node.labels()));
    var thread = context.thread("nodes");
    this.reconciler =
        Reconciler.create(
            rows.table(),
            new RowOperations(datapath.datapath(), Set.of(RowKind.NODE)),
            context.thread("node-reconciler"));
    // As large as the packets are that may be sent to them.
    mtu.onChange(() -> thread.execute(this::writeAll));
    this.nodeFollower = Follower.of(store.nodes().table(), thread, this::followNodes);
    this.cidrFollower = Follower.of(addresses.podCidrs(), thread, _ -> writeAll());
    this.endpointFollower = Follower.of(store.endpoints().table(), thread, this::followEndpoints);
  }

  /** The cluster's nodes, this one included. */
  public Table<String, Node> nodes() {
    return nodes.table();
  }

  /** The other nodes that are believed what they say. */
  Table<RowKey, Row> otherNodes() {
    return rows.table();
  }

  private void followNodes(Changes<String, Stored<ClusterNode>> changes) {
    allNodes = changes.snapshot().isInitialised();
    prefixes.followNodes(changes);
    nodes.write(batch -> {
      for (Change<String, Stored<ClusterNode>> change : changes.list()) {
        switch (change) {
          case Change.Put<String, Stored<ClusterNode>> put ->
              batch.put(put.key(), node(put.value().value()));
          case Change.Removed<String, Stored<ClusterNode>> gone -> batch.remove(gone.key());
        }
      }
    });
    // What is this node's own now may be what another one claims.
    boolean all =
        changes.list().stream().anyMatch(change -> change.key().equals(config.nodeName()));
    if (all) {
      writeAll();
      settle();
      return;
    }
    rows.write(batch -> {
      for (Change<String, Stored<ClusterNode>> change : changes.list()) {
        switch (change) {
          case Change.Put<String, Stored<ClusterNode>> put -> put(batch, put.value().value());
          case Change.Removed<String, Stored<ClusterNode>> gone -> {
            refused.remove(gone.key());
            batch.remove(new NodeKey(gone.key()));
          }
        }
      }
    });
    settle();
  }

  /** All rows anew: what they follow from besides the nodes themselves is another now. */
  private void writeAll() {
    Snapshot<String, Stored<ClusterNode>> now = store.nodes().table().snapshot();
    refused.keySet().removeIf(name -> now.get(name).isEmpty());
    rows.write(batch -> {
      for (var row : rows.table().snapshot()) {
        if (row.key() instanceof NodeKey(String name) && now.get(name).isEmpty()) {
          batch.remove(row.key());
        }
      }
      now.forEach(row -> put(batch, row.value().value()));
    });
  }

  /** A node that claims what is this one's own is sent nothing and believed nothing. */
  private void put(TableWriter.Batch<RowKey, Row> batch, ClusterNode node) {
    if (node.name().equals(config.nodeName())) {
      return;
    }
    NodeRow row = row(node);
    Optional<String> conflict = conflict(row);
    if (conflict.isPresent()) {
      refused.put(node.name(), conflict.get());
      batch.remove(row.key());
    } else {
      refused.remove(node.name());
      batch.put(row.key(), row);
    }
  }

  private Optional<String> conflict(NodeRow row) {
    List<IpAddress> own =
        store
            .nodes()
            .table()
            .get(config.nodeName())
            .map(node -> reached(node.value()))
            .orElse(List.of());
    String what = "node " + row.name() + ": its ";
    for (IpAddress address : row.addresses()) {
      if (own.contains(address)) {
        return Optional.of(what + "address " + address + " is this node's");
      }
    }
    for (IpPrefix theirs : row.podCidrs()) {
      for (IpPrefix ours : addresses.reservations().podCidrs()) {
        if (theirs.contains(ours) || ours.contains(theirs)) {
          return Optional.of(
              what + "pods' prefix " + theirs + " overlaps " + ours + " of this node");
        }
      }
    }
    return Optional.empty();
  }

  private void followEndpoints(Changes<String, Stored<PublishedEndpoint>> changes) {
    allEndpoints = changes.snapshot().isInitialised();
    prefixes.followEndpoints(changes);
    settle();
  }

  /**
   * What existed at the start is known once the store has read all of it and it was followed here:
   * what the store has read by now may be more, and its row would be pruned.
   */
  private void settle() {
    if (allNodes) {
      nodes.synced(INPUT);
      rows.synced(INPUT);
      if (allEndpoints) {
        prefixes.synced();
      }
    }
  }

  private static Node node(ClusterNode node) {
    return new Node(node.name(), reached(node), node.podPrefixes(), node.labels());
  }

  /** Where others reach a node, at most one address a family. */
  private static List<IpAddress> reached(ClusterNode node) {
    return Stream.of(IpFamily.values())
        .flatMap(family -> node.address(AddressType.INTERNAL_IP, family).stream())
        .toList();
  }

  private NodeRow row(ClusterNode node) {
    Optional<Tunnel> tunnel = config.routing().tunnel();
    return new NodeRow(
        node.name(),
        reached(node),
        node.podPrefixes(),
        tunnel.flatMap(each -> node.address(AddressType.INTERNAL_IP, each.underlay())),
        tunnel.isPresent() ? mtu.endpointBytes() : 0);
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle
        .add("node reconciler", reconciler)
        .add("nodes", nodeFollower)
        .add("own pod CIDRs", cidrFollower)
        .add("endpoints of other nodes", endpointFollower);
  }

  @Override
  public Map<String, String> problems() {
    Map<String, String> all = new TreeMap<>();
    store
        .problems()
        .snapshot()
        .forEach(row -> all.put("cluster-store: " + row.key(), row.key() + ": " + row.value()));
    store
        .nodes()
        .table()
        .get(config.nodeName())
        .map(own -> own.value().podCidrs())
        .filter(_ -> addresses.pools().isEmpty())
        .filter(told -> !told.isEmpty() && !told.containsAll(config.podCidrs()))
        .ifPresent(told ->
            all.put(
                new NodeKey(config.nodeName()).toString(),
                "node "
                    + config.nodeName()
                    + ": the cluster's store has the pod CIDRs "
                    + told
                    + ", and its pods have addresses of "
                    + config.podCidrs()));
    store
        .nodes()
        .table()
        .get(config.nodeName())
        .map(own -> own.value().allocationError())
        .filter(error -> !error.isEmpty() && addresses.pools().isPresent())
        .ifPresent(error ->
            all.put("pools of " + config.nodeName(), "node " + config.nodeName() + ": " + error));
    refused.forEach((name, line) -> all.put(new NodeKey(name).toString(), line));
    for (var row : reconciler.statuses().snapshot()) {
      if (row.value() instanceof RowStatus.Failed failed) {
        all.put(row.key().toString(), failed.message());
      }
    }
    config
        .routing()
        .tunnel()
        .ifPresent(tunnel -> {
          for (var row : rows.table().snapshot()) {
            if (row.value() instanceof NodeRow node && node.tunnelEndpoint().isEmpty()) {
              all.put(
                  row.key().toString(),
                  "node "
                      + node.name()
                      + ": it has no "
                      + (tunnel.underlay() == IpFamily.IPV4 ? "IPv4" : "IPv6")
                      + " address, by which tunnels run here; its pods cannot be reached");
            }
          }
        });
    return all;
  }
}
