// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.cluster.AddressHealth.Reach;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Node;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.TableWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** When which address is probed, with a time that stands still and answers made up. */
class NodeHealthTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final HealthConfig CONFIG =
      new HealthConfig(4240, Duration.ofSeconds(60), Duration.ofSeconds(1));

  private final ManualScheduler scheduler = new ManualScheduler();
  private final TableWriter<String, Node> source =
      TableWriter.create("cilium-nodes", Comparator.naturalOrder(), Set.of("source"));
  private final Answers answers = new Answers();
  private final NodeHealth health =
      new NodeHealth(
          CONFIG,
          new ClusterNodes(source.table(), () -> node("self", "127.0.0.1")),
          scheduler,
          "test-probe-",
          answers);

  /** Answers by ICMP always, by HTTP unless the address is down; may be held up. */
  private static final class Answers implements Probes {
    private final Set<IpAddress> down = ConcurrentHashMap.newKeySet();
    private final List<String> asked = Collections.synchronizedList(new ArrayList<>());
    private final AtomicInteger atWork = new AtomicInteger();
    private volatile CountDownLatch hold = new CountDownLatch(0);

    @Override
    public Probe icmp(IpAddress to) {
      return new Probe.Reached(Duration.ofMillis(1), Instant.EPOCH);
    }

    @Override
    public Probe http(IpAddress to) {
      asked.add(to.toString());
      atWork.incrementAndGet();
      try {
        hold.await();
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      } finally {
        atWork.decrementAndGet();
      }
      return down.contains(to)
          ? new Probe.Failed("refused", Instant.EPOCH)
          : new Probe.Reached(Duration.ofMillis(2), Instant.EPOCH);
    }
  }

  private static Node node(String name, String... addresses) {
    return new Node(name, List.of(addresses).stream().map(IpAddress::parse).toList(), List.of());
  }

  /** Lets what is due happen until this is so: answers come from other threads. */
  private void until(java.util.function.BooleanSupplier condition) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      scheduler.runDue();
      assertTrue(System.nanoTime() < end, () -> "in time; asked " + answers.asked);
      Thread.onSpinWait();
    }
  }

  private List<String> rows(Reach reach) {
    return health.health().snapshot().stream()
        .filter(row -> row.value().reach() == reach)
        .map(Row::key)
        .map(NodeAddress::toString)
        .toList();
  }

  private void startWith(Node... nodes) throws Exception {
    for (Node node : nodes) {
      source.put(node.name(), node);
    }
    source.synced("source");
    health.start();
  }

  @AfterEach
  void stop() throws Exception {
    answers.hold.countDown();
    health.stop();
  }

  @Test
  void start_beforeTheSourceHasSpoken_probesNobody() throws Exception {
    source.put("b", node("b", "10.0.0.2"));
    health.start();
    scheduler.advance(Duration.ofHours(1));
    assertFalse(health.health().isInitialised());
    assertEquals(List.of(), answers.asked);
    source.synced("source");
    until(() -> rows(Reach.REACHABLE).size() == 2);
    assertTrue(health.health().isInitialised());
  }

  @Test
  void nodes_ofBothFamilies_areProbedAtTheFirstAddressOfEach() throws Exception {
    answers.down.add(IpAddress.parse("fd00::2"));
    startWith(
        node("b", "fd00::2", "10.0.0.2", "10.0.0.3"),
        node("c"),
        node("d", "0.0.0.0", "224.0.0.1", "10.0.0.4"));
    until(() -> rows(Reach.UNKNOWN).isEmpty() && health.health().snapshot().size() == 4);
    assertEquals(List.of("b 10.0.0.2", "d 10.0.0.4", "self 127.0.0.1"), rows(Reach.REACHABLE));
    assertEquals(List.of("b fd00::2"), rows(Reach.UNREACHABLE));
    assertEquals(1, health.unreachableNodes());
    assertEquals(3, health.counts().get(Reach.REACHABLE));
  }

  /** The pods' next hop is none of this machine's addresses before a datapath has put it there. */
  @Test
  void self_withoutAnAddressHere_isProbedOnceTheSourceKnowsOne() throws Exception {
    var hop =
        new NodeHealth(
            CONFIG,
            new ClusterNodes(source.table(), () -> node("self", "192.0.2.1")),
            scheduler,
            "test-probe-",
            answers);
    source.synced("source");
    hop.start();
    try {
      scheduler.advance(Duration.ofHours(1));
      assertEquals(0, hop.health().snapshot().size());
      source.put("self", node("self", "192.0.2.2"));
      until(() -> hop.unreachableNodes() == 0 && hop.health().snapshot().size() == 1);
    } finally {
      hop.stop();
    }
  }

  @Test
  void interval_ofManyAddresses_isDividedAmongThem() throws Exception {
    Node[] many =
        IntStream.range(2, 11).mapToObj(i -> node("n" + i, "10.0.0." + i)).toArray(Node[]::new);
    startWith(many);
    until(() -> rows(Reach.REACHABLE).size() == 10);
    // From now on by turns.
    scheduler.advance(health.interval());
    until(() -> answers.atWork.get() == 0 && answers.asked.size() >= 20);
    answers.asked.clear();
    Duration part = health.interval().dividedBy(10);
    Set<String> turns = new TreeSet<>();
    for (int i = 1; i <= 10; i++) {
      int wanted = i;
      scheduler.advance(part);
      until(() -> answers.asked.size() == wanted);
      turns.add(answers.asked.getLast());
    }
    assertEquals(10, turns.size(), "each had its turn: " + answers.asked);
  }

  @Test
  void nodes_comeAndGo_rowsFollow() throws Exception {
    startWith(node("b", "10.0.0.2"));
    until(() -> rows(Reach.REACHABLE).size() == 2);
    source.put("c", node("c", "10.0.0.3"));
    until(() -> rows(Reach.REACHABLE).contains("c 10.0.0.3"));
    source.remove("b");
    source.put("self", node("self", "10.0.0.9"));
    until(() -> rows(Reach.REACHABLE).equals(List.of("c 10.0.0.3", "self 10.0.0.9")));
  }

  @Test
  void node_goesWhileItIsProbed_leavesNoRow() throws Exception {
    answers.hold = new CountDownLatch(1);
    startWith(node("b", "10.0.0.2"));
    until(() -> answers.asked.size() == 2);
    source.remove("b");
    until(() -> health.health().snapshot().size() == 1);
    answers.hold.countDown();
    until(() -> rows(Reach.REACHABLE).equals(List.of("self 127.0.0.1")));
  }

  @Test
  void address_whoseProbeIsStillAtWork_isNotProbedASecondTime() throws Exception {
    answers.hold = new CountDownLatch(1);
    startWith();
    until(() -> answers.asked.size() == 1);
    scheduler.advance(Duration.ofHours(1));
    assertEquals(1, answers.asked.size());
    answers.hold.countDown();
    until(() -> rows(Reach.REACHABLE).size() == 1);
    scheduler.advance(health.interval());
    until(() -> answers.asked.size() == 2);
  }

  @Test
  void probes_thatDoNotEnd_areBoundedInNumber() throws Exception {
    answers.hold = new CountDownLatch(1);
    Node[] many =
        IntStream.range(2, 200).mapToObj(i -> node("n" + i, "10.0.0." + i)).toArray(Node[]::new);
    startWith(many);
    until(() -> answers.atWork.get() == 32);
    scheduler.advance(Duration.ofHours(1));
    assertEquals(32, answers.asked.size());
    answers.hold.countDown();
    until(() -> rows(Reach.REACHABLE).size() == 199);
  }
}
