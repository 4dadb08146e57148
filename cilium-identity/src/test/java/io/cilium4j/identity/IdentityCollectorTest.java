// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.MemoryClusterStore;
import io.cilium4j.conformance.MemoryClusterStore.Cluster;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.ManualScheduler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import org.junit.jupiter.api.Test;

class IdentityCollectorTest {
  private static final Duration INTERVAL = Duration.ofMinutes(15);
  private static final Labels A = Labels.parse("k8s:app=a");
  private static final Labels B = Labels.parse("k8s:app=b");

  private final ManualScheduler time = new ManualScheduler();
  private final Cluster cluster = new Cluster();
  private final ClusterStore store = cluster.open();
  private boolean isOver;

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(10));
  }

  private void start() {
    new IdentityCollector(
            store,
            new IdentityCollector.Config(0, INTERVAL, INTERVAL, 2_500),
            () -> Deadline.in(isOver ? Duration.ZERO : Duration.ofSeconds(2)),
            time)
        .start();
    time.runDue();
  }

  private IdentityBackend backend() {
    return backend(cluster.open());
  }

  private IdentityBackend backend(ClusterStore over) {
    return new ClusterIdentityBackendProvider()
        .open(new IdentityBackendProvider.Config(0, time, Map.of(), Optional.of(over)));
  }

  private void create(int number, Labels labels) {
    assertTrue(store.identities().create(new ClusterIdentity(number, labels), soon()).isPresent());
  }

  private void publish(Identity identity) {
    var endpoint =
        new PublishedEndpoint(
            "default",
            "pod-" + identity.id(),
            1,
            Optional.of(identity),
            List.of(),
            Optional.empty(),
            Map.of(),
            EndpointState.READY);
    assertTrue(store.endpoints().create(endpoint, soon()).isPresent());
  }

  private Optional<ClusterIdentity> read(int number) {
    return store.identities().read(Integer.toString(number)).map(Stored::value);
  }

  @Test
  void round_nobodyNamesIt_isMarkedThenDeleted() {
    create(1_000, A);
    create(1_001, B);
    publish(new Identity(1_001, B));
    start();
    assertFalse(read(1_000).orElseThrow().unused());
    time.advance(INTERVAL);
    assertTrue(read(1_000).orElseThrow().unused());
    time.advance(INTERVAL);
    assertEquals(Optional.empty(), read(1_000));
    time.advance(INTERVAL.multipliedBy(5));
    assertFalse(read(1_001).orElseThrow().unused());
  }

  @Test
  void round_aNodeHoldsItWithoutAnEndpoint_stays() {
    try (IdentityBackend node = backend()) {
      Identity identity = node.allocate(A);
      start();
      time.advance(INTERVAL.multipliedBy(10));
      assertEquals(identity, read(identity.id()).orElseThrow().identity());
      node.release(identity.id());
      time.advance(INTERVAL.multipliedBy(4));
      assertEquals(Optional.empty(), read(identity.id()));
    }
  }

  @Test
  void round_markedAndNamedAgain_theMarkGoes() {
    create(1_000, A);
    start();
    time.advance(INTERVAL);
    publish(new Identity(1_000, A));
    time.advance(INTERVAL);
    assertFalse(read(1_000).orElseThrow().unused());
  }

  @Test
  void round_markOfAnEarlierTerm_isNotTakenForOwn() {
    assertTrue(store.identities().create(new ClusterIdentity(1_000, A, true), soon()).isPresent());
    start();
    time.advance(INTERVAL);
    assertTrue(read(1_000).isPresent());
    time.advance(INTERVAL);
    assertEquals(Optional.empty(), read(1_000));
  }

  @Test
  void round_standsBeforeAnotherInItsSequence_stays() {
    // With the first gone a node that looks for A would end its search there, and make a second.
    NumberSequence sequence = NumberSequence.of(A, 0);
    create(sequence.at(0), B);
    create(sequence.at(1), A);
    publish(new Identity(sequence.at(1), A));
    start();
    time.advance(INTERVAL.multipliedBy(5));
    assertTrue(read(sequence.at(0)).isPresent());
  }

  @Test
  void round_termIsOver_nothingIsWritten() {
    create(1_000, A);
    start();
    isOver = true;
    time.advance(INTERVAL.multipliedBy(5));
    assertFalse(read(1_000).orElseThrow().unused());
  }

  @Test
  void config_shorterThanASearch_isRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> new IdentityCollector.Config(0, Duration.ofSeconds(59), INTERVAL, 1));
  }

  /**
   * Nodes with tables that lag take numbers, give them back, publish and end, while the operator
   * collects. No two of them ever use two numbers for the same labels, or one number for two.
   */
  @Property(tries = 30, shrinking = ShrinkingMode.OFF)
  void allocate_whileTheOperatorCollects_numbersStayApart(@ForAll long seed) {
    new IdentityCollectorTest().play(new Random(seed));
  }

  private record Node(
      MemoryClusterStore store, IdentityBackend backend, Map<Labels, Identity> used) {}

  private void play(Random random) {
    var nodes = new ArrayList<Node>();
    for (int i = 0; i < 3; i++) {
      MemoryClusterStore mine = cluster.open();
      nodes.add(new Node(mine, backend(mine), new HashMap<>()));
    }
    start();
    // Tables lag for seconds, not for as long as a mark takes; so they do around a round alone.
    Duration around = Duration.ofSeconds(1);
    boolean isBeforeRound = false;
    for (int step = 0; step < 400; step++) {
      Node node = nodes.get(random.nextInt(nodes.size()));
      int app = random.nextInt(4);
      Labels labels = Labels.parse("k8s:app=app-" + app);
      switch (random.nextInt(8)) {
        case 0, 1 -> node.used().put(labels, node.backend().allocate(labels));
        case 2, 3 -> give(node, labels);
        case 4 -> node.store().setLagging(random.nextBoolean());
        case 5 -> time.runDue();
        case 6 -> crowd(labels, app);
        default -> {
          if (!isBeforeRound) {
            nodes.forEach(each -> each.store().setLagging(false));
          }
          time.advance(isBeforeRound ? around : INTERVAL.minus(around));
          isBeforeRound = !isBeforeRound;
        }
      }
      check(nodes);
    }
  }

  /** Back, as often as it was taken. */
  private static void give(Node node, Labels labels) {
    Identity identity = node.used().remove(labels);
    for (int i = 0; identity != null && i < 400; i++) {
      node.backend().release(identity.id());
    }
  }

  /** A stranger takes the first number of a sequence, so that searches go on from there. */
  private void crowd(Labels labels, int app) {
    NumberSequence sequence = NumberSequence.of(labels, 0);
    var stranger = new ClusterIdentity(sequence.at(0), Labels.parse("k8s:stranger=" + app));
    var _ = store.identities().create(stranger, soon());
  }

  private static void check(List<Node> nodes) {
    var numbers = new HashMap<Labels, Integer>();
    var labels = new HashMap<Integer, Labels>();
    for (Node node : nodes) {
      node.used()
          .values()
          .forEach(identity -> {
            Integer other = numbers.put(identity.labels(), identity.id());
            assertTrue(other == null || other == identity.id(), identity + " and " + other);
            Labels others = labels.put(identity.id(), identity.labels());
            assertTrue(
                others == null || others.equals(identity.labels()), identity + ", " + others);
          });
    }
  }
}
