// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.identity.ClusterIdentityBackendProvider;
import io.cilium4j.k8s.api.ApiStoreProvider;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/**
 * What a cluster agrees on, over a real API server. {@code -Doperator.kills=20} and {@code
 * -Doperator.joins=500} say how often the leader ends during how many joins, {@code
 * -Didentities=10000} how many label sets two agents meet at once.
 */
class ClusterOverApiIT extends ApiCluster {
  private static final int KILLS = Integer.getInteger("operator.kills", 3);
  private static final int JOINS = Integer.getInteger("operator.joins", 60);
  private static final int IDENTITIES = Integer.getInteger("identities", 300);

  /** How many /24 the smallest range has that all nodes fit into. */
  private static final int PARTS = Math.max(1, Integer.highestOneBit(JOINS - 1) * 2);

  /** By node; no CIDR of two. */
  private Map<String, List<IpPrefix>> given() {
    Map<String, List<IpPrefix>> all = new HashMap<>();
    Set<IpPrefix> unique = new HashSet<>();
    for (Stored<ClusterNode> each : store.nodes().list()) {
      all.put(each.value().name(), each.value().podCidrs());
      each.value().podCidrs().forEach(cidr -> assertTrue(unique.add(cidr), cidr + " twice"));
    }
    return all;
  }

  private OperatorProcess leader() throws IOException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      for (OperatorProcess each : operators) {
        if (each.ask("/healthz").contains("(this one)")) {
          return each;
        }
      }
      assertTrue(System.nanoTime() < end, "somebody leads");
    }
  }

  @Test
  void joins_leaderIsKilledMeanwhile_cidrsAreUniqueAndNoneLeaks() throws Exception {
    start(PARTS);
    start(PARTS);
    int joined = 0;
    for (int kill = 1; kill <= KILLS; kill++) {
      OperatorProcess leader = leader();
      for (int until = JOINS * kill / (KILLS + 1); joined < until; joined++) {
        join("node-" + joined);
      }
      leader.kill();
      operators.remove(leader);
      start(PARTS);
    }
    for (; joined < JOINS; joined++) {
      join("node-" + joined);
    }
    awaitServed(JOINS);
    Map<String, List<IpPrefix>> before = given();

    // All of them go, and as many come as there are parts: none is left behind with a dead leader.
    for (Stored<ClusterNode> each : store.nodes().list()) {
      assertTrue(store.nodes().delete(each, Deadline.in(PATIENCE)));
    }
    for (int i = 0; i < PARTS; i++) {
      join("new-" + i);
    }
    awaitServed(PARTS);
    assertEquals(PARTS, given().size());
    assertEquals(JOINS, before.size());
    System.out.printf(
        "leader killed %d times during %d joins: %d CIDRs, none twice; %d of %d given anew%n",
        KILLS, JOINS, 2 * JOINS, PARTS, PARTS);
  }

  private Map<Integer, Integer> allocate(long seed) {
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < IDENTITIES; i++) {
      order.add(i);
    }
    Collections.shuffle(order, new Random(seed));
    Map<Integer, Integer> numbers = new TreeMap<>();
    try (Scheduler scheduler = Scheduler.ofThread("agent-" + seed);
        ClusterStore own = new ApiStoreProvider().open(options());
        IdentityBackend backend =
            new ClusterIdentityBackendProvider()
                .open(
                    new IdentityBackendProvider.Config(0, scheduler, Map.of(), Optional.of(own)))) {
      for (int i : order) {
        numbers.put(i, backend.allocate(Labels.parse("k8s:app=app-" + i)).id());
      }
    }
    return numbers;
  }

  @Test
  void labelSets_newToTwoAgentsAtOnce_haveTheSameNumbersOnBoth() {
    long begin = System.nanoTime();
    CompletableFuture<Map<Integer, Integer>> other =
        CompletableFuture.supplyAsync(() -> allocate(1));
    Map<Integer, Integer> numbers = allocate(2);
    assertEquals(numbers, other.join());
    assertEquals(IDENTITIES, Set.copyOf(numbers.values()).size(), "each has its own");
    assertEquals(IDENTITIES, store.identities().list().size());
    System.out.printf(
        "%d label sets, new to two agents at once: the same numbers, %d ms%n",
        IDENTITIES, (System.nanoTime() - begin) / 1_000_000);
  }
}
