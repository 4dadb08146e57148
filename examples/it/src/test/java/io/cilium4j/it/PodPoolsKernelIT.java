// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.ApiException;
import io.cilium4j.api.model.AddressPair;
import io.cilium4j.api.model.IPAMResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import io.cilium4j.it.Traffic.Way;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Pods with addresses of several pools, whose prefixes nodes get and give up while they run. */
class PodPoolsKernelIT {
  private static final int PORT = 8080;

  private static final Map<String, String> AGENTS = Map.of("ipam", "multi-pool");

  /** The numbers of the pods of the pool that come first, after one of none on each node. */
  private static final List<Integer> BLUE = List.of(3, 4);

  private static void launchOperator(TestCluster cluster) throws IOException {
    cluster.launchOperator(
        "--ipam=multi-pool",
        "--auto-create-cilium-pod-ip-pools=default=ipv4-cidrs:10.97.0.0/16;ipv4-mask-size:28;"
            + "ipv6-cidrs:fd97::/104;ipv6-mask-size:124");
  }

  /** Of four addresses for pods a prefix. */
  private static PodIpPool blue() {
    return new PodIpPool(
        "blue",
        Optional.of(new PodIpPool.Blocks(List.of(IpPrefix.parse("10.98.0.0/24")), 29)),
        Optional.of(new PodIpPool.Blocks(List.of(IpPrefix.parse("fd98::/112")), 125)),
        false,
        false);
  }

  private static void annotate(TestCluster cluster, int pod, String pool) throws IOException {
    cluster.write(
        "pod-" + pod + ".yaml",
        """
        apiVersion: v1
        kind: Pod
        metadata:
          name: pod-%d
          namespace: default
          annotations: {ipam.cilium.io/ip-pool: %s}
        spec: {}
        """
            .formatted(pod, pool));
  }

  /** A pod of a pool, once its node has an address for it. */
  private static Pod pod(TestCluster cluster, Node node, String pool) throws IOException {
    int number = cluster.nextPod();
    annotate(cluster, number, pool);
    awaitOwnersPool(cluster, node, number, pool);
    return cluster.hiddenPod(node, "app=" + pool);
  }

  private static void awaitOwnersPool(TestCluster cluster, Node node, int pod, String pool) {
    cluster.await(
        node.name() + " has an address of " + pool, () -> poolsOf(node, pod).equals(Set.of(pool)));
  }

  /**
   * Asks for a pod's addresses as a runtime does, and gives them back.
   *
   * @return the pools that they are of
   * @throws ApiException if there are none
   */
  private static Set<String> poolsOf(Node node, int pod) {
    AddressPair pair =
        Objects.requireNonNull(
            node.client()
                .call("POST", "/ipam?owner=default%2Fpod-" + pod, Map.of(), null)
                .as(IPAMResponse.class)
                .address());
    Map.of(pair.ipv4(), pair.ipv4PoolName(), pair.ipv6(), pair.ipv6PoolName())
        .forEach((address, pool) -> {
          var _ =
              node.client()
                  .call("DELETE", "/ipam/" + address + "?pool=" + pool, Map.of())
                  .orThrow();
        });
    return Set.copyOf(List.of(pair.ipv4PoolName(), pair.ipv6PoolName()));
  }

  private static Map<String, NodePool> pools(ClusterStore store, Node node) {
    return store.nodes().read(node.name()).map(each -> each.value().pools()).orElse(Map.of());
  }

  private static List<IpPrefix> cidrs(ClusterStore store, Node node, String pool) {
    return pools(store, node).getOrDefault(pool, NodePool.of(List.of())).cidrs();
  }

  private static void assertAllReach(TestCluster cluster, List<Pod> pods) throws IOException {
    cluster.awaitKnown(pods);
    List<EchoServer> servers = new ArrayList<>();
    try {
      for (Pod pod : pods) {
        servers.add(new EchoServer(pod.netns(), PORT));
      }
      for (Pod from : pods) {
        for (Pod to : pods) {
          for (IpFamily family : IpFamily.values()) {
            if (!from.equals(to)) {
              IpAddress address = to.address(family);
              cluster.await(
                  from.number() + " reaches " + to.number() + " at " + address,
                  () -> Traffic.reaches(from.netns(), address, PORT, Way.TCP));
            }
          }
        }
      }
    } finally {
      for (EchoServer server : servers) {
        server.close();
      }
    }
  }

  private static void assertNoneTwice(ClusterStore store) {
    Set<IpPrefix> seen = new HashSet<>();
    for (Stored<ClusterNode> node : store.nodes().list()) {
      for (IpPrefix cidr : NodePool.cidrs(node.value().pools())) {
        assertTrue(seen.add(cidr), cidr + " twice");
      }
    }
  }

