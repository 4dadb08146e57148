// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Node;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.cluster.PublishedEndpoint.Details;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.k8s.publish.EndpointPublisher;
import io.cilium4j.k8s.publish.NodePublisher;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a node whose agent runs tells the others: its addresses, its labels and its endpoints, as
 * they change.
 */
final class Announcement implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Announcement.class);

  /** How often it is looked whether the node's addresses are others by now. */
  private static final Duration ADDRESS_CHECK = Duration.ofSeconds(5);

  /**
   * The endpoints of the node.
   *
   * @param details what is told of an endpoint; absent for nothing
   */
  record Endpoints(Table<Integer, Endpoint> table, Function<Endpoint, Optional<Details>> details) {}

  private final ClusterStore store;
  private final Scheduler thread;
  private final String name;
  private final OwnAddresses addresses;
  private final Supplier<@Nullable NodePublisher> node;

  /** The node's own addresses in the pods' network. */
  private volatile List<IpAddress> routers = List.of();

  /** The node's labels in Kubernetes; absent until they are known. */
  private volatile Optional<Map<String, String>> labels = Optional.empty();

  private @Nullable Follower labelFollower;
  private @Nullable EndpointPublisher endpoints;

  /**
   * Tells nothing yet.
   *
   * @param thread stays the caller's to close
   * @param name the node's
   * @param node publishes the node's object; null while the node has none
   */
  Announcement(
      ClusterStore store,
      Scheduler thread,
      String name,
      OwnAddresses addresses,
      Supplier<@Nullable NodePublisher> node) {
    this.store = store;
    this.thread = thread;
    this.name = name;
    this.addresses = addresses;
    this.node = node;
  }

  /**
   * Begins.
   *
   * @param ownRouters the node's own addresses in the pods' network
   * @param nodes of Kubernetes; absent where there is none, and the node has no labels
   */
  void begin(List<IpAddress> ownRouters, Optional<Table<String, Node>> nodes, Endpoints ofNode) {
    routers = ownRouters;
    nodes.ifPresentOrElse(
        each -> {
          var made = Follower.of(each, thread, this::followLabels);
          labelFollower = made;
          made.start();
        },
        () -> {
          labels = Optional.of(Map.of());
          publishNode();
        });
    var made =
        new EndpointPublisher(
            store, ofNode.table(), addresses.present().getFirst(), ofNode.details(), thread);
    endpoints = made;
    made.start();
    thread.schedule(ADDRESS_CHECK, this::followAddresses);
  }

  private void followLabels(Changes<String, Node> changes) {
    if (changes.snapshot().isInitialised()) {
      Map<String, String> now = changes.snapshot().get(name).map(Node::labels).orElse(Map.of());
      labels = Optional.of(now);
      publishNode();
    }
  }

  private void publishNode() {
    NodePublisher publisher = node.get();
    if (publisher != null && labels.isPresent()) {
      List<Address> all =
          Stream.concat(
                  addresses.present().stream().map(ip -> new Address(AddressType.INTERNAL_IP, ip)),
                  routers.stream().map(ip -> new Address(AddressType.CILIUM_INTERNAL_IP, ip)))
              .toList();
      publisher.set(new ClusterNode(name, all, List.of(), List.of(), labels.orElseThrow(), "", ""));
    }
  }

  /** The node first: where an endpoint's node is not known, its pod cannot be reached. */
  private void followAddresses() {
    thread.schedule(ADDRESS_CHECK, this::followAddresses);
    List<IpAddress> before = addresses.present();
    if (!addresses.look()) {
      return;
    }
    List<IpAddress> now = addresses.present();
    LOG.warn("addresses of the node are others node={} were={} are={}", name, before, now);
    publishNode();
    EndpointPublisher publisher = endpoints;
    if (publisher != null && !before.getFirst().equals(now.getFirst())) {
      publisher.nodeMoved(now.getFirst());
    }
  }

  /** Ends; what was told stays. */
  @Override
  public void close() {
    Follower following = labelFollower;
    if (following != null) {
      following.stop();
    }
    EndpointPublisher publisher = endpoints;
    if (publisher != null) {
      publisher.close();
    }
  }
}
