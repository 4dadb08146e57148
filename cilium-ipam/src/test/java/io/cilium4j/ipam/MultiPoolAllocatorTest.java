// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.spi.IpamAllocator.PoolUsage;
import io.cilium4j.core.spi.IpamException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The node's side of pools; the store is what the test says it has. */
class MultiPoolAllocatorTest {
  /** More than any test takes. */
  private static final Duration LONG = Duration.ofMinutes(1);

  private static final Duration GRACE = Duration.ofMillis(20);

  private Set<IpFamily> families = Set.of(IpFamily.IPV4);
  private long nanos;
  private Map<String, NodePool> stored = Map.of();
  private MultiPoolAllocator allocator = open(Map.of("default", 8));

  private MultiPoolAllocator open(Map<String, Integer> preAllocation, String... routers) {
    return new MultiPoolAllocator(
        node(),
        new MultiPoolAllocator.Config("default", preAllocation, families, GRACE),
        Stream.of(routers).map(IpAddress::parse).toList(),
        () -> nanos);
  }

  private Node node() {
    return new Node("n", List.of(), List.of(), stored, Map.of());
  }

  /** The publisher writes what is claimed, and the allocator is told of it. */
  private void publish() {
    stored = PoolClaim.apply(claims(), stored);
    allocator.nodeChanged(node());
  }

  private Map<String, PoolClaim> claims() {
    var all = new TreeMap<String, PoolClaim>();
    allocator.claims().orElseThrow().snapshot().forEach(row -> all.put(row.key(), row.value()));
    return all;
  }

  /** The operator gives the node a prefix. */
  private void give(String pool, String... cidrs) {
    var pools = new TreeMap<>(stored);
    NodePool has = pools.getOrDefault(pool, NodePool.of(List.of()));
    var all = new ArrayList<>(has.cidrs());
    Stream.of(cidrs).map(IpPrefix::parse).forEach(all::add);
    pools.put(pool, has.withCidrs(all));
    stored = pools;
    allocator.nodeChanged(node());
  }

  private IpAddress allocate(String pool, String owner) {
    return allocator.allocate(IpFamily.IPV4, owner, pool);
  }

  private NodePool pool(String name) {
    return stored.getOrDefault(name, NodePool.of(List.of()));
  }

  private List<String> cidrs(String pool) {
    return pool(pool).cidrs().stream().map(IpPrefix::toString).toList();
  }

  private void trim(int times) {
    for (int i = 0; i < times; i++) {
      allocator.trim();
    }
  }

  @Test
  void open_nothingThere_needsOneLotAndItsOwnAddress() {
    publish();
    assertEquals(16, pool("default").neededIpv4());
    assertEquals(Optional.empty(), allocator.router(IpFamily.IPV4));
    give("default", "10.1.0.0/27");
    assertEquals(Optional.of(IpAddress.parse("10.1.0.1")), allocator.router(IpFamily.IPV4));
    publish();
    assertEquals(16, pool("default").neededIpv4(), "its own address is one in use");
  }

  @Test
  void allocate_lastOfALot_asksForTheNextLotAtOnce() {
    give("default", "10.1.0.0/27");
    for (int i = 0; i < 8; i++) {
      allocate("default", "a/" + i);
    }

    publish();

    assertEquals(24, pool("default").neededIpv4(), "9 in use with its own address, lots of 8");
  }

  @Test
  void allocate_poolHasNothing_isRefusedAndAskedForUntilThereIs() {
    give("default", "10.1.0.0/27");
    var e = assertThrows(IpamException.class, () -> allocate("blue", "a/b"));
    assertEquals(
        "no IPV4 address for a/b of pool blue: node n has no CIDR of it; the operator is asked for"
            + " one",
        e.getMessage());
    assertThrows(IpamException.class, () -> allocate("blue", "a/b"), "again");
    assertThrows(IpamException.class, () -> allocate("blue", "a/c"));
    publish();
    assertEquals(2, pool("blue").neededIpv4(), "each owner once");
    give("blue", "10.9.0.0/28");
    assertEquals(IpAddress.parse("10.9.0.1"), allocate("blue", "a/b"));
    trim(1);
    publish();
    assertEquals(2, pool("blue").neededIpv4(), "one in use, one waited for");
    nanos += Duration.ofMinutes(6).toNanos();
    trim(1);
    publish();
    assertEquals(1, pool("blue").neededIpv4(), "who asks no more is not waited for");
  }

