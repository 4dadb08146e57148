// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreProvider;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Watch;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Operators as processes of their own, over one folder. */
class OperatorProcessIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir private Path folder;
  private final List<Process> processes = new ArrayList<>();

  @AfterEach
  void killAll() {
    processes.forEach(process -> process.destroyForcibly().onExit().join());
  }

  private ClusterStore open() {
    return ServiceLoader.load(ClusterStoreProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.name().equals("directory"))
        .findFirst()
        .orElseThrow()
        .open(Map.of("path", folder.toString()));
  }

  private OperatorProcess start() throws IOException {
    OperatorProcess started =
        OperatorProcess.start(
            "--cluster-store=" + folder,
            "--cluster-pool-ipv4-cidr=10.0.0.0/16",
            "--cluster-pool-ipv6-cidr=fd00::/104",
            "--leader-election-lease-duration=4s",
            "--leader-election-renew-deadline=3s",
            "--leader-election-retry-period=1s");
    processes.add(started.process());
    return started;
  }

  private static void await(
      ClusterStore store, Predicate<Snapshot<String, Stored<ClusterNode>>> what)
      throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    try (Watch<String, Stored<ClusterNode>> watch = store.nodes().table().watch()) {
      while (true) {
        var now = watch.take(Duration.ofNanos(end - System.nanoTime())).snapshot();
        if (what.test(now)) {
          return;
        }
        assertTrue(System.nanoTime() < end, () -> "not in time: " + now.stream().toList());
      }
    }
  }

  private static boolean allServed(Snapshot<String, Stored<ClusterNode>> rows, int many) {
    return rows.size() == many
        && rows.stream().allMatch(row -> row.value().value().podCidrs().size() == 2);
  }

  private static void join(ClusterStore store, int from, int to) {
    for (int i = from; i < to; i++) {
      var node = new ClusterNode("node-" + i, List.of(), List.of());
      var deadline = Deadline.in(PATIENCE);
      assertTrue(store.nodes().create(node, deadline).isPresent());
    }
  }

  @Test
  void run_leaderIsKilled_anotherGoesOnAndNoCidrIsGivenTwice() throws Exception {
    try (ClusterStore store = open()) {
      List<OperatorProcess> operators = new ArrayList<>(List.of(start(), start()));
      join(store, 0, 20);
      await(store, rows -> allServed(rows, 20));
      var before = new HashMap<String, List<IpPrefix>>();
      store
          .nodes()
          .list()
          .forEach(node -> before.put(node.value().name(), node.value().podCidrs()));
      List<OperatorProcess> leaders = new ArrayList<>();
      for (OperatorProcess each : operators) {
        String health = each.awaitHealth();
        assertTrue(health.startsWith("200 ok\nleader: "), health);
        if (health.contains("(this one)")) {
          leaders.add(each);
        }
      }
      OperatorProcess leader = leaders.getFirst();
      String metrics = leader.ask("/metrics");
      assertTrue(metrics.contains("cilium_operator_ipam_nodes{category=\"total\"} 20"), metrics);
      assertTrue(metrics.contains("cilium_operator_leader 1"), metrics);

      leader.process().destroyForcibly().onExit().join();
      join(store, 20, 30);
      await(store, rows -> allServed(rows, 30));
      Set<IpPrefix> all = new HashSet<>();
      for (Stored<ClusterNode> node : store.nodes().list()) {
        node.value().podCidrs().forEach(cidr -> assertTrue(all.add(cidr), cidr + " twice"));
        List<IpPrefix> was = before.get(node.value().name());
        assertTrue(was == null || was.equals(node.value().podCidrs()));
      }
      assertEquals(60, all.size());
    }
  }

  @Test
  void run_toldToEnd_givesTheLeadAwayAndEnds() throws Exception {
    try (ClusterStore store = open()) {
      OperatorProcess operator = start();
      join(store, 0, 1);
      await(store, rows -> allServed(rows, 1));
      operator.process().destroy();
      assertTrue(operator.process().waitFor(PATIENCE));
      assertEquals("", store.leases().read(Operator.LEASE).orElseThrow().value().holder());
      assertFalse(operator.process().isAlive());
    }
  }
}