  private static boolean isRouted(Node node, IpPrefix prefix) {
    try (var network = node.network()) {
      return network.listRoutesToNodes().stream()
          .anyMatch(route -> route.destination().equals(prefix));
    }
  }

  private static Deadline soon() {
    return Deadline.in(TestCluster.PATIENCE);
  }

  @ParameterizedTest
  @EnumSource
  void pods_ofSeveralPools_reachEachOtherWhilePrefixesComeAndGo(Routing routing) throws Exception {
    try (var cluster = new TestCluster("itv", routing);
        ClusterStore store = cluster.openStore()) {
      launchOperator(cluster);
      // Before there are agents: else one may not have read what a pod says when the pod comes.
      for (int pod : BLUE) {
        annotate(cluster, pod, "blue");
      }
      cluster.startAgents(AGENTS);
      List<Pod> pods = new ArrayList<>();
      for (Node node : cluster.nodes()) {
        pods.add(cluster.hiddenPod(node, "app=plain"));
      }
      assertAllReach(cluster, pods);

      // A pool that nobody made yet is asked for, and said to be missing.
      var e = assertThrows(ApiException.class, () -> poolsOf(cluster.first, BLUE.getFirst()));
      assertTrue(
          String.valueOf(e.getMessage()).contains("of pool blue: there is no such CiliumPodIPPool"),
          e.getMessage());
      // The first pod of a pool on a node waits for the node's first prefix, and is not refused.
      assertTrue(store.pools().create(blue(), soon()).isPresent());
      for (Node node : cluster.nodes()) {
        pods.add(cluster.hiddenPod(node, "app=blue"));
      }
      pods.subList(2, 4)
          .forEach(pod ->
              assertTrue(
                  Stream.of("10.98.0.0/24", "fd98::/112")
                      .map(IpPrefix::parse)
                      .allMatch(range -> pod.addresses().stream().anyMatch(range::contains)),
                  () -> pod.addresses().toString()));
      assertAllReach(cluster, pods);

      // More than a prefix has: others come.
      List<Pod> many = new ArrayList<>();
      for (int i = 0; i < 7; i++) {
        many.add(pod(cluster, cluster.first, "blue"));
      }
      assertTrue(cidrs(store, cluster.first, "blue").size() >= 4, "of both families");
      pods.add(many.getLast());
      assertAllReach(cluster, pods);
      assertNoneTwice(store);
      assertMasquerades(cluster, many.getLast(), pods.getLast());

      restartWithoutStore(cluster, pods);

      // What is not used any more goes, here and there.
      IpPrefix gone = IpPrefix.parse(many.getLast().address(IpFamily.IPV4) + "/29");
      assertTrue(isRouted(cluster.second, gone), () -> gone + " is routed");
      many.forEach(pod -> cluster.first.runtime.delete(pod.number()));
      pods.removeLast();
      cluster.await(
          "the node gives up " + gone,
          () ->
              !cidrs(store, cluster.first, "blue").contains(gone)
                  && !isRouted(cluster.second, gone));
      assertAllReach(cluster, pods);
      assertNoneTwice(store);
    }
  }

  /** In the cluster a pod has its own address, outside the node's. */
  private static void assertMasquerades(TestCluster cluster, Pod pod, Pod inside)
      throws IOException {
    try (var _ = new Mirror(cluster.world, PORT);
        var _ = new Mirror(cluster.second.netns, PORT)) {
      for (IpFamily family : IpFamily.values()) {
        IpAddress world = Objects.requireNonNull(TestCluster.WORLD.get(family));
        cluster.await(
            "seen as the node from outside",
            () ->
                Mirror.seen(pod.netns(), world, PORT, Way.TCP)
                    .equals(TestCluster.onWorldLink(cluster.first, family).toString()));
        assertEquals(
            inside.address(family).toString(),
            Mirror.seen(pod.netns(), cluster.second.address(family), PORT, Way.TCP));
      }
    }
  }

  /** A node whose agent restarts has all that it had, whether the store is there or not. */
  private static void restartWithoutStore(TestCluster cluster, List<Pod> pods) throws Exception {
    Node node = cluster.first;
    Set<Long> before = node.endpoints().keySet();
    var away = cluster.store().resolveSibling("away");
    node.kill();
    Files.move(cluster.store(), away);
    try {
      node.launch(AGENTS);
      node.agent().awaitReady();
      assertEquals(before, node.endpoints().keySet(), cluster::logs);
      assertAllReach(cluster, pods.stream().filter(pod -> pod.node() == node).toList());
      int number = cluster.nextPod();
      annotate(cluster, number, "blue");
      awaitOwnersPool(cluster, node, number, "blue");
    } finally {
      Files.move(away, cluster.store());
    }
    assertAllReach(cluster, pods);
  }
}
