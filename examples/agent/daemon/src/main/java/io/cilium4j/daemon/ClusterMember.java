// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.spi.ClusterStoreProvider;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.k8s.publish.EndpointPublisher;
import io.cilium4j.k8s.publish.NodePublisher;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * This node's part in a cluster: what it tells the others of itself and of its endpoints, and which
 * pod CIDRs the operator gave it.
 */
final class ClusterMember implements AutoCloseable {
  private final ClusterStore store;
  private final Scheduler thread = Scheduler.ofThread("cluster");
  private final NodePublisher publisher;
  private final String name;
  private final List<IpAddress> addresses;
  private final Set<IpFamily> families;
  private @Nullable EndpointPublisher endpoints;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition told = lock.newCondition();
  private ClusterNode known;

  private ClusterMember(
      ClusterStore store,
      String name,
      List<IpAddress> addresses,
      Set<IpFamily> families,
      List<IpPrefix> given) {
    this.store = store;
    this.name = name;
    this.addresses = List.copyOf(addresses);
    this.families = Set.copyOf(families);
    this.known =
        new ClusterNode(
            name,
            addresses.stream().map(ip -> new Address(AddressType.INTERNAL_IP, ip)).toList(),
            given);
    this.publisher = new NodePublisher(store, known, thread, this::heard);
  }

  /**
   * Joins a cluster.
   *
   * @param name this node's name in Kubernetes
   * @param addresses where other nodes reach it
   * @param families those that its pods are to have addresses of
   * @param given its pod CIDRs where an option says them; empty where the operator does
   * @throws OptionException if the store may not be used
   */
  static ClusterMember join(
      String folder,
      String name,
      List<IpAddress> addresses,
      Set<IpFamily> families,
      List<IpPrefix> given) {
    ClusterStoreProvider directory =
        ServiceLoader.load(ClusterStoreProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(provider -> provider.name().equals("directory"))
            .findFirst()
            .orElseThrow(() -> new OptionException("cluster-store: no store is installed"));
    ClusterStore store;
    try {
      store = directory.open(Map.of("path", folder));
    } catch (ClusterStoreException e) {
      throw new OptionException("cluster-store: " + e.getMessage());
    }
    try {
      var member = new ClusterMember(store, name, addresses, families, given);
      member.publisher.start();
      return member;
    } catch (IllegalArgumentException e) {
      store.close();
      throw new OptionException("node-name: " + e.getMessage());
    }
  }

  ClusterStore store() {
    return store;
  }

  /** Where other nodes reach this one. */
  List<IpAddress> addresses() {
    return addresses;
  }

  private void heard(ClusterNode node) {
    lock.lock();
    try {
      known = node;
      told.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Waits a while for a pod CIDR of each family that pods are to have. */
  Optional<List<IpPrefix>> podCidrs(Duration atMost) throws InterruptedException {
    long nanos = atMost.toNanos();
    lock.lockInterruptibly();
    try {
      while (!missing().isEmpty() && nanos > 0) {
        nanos = told.awaitNanos(nanos);
      }
      return missing().isEmpty() ? Optional.of(wanted()) : Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  private List<IpPrefix> wanted() {
    return known.podCidrs().stream().filter(cidr -> families.contains(cidr.family())).toList();
  }

  private Set<IpFamily> missing() {
    return families.stream()
        .filter(family -> known.podCidrs().stream().noneMatch(cidr -> cidr.family() == family))
        .collect(Collectors.toSet());
  }

  /** Waits for them however long it takes. */
  List<IpPrefix> awaitPodCidrs() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (!missing().isEmpty()) {
        told.await();
      }
      return wanted();
    } finally {
      lock.unlock();
    }
  }

  /** Why there are no pod CIDRs yet, in one line. */
  String waiting() {
    String problems =
        store.problems().snapshot().stream()
            .map(row -> row.value())
            .collect(Collectors.joining("; "));
    lock.lock();
    try {
      String what =
          "node "
              + known.name()
              + " waits for its pod CIDR ("
              + names(missing())
              + ") from the operator";
      String why = known.allocationError().isEmpty() ? problems : known.allocationError();
      return why.isEmpty() ? what : what + ": " + why;
    } finally {
      lock.unlock();
    }
  }

  private static String names(Set<IpFamily> families) {
    return families.stream()
        .sorted()
        .map(family -> family == IpFamily.IPV4 ? "IPv4" : "IPv6")
        .collect(Collectors.joining(", "));
  }

  /**
   * Tells the others of these endpoints from now on, and of the node's own addresses in the pods'
   * network.
   */
  void publish(Table<Integer, Endpoint> table, List<IpAddress> routers) {
    List<Address> all =
        Stream.concat(
                addresses.stream().map(ip -> new Address(AddressType.INTERNAL_IP, ip)),
                routers.stream().map(ip -> new Address(AddressType.CILIUM_INTERNAL_IP, ip)))
            .toList();
    publisher.set(new ClusterNode(name, all, List.of()));
    var made = new EndpointPublisher(store, table, addresses.getFirst(), thread);
    endpoints = made;
    made.start();
  }

  @Override
  public void close() {
    EndpointPublisher made = endpoints;
    if (made != null) {
      made.close();
    }
    publisher.close();
    thread.close();
    store.close();
  }
}
