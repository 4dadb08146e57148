// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.MemoryClusterStore;
import io.cilium4j.conformance.MemoryClusterStore.Cluster;
import io.cilium4j.conformance.MemoryClusterStore.Faults;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.spi.IdentityException;
import io.cilium4j.core.state.Database;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.ManualScheduler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class ClusterIdentityBackendTest {

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(10));
  }

  private static final Labels A = Labels.parse("k8s:app=a");
  private static final Labels B = Labels.parse("k8s:app=b");

  private final ManualScheduler time = new ManualScheduler();
  private final Cluster cluster = new Cluster();

  private IdentityBackend open(ClusterStore store) {
    return new ClusterIdentityBackendProvider()
        .open(new IdentityBackendProvider.Config(0, time, Map.of(), Optional.of(store)));
  }

  private IdentityBackend open() {
    return open(cluster.open());
  }

  // ---- numbers ----

  @Test
  void at_anyLabelsAndCluster_givesEachNumberOnce() {
    for (int clusterId : new int[] {0, 1, 255}) {
      for (Labels labels : List.of(A, B, Labels.parse("k8s:x=1", "container:y"))) {
        NumberSequence sequence = NumberSequence.of(labels, clusterId);
        var numbers = new HashSet<Integer>();
        for (int i = 0; i < sequence.size(); i++) {
          int number = sequence.at(i);
          assertTrue(NumberSequence.isOf(clusterId, number), "number " + number);
          assertTrue(numbers.add(number), "number " + number + " comes twice");
        }
      }
    }
  }

  @Test
  void at_knownLabels_staysAsItWas() {
    // The cluster's nodes may run different versions: the order is not ours to change.
    NumberSequence sequence = NumberSequence.of(A, 0);
    assertEquals(List.of(1988, 6225), List.of(sequence.at(0), sequence.at(1)));
  }

  // ---- two nodes ----

  @Test
  void allocate_twoNodes_haveTheSameNumbers() {
    try (IdentityBackend one = open();
        IdentityBackend other = open()) {
      Identity identity = one.allocate(A);
      assertEquals(identity, other.allocate(A));
      assertNotEquals(identity.id(), other.allocate(B).id());
      time.runDue();
      assertEquals(Optional.of(identity), other.identities().get(identity.id()));
      assertEquals(2, one.identities().snapshot().size());
    }
  }

  @Test
  void allocate_otherNodesTableLags_stillTheSameNumber() {
    MemoryClusterStore lagging = cluster.open();
    try (IdentityBackend one = open();
        IdentityBackend other = open(lagging)) {
      lagging.setLagging(true);
      assertEquals(one.allocate(A), other.allocate(A));
    }
  }

  @Test
  void identities_ofOtherNodes_areInTheNodesOwnTable() {
    try (IdentityBackend one = open();
        IdentityBackend other = open();
        var node = new IdentityAllocator(new Database(), other, time)) {
      Identity identity = one.allocate(A);
      time.runDue();
      assertEquals(Optional.of(identity), node.identities().get(identity.id()));
      assertEquals(identity, node.allocate(A));
      node.release(identity.id());
      time.runDue();
      assertTrue(node.identities().snapshot().contains(identity.id()), "the other uses it");
    }
  }

  @Test
  void allocate_firstNumberIsTaken_takesTheNext() {
    NumberSequence sequence = NumberSequence.of(A, 0);
    ClusterStore store = cluster.open();
    var taken = new ClusterIdentity(sequence.at(0), B);
    assertTrue(store.identities().create(taken, soon()).isPresent());
    try (IdentityBackend one = open();
        IdentityBackend other = open()) {
      assertEquals(sequence.at(1), one.allocate(A).id());
      assertEquals(sequence.at(1), other.allocate(A).id());
      // Whoever asks for B finds it by its labels, though it is not where B begins.
      assertEquals(sequence.at(0), other.allocate(B).id());
    }
  }

  @Test
  void allocate_manyNodesAtOnce_agreeOnEveryNumber() throws Exception {
    int nodes = 4;
    var labels = new ArrayList<Labels>();
    for (int i = 0; i < 2_000; i++) {
      labels.add(Labels.parse("k8s:app=app-" + i, "k8s:io.kubernetes.pod.namespace=x"));
    }
    try (ExecutorService threads = Executors.newFixedThreadPool(nodes)) {
      List<Callable<Map<Labels, Integer>>> jobs = new ArrayList<>();
      for (int node = 0; node < nodes; node++) {
        var mine = new ArrayList<>(labels);
        Collections.shuffle(mine, new Random(node));
        IdentityBackend backend = open();
        jobs.add(() -> {
          var numbers = new HashMap<Labels, Integer>();
          mine.forEach(each -> numbers.put(each, backend.allocate(each).id()));
          return numbers;
        });
      }
      var answers = new HashSet<Map<Labels, Integer>>();
      for (Future<Map<Labels, Integer>> answer : threads.invokeAll(jobs)) {
        answers.add(answer.get());
      }
      assertEquals(1, answers.size(), "all nodes have the same numbers");
      Map<Labels, Integer> numbers = answers.iterator().next();
      assertEquals(labels.size(), new HashSet<>(numbers.values()).size());
    }
  }

  // ---- what is held stays ----

  @Test
  void follow_heldNumberIsDeleted_isCreatedAgain() {
    ClusterStore store = cluster.open();
    try (IdentityBackend one = open()) {
      Identity identity = one.allocate(A);
      time.runDue();
      Stored<ClusterIdentity> stored =
          store.identities().read(Integer.toString(identity.id())).orElseThrow();
      assertTrue(store.identities().delete(stored, soon()));
      time.runDue();
      assertEquals(
          identity,
          store
              .identities()
              .read(Integer.toString(identity.id()))
              .orElseThrow()
              .value()
              .identity());
      assertEquals(Optional.of(identity), one.identities().get(identity.id()));
    }
  }

  @Test
  void follow_heldNumberIsMarkedUnused_theMarkGoes() {
    ClusterStore store = cluster.open();
    try (IdentityBackend one = open()) {
      int number = one.allocate(A).id();
      mark(store, number);
      time.runDue();
      assertFalse(read(store, number).unused());
    }
  }

  @Test
  void allocate_markedNumber_theMarkGoes() {
    ClusterStore store = cluster.open();
    try (IdentityBackend one = open();
        IdentityBackend other = open()) {
      int number = one.allocate(A).id();
      one.release(number);
      mark(store, number);
      assertEquals(number, other.allocate(A).id());
      assertFalse(read(store, number).unused());
    }
  }

  @Test
  void allocate_passesByAMarkedNumber_theMarkGoes() {
    // Deleted, it would let the next node with these labels end its search too early.
    NumberSequence sequence = NumberSequence.of(A, 0);
    ClusterStore store = cluster.open();
    assertTrue(
        store
            .identities()
            .create(new ClusterIdentity(sequence.at(0), B, true), soon())
            .isPresent());
    try (IdentityBackend one = open()) {
      assertEquals(sequence.at(1), one.allocate(A).id());
      assertFalse(read(store, sequence.at(0)).unused());
    }
  }

  private static void mark(ClusterStore store, int number) {
    Stored<ClusterIdentity> stored =
        store.identities().read(Integer.toString(number)).orElseThrow();
    assertTrue(
        store.identities().replace(stored, stored.value().withUnused(true), soon()).isPresent());
  }

  private static ClusterIdentity read(ClusterStore store, int number) {
    return store.identities().read(Integer.toString(number)).orElseThrow().value();
  }

  @Test
  void release_lastReference_leavesTheObjectToTheOperator() {
    ClusterStore store = cluster.open();
    try (IdentityBackend one = open()) {
      Identity identity = one.allocate(A);
      one.release(identity.id());
      time.runDue();
      assertEquals(identity, read(store, identity.id()).identity());
      assertTrue(one.identities().snapshot().contains(identity.id()));
      Stored<ClusterIdentity> stored =
          store.identities().read(Integer.toString(identity.id())).orElseThrow();
      assertTrue(store.identities().delete(stored, soon()));
      time.runDue();
      assertFalse(one.identities().snapshot().contains(identity.id()));
    }
  }

  // ---- when the store is away ----

  private static final class Away implements Faults {
    private final AtomicBoolean isAway = new AtomicBoolean();

    @Override
    public void write(Deadline deadline, Runnable write) {
      read();
      write.run();
    }

    @Override
    public void read() {
      if (isAway.get()) {
        throw new ClusterStoreException("cluster store: away");
      }
    }
  }

  @Test
  void allocate_storeAway_isOneLineUnlessHeld() {
    var away = new Away();
    try (IdentityBackend one = open(cluster.open(away))) {
      Identity identity = one.allocate(A);
      away.isAway.set(true);
      assertEquals(identity, one.allocate(A));
      var refusal = assertThrows(IdentityException.class, () -> one.allocate(B));
      assertEquals("no identity for [k8s:app=b]: cluster store: away", refusal.getMessage());
      away.isAway.set(false);
      assertNotEquals(identity, one.allocate(B));
    }
  }

  @Test
  void restore_storeAway_isSeenToOnceItIsThere() {
    var away = new Away();
    ClusterStore store = cluster.open();
    away.isAway.set(true);
    var former = new Identity(4711, A);
    try (IdentityBackend one = open(cluster.open(away))) {
      assertEquals(former, one.restore(former));
      assertEquals(former, one.allocate(A));
      time.advance(Duration.ofSeconds(10));
      assertEquals(List.of(), store.identities().list());
      away.isAway.set(false);
      time.advance(Duration.ofSeconds(10));
      assertEquals(former, read(store, 4711).identity());
    }
  }

  @Test
  void restore_labelsHaveANumberInTheStore_keepThat() {
    try (IdentityBackend one = open();
        IdentityBackend other = open()) {
      Identity identity = one.allocate(A);
      int another = identity.id() == 300 ? 301 : 300;
      assertEquals(identity, other.restore(new Identity(another, A)));
    }
  }

  // ---- the limit ----

  @Test
  void allocate_everyNumberIsTaken_saysWhichLabelHasTooManyValues() {
    MemoryClusterStore store = cluster.open();
    Label app = Label.k8s("app", "x");
    for (int n = Identity.MIN_CLUSTER_WIDE; n <= Identity.MAX_CLUSTER_WIDE; n++) {
      var identity =
          new ClusterIdentity(n, Labels.of(app, Label.k8s("pod-template-hash", "v" + n)));
      assertTrue(store.identities().create(identity, soon()).isPresent());
    }
    try (IdentityBackend one = open()) {
      var refusal = assertThrows(IdentityException.class, () -> one.allocate(A));
      assertEquals(
          "no identity for [k8s:app=a]: "
              + "no number free: label k8s:pod-template-hash has 65280 values",
          refusal.getMessage());
      Stored<ClusterIdentity> some = store.identities().read("4711").orElseThrow();
      assertTrue(store.identities().delete(some, soon()));
      assertEquals(4711, one.allocate(A).id());
    }
  }

  @Test
  void open_noStoreOrOptions_isRefused() {
    var provider = new ClusterIdentityBackendProvider();
    assertThrows(
        IdentityException.class,
        () -> provider.open(new IdentityBackendProvider.Config(0, time, Map.of())));
    assertThrows(
        IdentityException.class,
        () ->
            provider.open(
                new IdentityBackendProvider.Config(
                    0, time, Map.of("x", "1"), Optional.of(cluster.open()))));
  }
}
