// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.cluster.PublishedEndpoint.Details;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.spi.ClusterStoreProvider;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Table;
import io.cilium4j.k8s.api.ApiClient;
import io.cilium4j.k8s.api.ApiException;
import io.cilium4j.k8s.api.ApiOptions;
import io.cilium4j.k8s.api.ApiStoreProvider;
import io.cilium4j.k8s.api.OwnNode;
import io.cilium4j.k8s.publish.NodePublisher;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This node's part in a cluster: what it tells the others of itself and of its endpoints, and which
 * pod CIDRs the operator gave it.
 */
final class ClusterMember implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterMember.class);

  /** How soon Kubernetes is asked again for the pod CIDRs that it did not give yet. */
  private static final Duration ASK_AGAIN = Duration.ofSeconds(1);

  /** How often it is seen to that Kubernetes knows the node for ready; others write there, too. */
  private static final Duration READY_CHECK = Duration.ofMinutes(1);

  private final ClusterStore store;
  private final Scheduler thread = Scheduler.ofThread("cluster");
  private final Joining joining;
  private final Optional<OwnApi> kubernetes;
  private volatile @Nullable NodePublisher publisher;
  private volatile String apiProblem = "";
  private @Nullable Announcement announcement;
  private @Nullable Follower claims;

  /** Told what the node has of pools, and the operator's error; on the cluster's thread. */
  private volatile @Nullable BiConsumer<Map<String, NodePool>, String> pools;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition told = lock.newCondition();
  private ClusterNode known;

  /** Whether it is as the store has it. */
  private boolean isRead;

  private ClusterMember(Joining joining, ClusterStore store, Optional<OwnApi> kubernetes) {
    this.store = store;
    this.kubernetes = kubernetes;
    this.joining = joining;
    this.known =
        new ClusterNode(
            joining.name(),
            joining.addresses().present().stream()
                .map(ip -> new Address(AddressType.INTERNAL_IP, ip))
                .toList(),
            joining.given());
  }

  /**
   * What a node says of itself when it joins.
   *
   * @param name this node's name in Kubernetes
   * @param addresses where other nodes reach it, which may change
   * @param families those that its pods are to have addresses of
   * @param given its pod CIDRs where an option says them; empty where somebody else does
   * @param hasKubernetesCidrs whether its pod CIDRs are those that Kubernetes gave its node, and
   *     not the operator's
   * @param pools what is asked of pools, where addresses come from such
   * @param kept what an earlier run had of pools
   */
  record Joining(
      String name,
      OwnAddresses addresses,
      Set<IpFamily> families,
      List<IpPrefix> given,
      boolean hasKubernetesCidrs,
      Optional<PoolOptions> pools,
      Map<String, NodePool> kept) {
    Joining {
      given = List.copyOf(given);
      families = Set.copyOf(families);
      kept = NodePool.copyOf(kept);
    }

    /** Whether the earlier run had what a start needs of pools. */
    boolean hasKept() {
      return pools.filter(each -> each.missing(kept).isEmpty()).isPresent();
    }
  }

  /**
   * What a node's pods have addresses of.
   *
   * @param podCidrs prefixes, one a family; empty where there are pools
   * @param pools by name
   */
  record Given(List<IpPrefix> podCidrs, Map<String, NodePool> pools) {
    Given {
      podCidrs = List.copyOf(podCidrs);
    }

    /** These prefixes and no pools. */
    static Given of(List<IpPrefix> podCidrs) {
      return new Given(podCidrs, Map.of());
    }
  }

  /** The own node in Kubernetes, and what asks for it. */
  private record OwnApi(ApiClient client, OwnNode node) {}

  /**
   * Joins the cluster of a folder.
   *
   * @throws OptionException if the store may not be used
   */
  static ClusterMember join(String folder, Joining joining) {
    return join("directory", Map.of("path", folder), joining, Optional.empty());
  }

  /**
   * Joins the cluster of a Kubernetes.
   *
   * @param options of {@link ApiOptions}
   * @throws OptionException if the store may not be used
   */
  static ClusterMember joinKubernetes(Map<String, String> options, Joining joining) {
    ApiClient client = KubernetesOptions.check(options).connect();
    return join(
        ApiStoreProvider.NAME,
        options,
        joining,
        Optional.of(new OwnApi(client, new OwnNode(client, joining.name()))));
  }

  private static ClusterMember join(
      String name, Map<String, String> options, Joining joining, Optional<OwnApi> kubernetes) {
    ClusterStoreProvider provider =
        ServiceLoader.load(ClusterStoreProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(each -> each.name().equals(name))
            .findFirst()
            .orElseThrow(
                () -> new OptionException("cluster-store: none named " + name + " is installed"));
    ClusterStore store;
    try {
      store = provider.open(options);
    } catch (ClusterStoreException e) {
      throw new OptionException("cluster-store: " + e.getMessage());
    }
    try {
      var member = new ClusterMember(joining, store, kubernetes);
      if (joining.hasKubernetesCidrs()) {
        member.thread.execute(member::askForCidrs);
      } else {
        member.begin(member.known);
      }
      return member;
    } catch (IllegalArgumentException e) {
      store.close();
      throw new OptionException("node-name: " + e.getMessage());
    }
  }

  private void begin(ClusterNode own) {
    var made = new NodePublisher(store, own, thread, this::heard);
    publisher = made;
    // What an earlier run asked for stays until the allocator says otherwise.
    joining
        .pools()
        .filter(_ -> joining.kept().isEmpty())
        .ifPresent(asked -> made.setPools(asked.firstClaims()));
    made.start();
  }

  /** Until Kubernetes gave the node what its pods are to have. */
  private void askForCidrs() {
    OwnApi api = kubernetes.orElseThrow();
    ClusterNode own = known;
    try {
      own = known.withPodCidrs(api.node().podCidrs());
      apiProblem = "";
    } catch (ApiException e) {
      apiProblem = String.valueOf(e.getMessage());
    }
    if (missing(own).isEmpty()) {
      begin(own);
    } else {
      thread.schedule(ASK_AGAIN, this::askForCidrs);
    }
  }

  ClusterStore store() {
    return store;
  }

  /** Where other nodes reach this one now. */
  List<IpAddress> addresses() {
    return joining.addresses().present();
  }

  private void heard(ClusterNode node) {
    lock.lock();
    try {
      known = node;
      isRead = true;
      told.signalAll();
    } finally {
      lock.unlock();
    }
    tellPools();
  }

  private void tellPools() {
    BiConsumer<Map<String, NodePool>, String> listener = pools;
    if (listener == null) {
      return;
    }
    Optional<ClusterNode> node;
    lock.lock();
    try {
      node = isRead ? Optional.of(known) : Optional.empty();
    } finally {
      lock.unlock();
    }
    try {
      node.ifPresent(each -> listener.accept(each.pools(), each.allocationError()));
    } catch (RuntimeException e) {
      // The agent may have ended before this.
      LOG.warn("pools not taken over error=\"{}\"", e.getMessage());
    }
  }

  /**
   * From now on says in the store what the node needs of pools, and tells what it has.
   *
   * @param needs by pool
   * @param listener told what the node has of pools and what the operator could not give, at once
   *     and when that changes
   */
  void followPools(
      Table<String, PoolClaim> needs, BiConsumer<Map<String, NodePool>, String> listener) {
    Follower made = Follower.of(needs, thread, changes -> publishPools(changes.snapshot()));
    claims = made;
    thread.execute(() -> {
      pools = listener;
      tellPools();
      made.start();
    });
  }

  private void publishPools(Snapshot<String, PoolClaim> now) {
    NodePublisher own = publisher;
    if (own != null) {
      var all = new HashMap<String, PoolClaim>();
      now.forEach(row -> all.put(row.key(), row.value()));
      own.setPools(all);
    }
  }

  /** Waits a while for a pod CIDR of each family that pods are to have. */
  Optional<Given> given(Duration atMost) throws InterruptedException {
    if (joining.hasKept()) {
      return Optional.of(new Given(List.of(), joining.kept()));
    }
    long nanos = atMost.toNanos();
    lock.lockInterruptibly();
    try {
      while (!missing(known).isEmpty() && nanos > 0) {
        nanos = told.awaitNanos(nanos);
      }
      return missing(known).isEmpty() ? Optional.of(has()) : Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  private Given has() {
    if (joining.pools().isPresent()) {
      return new Given(List.of(), known.pools());
    }
    return Given.of(
        known.podCidrs().stream()
            .filter(cidr -> joining.families().contains(cidr.family()))
            .toList());
  }

  /** What the node lacks, for people; empty for nothing. */
  private String missing(ClusterNode node) {
    if (joining.pools().isPresent()) {
      return joining.pools().get().missing(node.pools());
    }
    return joining.families().stream()
        .filter(family -> node.podCidrs().stream().noneMatch(cidr -> cidr.family() == family))
        .sorted()
        .map(family -> family == IpFamily.IPV4 ? "IPv4" : "IPv6")
        .collect(Collectors.joining(", "));
  }

  /** Waits for them however long it takes. */
  Given awaitGiven() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (!missing(known).isEmpty()) {
        told.await();
      }
      return has();
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
              + missing(known)
              + ") from "
              + (joining.hasKubernetesCidrs() ? "Kubernetes (Node.spec.podCIDRs)" : "the operator");
      String why = known.allocationError().isEmpty() ? problems : known.allocationError();
      why = apiProblem.isEmpty() ? why : apiProblem;
      return why.isEmpty() ? what : what + ": " + why;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Tells the others of these endpoints from now on, of the node's own addresses in the pods'
   * network, and of the labels that Kubernetes says the node has.
   *
   * @param details what is told of an endpoint; absent for nothing
   * @param nodes of Kubernetes; absent where there is none, and the node has no labels
   */
  void publish(
      Table<Integer, Endpoint> table,
      Function<Endpoint, Optional<Details>> details,
      List<IpAddress> routers,
      Optional<Table<String, Node>> nodes) {
    var made =
        new Announcement(store, thread, joining.name(), joining.addresses(), () -> publisher);
    announcement = made;
    made.begin(routers, nodes, new Announcement.Endpoints(table, details));
  }

  /** Says from now on in Kubernetes, if the cluster is one, that this node is ready for pods. */
  void tellReady() {
    kubernetes.ifPresent(api -> thread.execute(() -> tellReady(api.node())));
  }

  private void tellReady(OwnNode node) {
    Duration again = READY_CHECK;
    try {
      if (!node.tellReady()) {
        apiProblem = "Kubernetes has no node " + joining.name();
      } else if (!apiProblem.isEmpty()) {
        apiProblem = "";
        LOG.info("node told ready node={}", joining.name());
      }
    } catch (ApiException e) {
      if (apiProblem.isEmpty()) {
        LOG.warn("node not told ready node={} error=\"{}\"", joining.name(), e.getMessage());
      }
      apiProblem = String.valueOf(e.getMessage());
      again = Duration.ofSeconds(5);
    }
    thread.schedule(again, () -> tellReady(node));
  }

  @Override
  public void close() {
    Follower needs = claims;
    if (needs != null) {
      needs.stop();
    }
    Announcement made = announcement;
    if (made != null) {
      made.close();
    }
    NodePublisher own = publisher;
    if (own != null) {
      own.close();
    }
    thread.close();
    store.close();
    kubernetes.ifPresent(api -> api.client().close());
  }
}