  @Test
  void allocate_firstAndLastOfAPool_areGivenWhereThePoolSaysSo() {
    stored =
        Map.of(
            "blue",
            new NodePool(0, 0, List.of(IpPrefix.parse("10.9.0.0/30")), true, true),
            "host",
            NodePool.of(List.of(IpPrefix.parse("10.8.0.7/32"))));
    allocator.nodeChanged(node());
    assertEquals(IpAddress.parse("10.9.0.0"), allocate("blue", "a/0"));
    for (int i = 1; i < 4; i++) {
      assertEquals(IpAddress.parse("10.9.0." + i), allocate("blue", "a/" + i));
    }
    assertThrows(IpamException.class, () -> allocate("blue", "a/4"));
    assertEquals(
        IpAddress.parse("10.8.0.7"), allocate("host", "a/5"), "too small to keep any back");
  }

  @Test
  void trim_prefixNotNeeded_isGivenUpAfterTwoLooksAndNotTakenAgainByAnOldRow() {
    give("default", "10.1.0.0/27");
    give("blue", "10.9.0.0/28");
    IpAddress address = allocate("blue", "a/b");
    trim(5);
    publish();
    assertEquals(List.of("10.9.0.0/28"), cidrs("blue"), "in use");
    assertTrue(allocator.release(address, "a/b"));
    trim(1);
    publish();
    assertEquals(List.of("10.9.0.0/28"), cidrs("blue"), "peers may hold connections yet");
    trim(1);
    List<String> old = cidrs("blue");
    allocator.nodeChanged(node());
    assertThrows(IpamException.class, () -> allocate("blue", "a/c"), "given up is given up");
    publish();
    assertEquals(List.of(), cidrs("blue"));
    assertEquals(List.of("10.1.0.0/27"), cidrs("default"), "one lot is kept in stock");
    assertEquals(List.of("10.9.0.0/28"), old, "the row that it was told again had it");
    give("blue", "10.9.0.0/28");
    assertEquals(IpAddress.parse("10.9.0.1"), allocate("blue", "a/c"), "given anew");
  }

  @Test
  void trim_moreThanALotIsFree_theLastPrefixesGo() {
    give("default", "10.1.0.0/28", "10.1.1.0/28", "10.1.2.0/28");
    trim(3);
    publish();
    // 14 addresses of a prefix; 16 are needed.
    assertEquals(List.of("10.1.0.0/28", "10.1.1.0/28"), cidrs("default"));
  }

  @Test
  void nodeChanged_prefixIsGoneFromTheStore_isWrittenBackWhileInUse() {
    give("default", "10.1.0.0/27");
    give("blue", "10.9.0.0/28", "10.9.0.16/28");
    trim(1);
    IpAddress address = allocate("blue", "a/b");
    stored = Map.of();
    allocator.nodeChanged(node());
    publish();
    assertEquals(List.of("10.9.0.0/28"), cidrs("blue"), "the other one was not in use");
    assertEquals(List.of("10.1.0.0/27"), cidrs("default"), "the node's own address is of it");
    assertEquals(Optional.of("a/b"), allocator.allocations().get(address));
  }

  @Test
  void nodeChanged_beforeThoseOfAnEarlierRunAreBack_nothingIsGivenUp() {
    stored =
        Map.of(
            "default", NodePool.of(List.of(IpPrefix.parse("10.1.0.0/27"))),
            "blue", NodePool.of(List.of(IpPrefix.parse("10.9.0.0/28"))));
    allocator = open(Map.of("default", 8), "10.1.0.5");
    stored = Map.of();
    allocator.nodeChanged(node());
    allocator.claim(IpAddress.parse("10.9.0.3"), "a/b");
    assertEquals(Optional.of(IpAddress.parse("10.1.0.5")), allocator.router(IpFamily.IPV4));
    assertThrows(
        IpamException.class, () -> allocator.claim(IpAddress.parse("10.1.0.5"), "a/b"), "its own");
    trim(3);
    publish();
    assertEquals(List.of("10.9.0.0/28"), cidrs("blue"));
    assertEquals(List.of("10.1.0.0/27"), cidrs("default"));
  }

