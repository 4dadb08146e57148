// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Watch;
import io.cilium4j.ipam.MultiPoolMode;
import io.cilium4j.k8s.api.ApiOptions;
import io.cilium4j.k8s.api.ApiStoreProvider;
import io.cilium4j.k8s.publish.NodePublisher;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Pools over a real API server: its definitions, the operators, and a node's part. */
class PodPoolsOverApiIT extends ApiCluster {
  private static final int NODES = Integer.getInteger("operator.joins", 40);
  private static final int KILLS = Integer.getInteger("operator.kills", 3);

  private void startOperator() throws IOException {
    operators.add(
        OperatorProcess.start(
            "--k8s-kubeconfig-path=" + options().get(ApiOptions.KUBECONFIG),
            "--k8s-namespace=kube-system",
            "--ipam=multi-pool",
            "--auto-create-cilium-pod-ip-pools=default=ipv4-cidrs:10.0.0.0/16;ipv4-mask-size:27;"
                + "ipv6-cidrs:fd00::/104;ipv6-mask-size:123",
            "--leader-election-lease-duration=3s",
            "--leader-election-renew-deadline=2s",
            "--leader-election-retry-period=1s"));
  }

  private void killLeader() throws IOException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      for (OperatorProcess each : List.copyOf(operators)) {
        if (each.ask("/healthz").contains("(this one)")) {
          each.kill();
          operators.remove(each);
          return;
        }
      }
      assertTrue(System.nanoTime() < end, "somebody leads");
    }
  }

  private static Deadline soon() {
    return Deadline.in(PATIENCE);
  }

  private static PodIpPool pool(String name, int maskSize, String cidr) {
    return new PodIpPool(
        name,
        Optional.of(new PodIpPool.Blocks(List.of(IpPrefix.parse(cidr)), maskSize)),
        Optional.empty(),
        false,
        false);
  }

  private void join(String name, Map<String, NodePool> asks) {
    var node = new ClusterNode(name, List.of(), List.of()).withPools(asks);
    assertTrue(store.nodes().create(node, soon()).isPresent());
  }

  private static NodePool asks(int ipv4, int ipv6) {
    return new NodePool(ipv4, ipv6, List.of(), false, false);
  }

  private static boolean isServed(ClusterNode node) {
    return node.allocationError().isEmpty()
        && node.pools().values().stream()
            .allMatch(pool ->
                pool.neededIpv4() <= 30L * pool.cidrs(IpFamily.IPV4).size()
                    && pool.neededIpv6() <= 30L * pool.cidrs(IpFamily.IPV6).size());
  }

  private void await(String what, Predicate<Map<String, ClusterNode>> holds)
      throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    try (Watch<String, Stored<ClusterNode>> watch = store.nodes().table().watch()) {
      while (true) {
        Map<String, ClusterNode> now =
            watch.take(Duration.ofNanos(Math.max(0, end - System.nanoTime()))).snapshot().stream()
                .collect(Collectors.toMap(Row::key, row -> row.value().value()));
        if (holds.test(now)) {
          return;
        }
        assertTrue(System.nanoTime() < end, () -> what + ": " + now);
      }
    }
  }

  private Set<IpPrefix> given() {
    Set<IpPrefix> unique = new HashSet<>();
    for (Stored<ClusterNode> node : store.nodes().list()) {
      for (IpPrefix cidr : NodePool.cidrs(node.value().pools())) {
        assertTrue(unique.add(cidr), cidr + " twice");
      }
    }
    return unique;
  }

  @Test
  void nodes_askWhileLeadersAreKilled_haveWhatTheyAskForAndNoneTwice() throws Exception {
    startOperator();
    startOperator();
    assertTrue(store.pools().create(pool("blue", 27, "10.9.0.0/16"), soon()).isPresent());
    int joined = 0;
    for (int kill = 1; kill <= KILLS; kill++) {
      for (int until = NODES * kill / KILLS; joined < until; joined++) {
        join("node-" + joined, Map.of("default", asks(31, 8), "blue", asks(1 + joined % 40, 0)));
      }
      killLeader();
      startOperator();
    }
    await(
        "all are served",
        now -> now.size() == NODES && now.values().stream().allMatch(PodPoolsOverApiIT::isServed));
    int before = given().size();

    // Half of them go; who asks for more gets theirs, and those that stay keep what they have.
    for (int i = 0; i < NODES; i += 2) {
      assertTrue(store.nodes().delete(store.nodes().read("node-" + i).orElseThrow(), soon()));
    }
    for (int i = 1; i < NODES; i += 2) {
      Stored<ClusterNode> node = store.nodes().read("node-" + i).orElseThrow();
      var pools = new HashMap<>(node.value().pools());
      pools.computeIfPresent(
          "blue",
          (_, has) ->
              new NodePool(has.neededIpv4() + 30, 0, has.cidrs(), has.hasFirst(), has.hasLast()));
      assertTrue(
          store.nodes().replace(node, node.value().withPools(pools), soon()).isPresent(),
          "node-" + i);
    }
    await(
        "those that stay are served",
        now ->
            now.size() == NODES / 2 && now.values().stream().allMatch(PodPoolsOverApiIT::isServed));
    assertTrue(given().size() <= before);
    System.out.printf(
        "leader killed %d times while %d nodes asked for prefixes of two pools: %d, none twice%n",
        KILLS, NODES, before);
  }

  /** What an agent does of it. */
  private static final class Member implements AutoCloseable {
    private final Scheduler thread = Scheduler.ofThread("member");
    private final ClusterStore own;
    private final IpamAllocator allocator;
    private final NodePublisher publisher;
    private final Follower claims;

    Member(Map<String, String> options, String name) {
      this.own = new ApiStoreProvider().open(options);
      this.allocator =
          new MultiPoolMode()
              .open(
                  node(name, Map.of()), Map.of("families", "ipv4", "pre-allocation", "default=8"));
      this.publisher =
          new NodePublisher(
              own,
              new ClusterNode(name, List.of(), List.of()),
              thread,
              node -> allocator.nodeChanged(node(name, node.pools())));
      this.claims =
          Follower.of(
              allocator.claims().orElseThrow(),
              thread,
              changes -> {
                Map<String, PoolClaim> all = new HashMap<>();
                changes.snapshot().forEach(row -> all.put(row.key(), row.value()));
                publisher.setPools(all);
              });
      claims.start();
      publisher.start();
    }

    private static Node node(String name, Map<String, NodePool> pools) {
      return new Node(name, List.of(), List.of(), pools, Map.of());
    }

    IpAddress await(String pool) {
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (true) {
        try {
          return allocator.allocate(IpFamily.IPV4, "a/b", pool);
        } catch (IpamException e) {
          assertTrue(System.nanoTime() < end, e.getMessage());
          Thread.onSpinWait();
        }
      }
    }

    @Override
    public void close() {
      claims.stop();
      publisher.close();
      thread.close();
      own.close();
    }
  }

  @Test
  void node_asksUsesAndGivesBack_theServerShowsIt() throws Exception {
    startOperator();
    try (var member = new Member(options(), "member")) {
      IpAddress first = member.await("default");
      assertTrue(IpPrefix.parse("10.0.0.0/16").contains(first), first.toString());
      assertTrue(store.pools().create(pool("tiny", 32, "10.9.0.7/32"), soon()).isPresent());
      IpAddress tiny = member.await("tiny");
      assertEquals(IpAddress.parse("10.9.0.7"), tiny);
      assertThrows(
          IpamException.class, () -> member.allocator.allocate(IpFamily.IPV4, "a/c", "tiny"));
      await(
          "what is missing is said",
          now ->
              now.getOrDefault("member", new ClusterNode("x", List.of(), List.of()))
                  .allocationError()
                  .equals("pool tiny: no IPV4 CIDR is left of [10.9.0.7/32] by /32"));
      assertTrue(member.allocator.release(tiny, "a/b"));
      // Who waited for it is next.
      assertEquals(tiny, member.allocator.allocate(IpFamily.IPV4, "a/c", "tiny"));
      assertTrue(member.allocator.release(tiny, "a/c"));
      for (int i = 0; i < 2; i++) {
        member.allocator.trim();
      }
      await(
          "the prefix is given back",
          now ->
              now.containsKey("member")
                  && !NodePool.cidrs(now.get("member").pools())
                      .contains(IpPrefix.parse("10.9.0.7/32")));
    }
  }

  @Test
  void pool_thatCannotBe_isRefusedByTheServer() {
    Stored<PodIpPool> stored =
        store.pools().create(pool("blue", 27, "10.9.0.0/16"), soon()).orElseThrow();
    var e =
        assertThrows(
            ClusterStoreException.class,
            () -> store.pools().replace(stored, pool("blue", 28, "10.9.0.0/16"), soon()));
    assertTrue(String.valueOf(e.getMessage()).contains("maskSize"), e.getMessage());
    PodIpPool wider =
        new PodIpPool(
            "blue",
            Optional.of(
                new PodIpPool.Blocks(
                    List.of(IpPrefix.parse("10.9.0.0/16"), IpPrefix.parse("10.8.0.0/16")), 27)),
            Optional.empty(),
            false,
            false);
    assertEquals(wider, store.pools().replace(stored, wider, soon()).orElseThrow().value());
  }
}
