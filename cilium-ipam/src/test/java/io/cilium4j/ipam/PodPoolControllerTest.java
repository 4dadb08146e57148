// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.MemoryClusterStore.Cluster;
import io.cilium4j.conformance.MemoryClusterStore.Faults;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.PodIpPool.Blocks;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.ManualScheduler;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The usual course; what goes wrong is the operators' model check. */
class PodPoolControllerTest {
  private final ManualScheduler time = new ManualScheduler();
  private final Cluster cluster = new Cluster();
  private final ClusterStore store = cluster.open();
  private boolean isOver;

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(10));
  }

  private PodPoolController start(PodIpPool... created) {
    return start(store, created);
  }

  private PodPoolController start(ClusterStore by, PodIpPool... created) {
    var controller =
        new PodPoolController(
            by,
            List.of(created),
            () -> Deadline.in(isOver ? Duration.ZERO : Duration.ofSeconds(2)),
            time);
    controller.start();
    time.runDue();
    return controller;
  }

  private static PodIpPool pool(String name, int maskSize, String... cidrs) {
    return new PodIpPool(
        name, Optional.of(new Blocks(prefixes(cidrs), maskSize)), Optional.empty(), false, false);
  }

  private void create(PodIpPool pool) {
    assertTrue(store.pools().create(pool, soon()).isPresent());
    time.runDue();
  }

  private static List<IpPrefix> prefixes(String... texts) {
    return Stream.of(texts).map(IpPrefix::parse).toList();
  }

  private static NodePool wants(int ipv4, int ipv6, String... cidrs) {
    return new NodePool(ipv4, ipv6, prefixes(cidrs), false, false);
  }

  private void join(String name, String pool, NodePool wanted) {
    var node = new ClusterNode(name, List.of(), List.of()).withPools(Map.of(pool, wanted));
    assertTrue(store.nodes().create(node, soon()).isPresent());
    time.runDue();
  }

  private void say(String name, String pool, NodePool wanted) {
    Stored<ClusterNode> node = store.nodes().read(name).orElseThrow();
    var pools = new TreeMap<>(node.value().pools());
    pools.put(pool, wanted);
    assertTrue(store.nodes().replace(node, node.value().withPools(pools), soon()).isPresent());
    time.advance(Duration.ofSeconds(5));
  }

  private ClusterNode node(String name) {
    return store.nodes().read(name).orElseThrow().value();
  }

  private NodePool pool(String node, String pool) {
    return node(node).pools().getOrDefault(pool, NodePool.of(List.of()));
  }

  private List<IpPrefix> cidrs(String name, String pool) {
    return pool(name, pool).cidrs();
  }

  @Test
  void work_nodeAsks_isGivenAsManyPrefixesAsItNeeds() {
    create(pool("blue", 28, "10.9.0.0/24"));
    var _ = start();
    join("a", "blue", wants(15, 0));
    assertEquals(prefixes("10.9.0.0/28", "10.9.0.16/28"), cidrs("a", "blue"));
    join("b", "blue", wants(14, 0));
    assertEquals(prefixes("10.9.0.32/28"), cidrs("b", "blue"));
    say("b", "blue", wants(15, 0, "10.9.0.32/28"));
    assertEquals(prefixes("10.9.0.32/28", "10.9.0.48/28"), cidrs("b", "blue"));
    assertEquals(15, pool("b", "blue").neededIpv4(), "what it asks for is its own");
  }

  @Test
  void work_bothFamilies_eachIsGiven() {
    create(
        new PodIpPool(
            "dual",
            Optional.of(new Blocks(prefixes("10.9.0.0/24"), 28)),
            Optional.of(new Blocks(prefixes("fd00::/64"), 80)),
            true,
            false));
    var _ = start();
    join("a", "dual", wants(15, 8));
    assertEquals(prefixes("10.9.0.0/28", "fd00::/80"), cidrs("a", "dual"));
    assertTrue(pool("a", "dual").hasFirst());
  }

  @Test
  void work_nodeGivesUp_thePrefixIsAnothersNext() {
    create(pool("blue", 28, "10.9.0.0/27"));
    var _ = start();
    join("a", "blue", wants(20, 0));
    join("b", "blue", wants(1, 0));
    assertEquals(List.of(), cidrs("b", "blue"));
    assertEquals(
        "pool blue: no IPV4 CIDR is left of [10.9.0.0/27] by /28", node("b").allocationError());
    say("a", "blue", wants(1, 0, "10.9.0.0/28"));
    assertEquals(prefixes("10.9.0.16/28"), cidrs("b", "blue"));
    assertEquals("", node("b").allocationError());
  }

  @Test
  void work_poolComesLater_isSaidAndServedThen() {
    PodPoolController controller = start();
    join("a", "blue", wants(1, 0));
    assertEquals("pool blue: there is no such CiliumPodIPPool", node("a").allocationError());
    assertEquals(1, controller.counts().get("cilium_operator_ipam_nodes{category=\"in-deficit\"}"));
    create(pool("blue", 28, "10.9.0.0/24"));
    assertEquals(prefixes("10.9.0.0/28"), cidrs("a", "blue"));
    assertEquals("", node("a").allocationError());
    assertEquals(
        15,
        controller
            .counts()
            .get("cilium_operator_ipam_multipool_free_blocks{family=\"ipv4\",pool=\"blue\"}"));
  }

  @Test
  void work_poolShrinksOrGoes_nodesKeepWhatTheyHaveAndNobodyElseGetsIt() {
    create(pool("blue", 28, "10.9.0.0/24"));
    var _ = start();
    join("a", "blue", wants(1, 0));
    Stored<PodIpPool> stored = store.pools().read("blue").orElseThrow();
    stored = store.pools().replace(stored, pool("blue", 28, "10.7.0.0/24"), soon()).orElseThrow();
    time.runDue();
    assertEquals(prefixes("10.9.0.0/28"), cidrs("a", "blue"));
    say("a", "blue", wants(15, 0, "10.9.0.0/28"));
    assertEquals(prefixes("10.7.0.0/28", "10.9.0.0/28"), cidrs("a", "blue"));
    assertTrue(store.pools().delete(stored, soon()));
    create(pool("red", 28, "10.9.0.0/24"));
    join("b", "red", wants(1, 0));
    assertEquals(prefixes("10.9.0.16/28"), cidrs("b", "red"), "the first one is a's still");
    say("a", "blue", wants(15, 0, "10.7.0.0/28"));
    say("b", "red", wants(15, 0, "10.9.0.16/28"));
    assertEquals(prefixes("10.9.0.0/28", "10.9.0.16/28"), cidrs("b", "red"));
  }

  /** As while a server starts. */
  @Test
  void work_storeMissesANodeForAMoment_itsPrefixesStayItsOwn() {
    create(pool("blue", 28, "10.9.0.0/24"));
    Set<String> missed = new HashSet<>();
    var faults =
        new Faults() {
          @Override
          public boolean misses(String key) {
            return missed.contains(key);
          }
        };
    var _ = start(cluster.open(faults));
    join("a", "blue", wants(20, 0));
    assertEquals(prefixes("10.9.0.0/28", "10.9.0.16/28"), cidrs("a", "blue"));
    missed.add("a");
    say("a", "blue", wants(1, 0, "10.9.0.0/28"));
    join("b", "blue", wants(1, 0));
    assertEquals(prefixes("10.9.0.32/28"), cidrs("b", "blue"));
    missed.clear();
    time.advance(Duration.ofSeconds(5));
    join("c", "blue", wants(1, 0));
    assertEquals(prefixes("10.9.0.16/28"), cidrs("c", "blue"), "which a gave up");
  }

  @Test
  void work_maskSizeChanges_staysAsItWas() {
    create(pool("blue", 28, "10.9.0.0/24"));
    var _ = start();
    Stored<PodIpPool> stored = store.pools().read("blue").orElseThrow();
    assertTrue(store.pools().replace(stored, pool("blue", 30, "10.9.0.0/24"), soon()).isPresent());
    time.runDue();
    join("a", "blue", wants(1, 0));
    assertEquals(prefixes("10.9.0.0/28"), cidrs("a", "blue"));
  }

  @Test
  void work_twoNodesSayTheyHaveTheSame_oneIsTold() {
    create(pool("blue", 28, "10.9.0.0/24"));
    join("a", "blue", wants(1, 0, "10.9.0.0/28"));
    join("b", "blue", wants(1, 0, "10.9.0.0/30"));
    var _ = start();
    assertEquals("", node("a").allocationError());
    assertEquals(
        "CIDR 10.9.0.0/30 of pool blue: node a has 10.9.0.0/28", node("b").allocationError());
    assertEquals(prefixes("10.9.0.0/30", "10.9.0.16/28"), cidrs("b", "blue"), "one it can use");
  }

  @Test
  void work_anotherLeader_knowsWhatIsGiven() {
    create(pool("blue", 28, "10.9.0.0/24"));
    start().close();
    join("a", "blue", wants(1, 0, "10.9.0.0/28"));
    var _ = start();
    join("b", "blue", wants(1, 0));
    assertEquals(prefixes("10.9.0.16/28"), cidrs("b", "blue"));
    Stored<ClusterNode> gone = store.nodes().read("a").orElseThrow();
    assertTrue(store.nodes().delete(gone, soon()));
    time.runDue();
    join("c", "blue", wants(1, 0));
    assertEquals(prefixes("10.9.0.0/28"), cidrs("c", "blue"), "a is gone");
  }

  @Test
  void start_poolsToCreate_areCreatedWhereThereAreNone() {
    create(pool("blue", 28, "10.9.0.0/24"));
    var _ = start(pool("blue", 26, "10.8.0.0/24"), pool("default", 24, "10.0.0.0/16"));
    assertEquals(pool("blue", 28, "10.9.0.0/24"), store.pools().read("blue").orElseThrow().value());
    join("a", "default", wants(8, 0));
    assertEquals(prefixes("10.0.0.0/24"), cidrs("a", "default"));
  }

  @Test
  void work_unusableRanges_areLeftOut() {
    create(pool("bad", 28, "127.0.0.0/24", "10.9.0.0/29"));
    var _ = start();
    join("a", "bad", wants(1, 0));
    assertEquals("pool bad: its IPV4 CIDRs cannot be used", node("a").allocationError());
  }

  @Test
  void work_poolSaysWhatIsNotSupported_isNotUsedAndThatIsSaid() {
    PodIpPool blue = pool("blue", 28, "10.9.0.0/24");
    create(
        new PodIpPool("blue", blue.ipv4(), blue.ipv6(), false, false, List.of("spec.podSelector")));
    var _ = start();
    join("a", "blue", wants(1, 0));
    assertEquals(
        "pool blue: not used, since this is not supported: spec.podSelector",
        node("a").allocationError());
    assertEquals(List.of(), cidrs("a", "blue"));
  }

  @Test
  void work_termIsOver_nothingIsGiven() {
    create(pool("blue", 28, "10.9.0.0/24"));
    var _ = start();
    isOver = true;
    join("late", "blue", wants(1, 0));
    time.advance(Duration.ofMinutes(1));
    assertEquals(List.of(), cidrs("late", "blue"));
  }
}