  @Test
  void nodeChanged_overlapsWhatItHas_isNotUsed() {
    give("default", "10.1.0.0/27");
    give("blue", "10.1.0.0/28");
    assertThrows(IpamException.class, () -> allocate("blue", "a/b"));
    assertFalse(allocator.prefixes().snapshot().contains(IpPrefix.parse("10.1.0.0/28")));
  }

  @Test
  void allocate_manyPoolsThatNobodyKnows_areBounded() {
    give("default", "10.1.0.0/27");
    for (int i = 0; i < 1_000; i++) {
      String pool = "pool-" + i;
      assertThrows(IpamException.class, () -> allocate(pool, "a/b"));
    }
    publish();
    assertEquals(256, stored.size());
    var e = assertThrows(IpamException.class, () -> allocate("pool-more", "a/b"));
    assertTrue(
        String.valueOf(e.getMessage()).endsWith("node n has no CIDR of it, nor asks for one"),
        e.getMessage());
  }

  // ---- waiting ----

  /** Somebody who waits for addresses, once the need of it is told. */
  private CompletableFuture<Map<IpFamily, IpAddress>> waiting(String pool, String owner) {
    var pools = new TreeMap<IpFamily, String>();
    families.forEach(family -> pools.put(family, pool));
    int before = need(pool);
    var future = new CompletableFuture<Map<IpFamily, IpAddress>>();
    Thread.startVirtualThread(() -> {
      try {
        future.complete(allocator.allocate(pools, owner, LONG));
      } catch (IpamException e) {
        future.completeExceptionally(e);
      }
    });
    await(() -> need(pool) > before || future.isDone());
    return future;
  }

  private int need(String pool) {
    PoolClaim claim = claims().get(pool);
    return claim == null ? 0 : claim.neededIpv4();
  }

