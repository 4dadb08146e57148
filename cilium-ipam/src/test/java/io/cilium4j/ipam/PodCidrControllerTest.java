// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.MemoryClusterStore.Cluster;
import io.cilium4j.conformance.MemoryClusterStore.Faults;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.ManualScheduler;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The usual course; what goes wrong is the operators' model check. */
class PodCidrControllerTest {
  private final ManualScheduler time = new ManualScheduler();
  private final Cluster cluster = new Cluster();
  private final ClusterStore store = cluster.open();
  private boolean isOver;

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(10));
  }

  private PodCidrController start(String... ranges) {
    return start(store, ranges);
  }

  private PodCidrController start(ClusterStore by, String... ranges) {
    var controller =
        new PodCidrController(
            by,
            Stream.of(ranges)
                .map(IpPrefix::parse)
                .map(range -> new ClusterPool.Range(range, range.address().isV4() ? 24 : 112))
                .toList(),
            () -> Deadline.in(isOver ? Duration.ZERO : Duration.ofSeconds(2)),
            time);
    controller.start();
    time.runDue();
    return controller;
  }

  private void join(String name, String... cidrs) {
    var node = new ClusterNode(name, List.of(), prefixes(cidrs));
    assertTrue(store.nodes().create(node, soon()).isPresent());
    time.runDue();
  }

  private static List<IpPrefix> prefixes(String... texts) {
    return Stream.of(texts).map(IpPrefix::parse).toList();
  }

  private ClusterNode node(String name) {
    return store.nodes().read(name).orElseThrow().value();
  }

  private void leave(String name) {
    Stored<ClusterNode> node = store.nodes().read(name).orElseThrow();
    assertTrue(store.nodes().delete(node, soon()));
    time.advance(Duration.ofSeconds(5));
  }

  @Test
  void work_nodesWithAndWithout_eachHasOneOfEachFamily() {
    join("old", "10.0.1.0/24", "fd00::1:0/112");
    join("half", "10.0.0.0/24");
    var _ = start("10.0.0.0/16", "fd00::/96");
    join("new");
    assertEquals(prefixes("10.0.1.0/24", "fd00::1:0/112"), node("old").podCidrs());
    assertEquals(prefixes("10.0.0.0/24", "fd00::/112"), node("half").podCidrs());
    assertEquals(prefixes("10.0.2.0/24", "fd00::2:0/112"), node("new").podCidrs());
  }

  @Test
  void work_noneLeft_theNodeIsToldAndServedOnceThereIs() {
    var _ = start("10.0.0.0/23");
    join("a");
    join("b");
    join("c");
    assertEquals(List.of(), node("c").podCidrs());
    assertTrue(
        node("c").allocationError().startsWith("no IPV4 pod CIDR left for node c"),
        node("c").allocationError());
    leave("a");
    assertEquals(prefixes("10.0.0.0/24"), node("c").podCidrs());
    assertEquals("", node("c").allocationError());
  }

  /** As while a server starts. */
  @Test
  void work_storeMissesANodeForAMoment_itsCidrsStayItsOwn() {
    Set<String> missed = new HashSet<>();
    var faults =
        new Faults() {
          @Override
          public boolean misses(String key) {
            return missed.contains(key);
          }
        };
    var _ = start(cluster.open(faults), "10.0.0.0/16");
    join("a");
    missed.add("a");
    touch("a");
    join("b");
    assertEquals(prefixes("10.0.1.0/24"), node("b").podCidrs());
    missed.clear();
    time.advance(Duration.ofSeconds(5));
    leave("a");
    join("c");
    assertEquals(prefixes("10.0.0.0/24"), node("c").podCidrs());
  }

  /** Its agent writes something of its own. */
  private void touch(String name) {
    Stored<ClusterNode> before = store.nodes().read(name).orElseThrow();
    ClusterNode now = before.value();
    var later = new ClusterNode(name, List.of(), List.of(), now.podCidrs(), Map.of(), "boot-2", "");
    assertTrue(store.nodes().replace(before, later, soon()).isPresent());
    time.runDue();
  }

  @Test
  void work_twoNodesClaimTheSame_oneIsTold() {
    join("a", "10.0.0.0/24");
    join("b", "10.0.0.128/25");
    var _ = start("10.0.0.0/16");
    assertEquals("", node("a").allocationError());
    assertEquals(
        "node b: pod CIDR 10.0.0.128/25: node a has 10.0.0.0/24", node("b").allocationError());
    leave("a");
    assertEquals("", node("b").allocationError());
  }

  @Test
  void work_nodeKeepsItsOwnOutOfTheRanges_isLeftAlone() {
    join("own", "172.16.0.0/24");
    var _ = start("10.0.0.0/16");
    assertEquals(prefixes("172.16.0.0/24"), node("own").podCidrs());
    assertEquals("", node("own").allocationError());
  }

  @Test
  void work_termIsOver_nothingIsGiven() {
    var _ = start("10.0.0.0/16");
    isOver = true;
    join("late");
    time.advance(Duration.ofMinutes(1));
    assertEquals(List.of(), node("late").podCidrs());
  }

  @Test
  void close_nodesComeAfterwards_nothingIsGiven() {
    start("10.0.0.0/16").close();
    join("late");
    time.advance(Duration.ofMinutes(1));
    assertEquals(List.of(), node("late").podCidrs());
  }

  @Test
  void work_fiveThousandNodes_areServed() {
    var _ = start("10.0.0.0/8", "fd00::/96");
    for (int i = 0; i < 5_000; i++) {
      join("node-" + i);
    }
    assertEquals(
        10_000,
        store.nodes().list().stream()
            .flatMap(node -> node.value().podCidrs().stream())
            .distinct()
            .count());
  }
}