  private static void await(BooleanSupplier condition) {
    long end = System.nanoTime() + LONG.toNanos();
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, "in time");
      Thread.onSpinWait();
    }
  }

  private static String refusal(CompletableFuture<?> future) {
    var e = assertThrows(ExecutionException.class, () -> future.get(60, TimeUnit.SECONDS));
    return String.valueOf(assertInstanceOf(IpamException.class, e.getCause()).getMessage());
  }

  @Test
  void allocate_waiting_getsWhatTheOperatorGivesMeanwhile() throws Exception {
    give("default", "10.1.0.0/27");
    var first = waiting("blue", "a/b");
    var second = waiting("blue", "a/c");
    publish();
    assertEquals(2, pool("blue").neededIpv4());
    assertFalse(first.isDone() || second.isDone());
    give("blue", "10.9.0.0/29");
    assertEquals(
        Set.of("10.9.0.1", "10.9.0.2"),
        Set.of(
            String.valueOf(first.get().get(IpFamily.IPV4)),
            String.valueOf(second.get().get(IpFamily.IPV4))));
    publish();
    assertEquals(2, pool("blue").neededIpv4(), "both in use and nobody waits");
  }

  @Test
  void allocate_waitingForAFullPool_getsWhatIsGivenBack() throws Exception {
    give("blue", "10.9.0.7/32");
    IpAddress only = allocate("blue", "a/b");
    var next = waiting("blue", "a/c");
    assertTrue(allocator.release(only, "a/b"));
    assertEquals(Map.of(IpFamily.IPV4, only), next.get());
  }

  @Test
  void allocate_waitingForBothFamilies_areAskedForAtOnceAndGivenTogether() throws Exception {
    families = Set.of(IpFamily.IPV4, IpFamily.IPV6);
    allocator = open(Map.of());
    var pod = waiting("blue", "a/b");
    publish();
    assertEquals(1, pool("blue").neededIpv4());
    assertEquals(1, pool("blue").neededIpv6());
    give("blue", "10.9.0.0/29");
    assertTrue(allocator.allocations().snapshot().isEmpty(), "not one without the other");
    publish();
    assertEquals(1, pool("blue").neededIpv4(), "waited for still");
    give("blue", "fd09::/125");
    assertEquals(
        Map.of(
            IpFamily.IPV4, IpAddress.parse("10.9.0.1"), IpFamily.IPV6, IpAddress.parse("fd09::1")),
        pod.get());
  }

  @Test
  void allocate_notInTime_isRefusedAndStillAskedFor() {
    families = Set.of(IpFamily.IPV4, IpFamily.IPV6);
    allocator = open(Map.of());
    give("blue", "10.9.0.0/29");
    var both = Map.of(IpFamily.IPV4, "blue", IpFamily.IPV6, "blue");
    var e =
        assertThrows(
            IpamException.class, () -> allocator.allocate(both, "a/b", Duration.ofMillis(1)));
    assertEquals(
        "no IPV6 address for a/b of pool blue: node n has no CIDR of it; the operator is asked for"
            + " one",
        e.getMessage());
    assertTrue(allocator.allocations().snapshot().isEmpty(), "none of the other family");
    publish();
    assertEquals(1, pool("blue").neededIpv4());
    assertEquals(1, pool("blue").neededIpv6());
  }

  @Test
  void allocate_operatorHasNone_isRefusedInItsWordsWithoutWaitingOn() throws Exception {
    var absent = waiting("blue", "a/b");
    allocator.problemsChanged("CIDR x; pool blue: there is no such CiliumPodIPPool");
    assertEquals(
        "no IPV4 address for a/b of pool blue: there is no such CiliumPodIPPool", refusal(absent));
    assertEquals(
        "no IPV4 address for a/c of pool blue: there is no such CiliumPodIPPool",
        refusal(waiting("blue", "a/c")),
        "known before");
    var other = waiting("bluer", "a/d");
    allocator.problemsChanged("pool bluer: no IPV6 CIDR is left of [fd00::/64] by /64");
    give("bluer", "10.9.0.0/29");
    assertEquals(IpAddress.parse("10.9.0.1"), other.get().get(IpFamily.IPV4), "of its family none");
    give("blue", "10.8.0.0/29");
    allocator.problemsChanged("pool blue: no IPV4 CIDR is left of [10.8.0.0/29] by /29");
    assertEquals(IpAddress.parse("10.8.0.1"), allocate("blue", "a/b"), "what it has it gives");
  }

  @Test
  void allocate_manyWait_othersAreRefusedAtOnce() {
    var all = new ArrayList<CompletableFuture<?>>();
    for (int i = 0; i < 32; i++) {
      all.add(waiting("blue", "a/" + i));
    }
    assertTrue(refusal(waiting("blue", "a/more")).contains("the operator is asked for one"));
    assertTrue(all.stream().noneMatch(CompletableFuture::isDone));
    give("blue", "10.9.0.0/24");
    await(() -> all.stream().allMatch(CompletableFuture::isDone));
    assertTrue(all.stream().noneMatch(CompletableFuture::isCompletedExceptionally));
  }

  @Test
  void poolUsage_ofEachPool_countsWhatItHasAndNeeds() {
    give("default", "10.1.0.0/27");
    give("blue", "10.9.0.0/29", "10.9.0.8/29");
    allocate("blue", "a/b");
    assertThrows(IpamException.class, () -> allocate("red", "a/c"));
    assertEquals(
        List.of(
            new PoolUsage("blue", IpFamily.IPV4, 12, 1, 1, 2),
            new PoolUsage("default", IpFamily.IPV4, 30, 1, 16, 1),
            new PoolUsage("red", IpFamily.IPV4, 0, 0, 1, 0)),
        allocator.poolUsage());
  }
}
