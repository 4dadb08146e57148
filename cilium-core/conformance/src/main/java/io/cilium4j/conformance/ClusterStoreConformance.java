// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.cluster.Lease;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.spi.ClusterStoreProvider;
import io.cilium4j.core.state.Deadline;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every {@link ClusterStore} must do. */
public abstract class ClusterStoreConformance {

  private static final ClusterNode NODE =
      new ClusterNode(
          "node-1",
          List.of(
              new Address(AddressType.INTERNAL_IP, IpAddress.parse("192.0.2.1")),
              new Address(AddressType.EXTERNAL_IP, IpAddress.parse("198.51.100.1")),
              new Address(AddressType.CILIUM_INTERNAL_IP, IpAddress.parse("fd00:1::1"))),
          List.of(IpAddress.parse("10.1.0.9"), IpAddress.parse("fd00:1::9")),
          List.of(IpPrefix.parse("10.1.0.0/24"), IpPrefix.parse("fd00:1::/112")),
          Map.of(
              "blue",
              new NodePool(
                  8,
                  16,
                  List.of(IpPrefix.parse("10.9.1.0/28"), IpPrefix.parse("fd00:9::/124")),
                  true,
                  false),
              "only-asked-for",
              new NodePool(0, 1, List.of(), false, false),
              "only-had",
              NodePool.of(List.of(IpPrefix.parse("10.9.2.0/28")))),
          Map.of("topology.kubernetes.io/zone", "a", "disk", ""),
          "5c4a9d2e-boot",
          "");

  private static final PublishedEndpoint ENDPOINT =
      new PublishedEndpoint(
          "fleet",
          "x-wing.1",
          4711,
          Optional.of(new Identity(1234, Labels.parse("k8s:org=alliance", "k8s:empty="))),
          List.of(IpAddress.parse("10.1.0.7"), IpAddress.parse("fd00:1::7")),
          Optional.of(IpAddress.parse("192.0.2.1")),
          Map.of("web", new Endpoint.NamedPort(6, 8080), "dns", new Endpoint.NamedPort(17, 53)),
          EndpointState.READY,
          new PublishedEndpoint.Details(
              true, false, "pilot", Map.of("container-id", "c1", "k8s-pod-name", "x-wing.1")));

  private static final ClusterIdentity IDENTITY =
      new ClusterIdentity(
          4711, Labels.parse("k8s:org=empire", "k8s:io.cilium/a:b=c=d", "container:empty="));

  private static final Lease LEASE =
      new Lease(
          "cilium-operator",
          "operator-1",
          Duration.ofSeconds(15),
          3,
          Instant.parse("2026-01-02T03:04:05.000006Z"),
          Instant.parse("2026-01-02T03:05:06.700000Z"));

  private static final PodIpPool POOL =
      new PodIpPool(
          "blue.1",
          Optional.of(
              new PodIpPool.Blocks(
                  List.of(IpPrefix.parse("10.9.0.0/16"), IpPrefix.parse("10.8.0.0/24")), 28)),
          Optional.of(new PodIpPool.Blocks(List.of(IpPrefix.parse("fd00:9::/104")), 124)),
          true,
          false);

  private ClusterStore store;
  private ClusterStore other;

  /** A store of the test's one cluster, which is empty at first; called several times. */
  protected abstract ClusterStore open();

  /** What opens the store, as {@link java.util.ServiceLoader} makes that. */
  protected abstract ClusterStoreProvider provider();

  /** For the implementation's test class. */
  protected ClusterStoreConformance() {}

  /** The time that a write has here. */
  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(10));
  }

  @BeforeEach
  void openStores() {
    store = open();
    other = open();
  }

  @AfterEach
  void closeStores() {
    store.close();
    other.close();
  }

  @Test
  void serviceLoader_nameOfTheStore_findsIt() {
    Discovery.assertFound(
        ServiceLoader.load(ClusterStoreProvider.class), ClusterStoreProvider::name, provider());
    assertEquals(provider().name(), store.name());
  }

  @Test
  void close_twice_isNoError() {
    store.close();
  }

  // ---- every kind ----

  @Test
  void create_eachKind_isReadBackAsItWas() {
    assertRoundTrip(store.nodes(), other.nodes(), NODE);
    assertRoundTrip(store.endpoints(), other.endpoints(), ENDPOINT);
    assertRoundTrip(store.identities(), other.identities(), IDENTITY);
    assertRoundTrip(store.leases(), other.leases(), LEASE);
    assertRoundTrip(store.pools(), other.pools(), POOL);
    assertEquals(List.of(), store.problems().snapshot().stream().toList());
  }

  private static <T extends io.cilium4j.core.cluster.ClusterObject> void assertRoundTrip(
      ClusterStore.Objects<T> mine, ClusterStore.Objects<T> others, T value) {
    Stored<T> created = mine.create(value, soon()).orElseThrow();
    assertEquals(value, created.value());
    assertEquals(
        Optional.of(created), mine.table().get(value.key()), "own writes are in the table");
    assertEquals(Optional.of(created), others.read(value.key()));
    assertEquals(List.of(created), others.list());
    Await.until(
        others.table(),
        "the other's table has it",
        rows -> rows.get(value.key()).filter(created::equals).isPresent());
  }

  @Test
  void create_littleIsKnown_isReadBackAsItWas() {
    var node = new ClusterNode("bare", List.of(), List.of());
    var endpoint =
        new PublishedEndpoint(
            "default",
            "bare",
            0,
            Optional.empty(),
            List.of(),
            Optional.empty(),
            Map.of(),
            EndpointState.WAITING_FOR_IDENTITY);
    var pool =
        new PodIpPool(
            "bare",
            Optional.empty(),
            Optional.of(new PodIpPool.Blocks(List.of(IpPrefix.parse("fd00::/64")), 80)),
            false,
            false);
    assertEquals(pool, store.pools().create(pool, soon()).orElseThrow().value());
    assertEquals(pool, other.pools().read("bare").orElseThrow().value());
    assertEquals(node, store.nodes().create(node, soon()).orElseThrow().value());
    assertEquals(node, other.nodes().read("bare").orElseThrow().value());
    assertEquals(endpoint, store.endpoints().create(endpoint, soon()).orElseThrow().value());
    assertEquals(endpoint, other.endpoints().read("default/bare").orElseThrow().value());
  }

  @Test
  void create_longestNames_areApart() {
    String stem = "n".repeat(252);
    for (String last : new String[] {"1", "2"}) {
      var node = new ClusterNode(stem + last, List.of(), List.of());
      assertTrue(store.nodes().create(node, soon()).isPresent());
    }
    assertEquals(2, other.nodes().list().size());
  }

  @Test
  void endpoints_ofNamespacesThatLookAlike_areApart() {
    for (String[] name : new String[][] {{"a", "b.c"}, {"a-b", "c"}, {"a", "b-c"}}) {
      var endpoint =
          new PublishedEndpoint(
              name[0],
              name[1],
              1,
              Optional.empty(),
              List.of(),
              Optional.empty(),
              Map.of(),
              EndpointState.READY);
      assertTrue(store.endpoints().create(endpoint, soon()).isPresent(), endpoint.key());
    }
    assertEquals(3, other.endpoints().list().size());
  }

  // ---- create, replace, delete ----

  @Test
  void create_oneExists_isRefused() {
    var _ = store.identities().create(IDENTITY, soon()).orElseThrow();
    var rival = new ClusterIdentity(IDENTITY.number(), Labels.parse("k8s:other=1"));
    assertEquals(Optional.empty(), other.identities().create(rival, soon()));
    assertEquals(IDENTITY, other.identities().read(IDENTITY.key()).orElseThrow().value());
  }

  @Test
  void create_manyAtOnce_oneWins() throws Exception {
    for (int round = 0; round < 20; round++) {
      int number = 300 + round;
      List<Optional<Stored<ClusterIdentity>>> answers =
          atOnce(
              8,
              i ->
                  (i % 2 == 0 ? store : other)
                      .identities()
                      .create(new ClusterIdentity(number, Labels.parse("k8s:by=" + i)), soon()));
      List<Stored<ClusterIdentity>> winners = answers.stream().flatMap(Optional::stream).toList();
      assertEquals(1, winners.size());
      assertEquals(
          Optional.of(winners.getFirst()), store.identities().read(Integer.toString(number)));
    }
  }

  @Test
  void replace_latestVersion_isDoneAndGivesAnotherVersion() {
    Stored<ClusterNode> created = store.nodes().create(NODE, soon()).orElseThrow();
    ClusterNode changed = NODE.withPodCidrs(List.of(IpPrefix.parse("10.2.0.0/24")));
    Stored<ClusterNode> replaced = other.nodes().replace(created, changed, soon()).orElseThrow();
    assertEquals(changed, replaced.value());
    assertNotEquals(created.version(), replaced.version());
    Await.until(
        store.nodes().table(),
        "the new row",
        rows -> rows.get("node-1").filter(replaced::equals).isPresent());
  }

  @Test
  void replace_poolsOfNode_areWhatWasWritten() {
    Stored<ClusterNode> created = store.nodes().create(NODE, soon()).orElseThrow();
    ClusterNode less =
        NODE.withPools(Map.of("blue", NodePool.of(List.of(IpPrefix.parse("10.9.7.0/28")))));
    Stored<ClusterNode> replaced = other.nodes().replace(created, less, soon()).orElseThrow();
    assertEquals(less, replaced.value());
    ClusterNode none = NODE.withPools(Map.of());
    assertEquals(none, store.nodes().replace(replaced, none, soon()).orElseThrow().value());
    assertEquals(none, other.nodes().read("node-1").orElseThrow().value());
  }

  @Test
  void replace_bySameValue_givesAnotherVersion() {
    Stored<Lease> created = store.leases().create(LEASE, soon()).orElseThrow();
    Stored<Lease> again = store.leases().replace(created, LEASE, soon()).orElseThrow();
    assertNotEquals(created.version(), again.version());
  }

  @Test
  void replace_olderVersion_isRefused() {
    Stored<ClusterNode> created = store.nodes().create(NODE, soon()).orElseThrow();
    ClusterNode changed = NODE.withPodCidrs(List.of());
    var _ = store.nodes().replace(created, changed, soon()).orElseThrow();
    assertEquals(Optional.empty(), other.nodes().replace(created, NODE, soon()));
    assertEquals(changed, other.nodes().read("node-1").orElseThrow().value());
  }

  @Test
  void replace_gone_isRefused() {
    Stored<ClusterNode> created = store.nodes().create(NODE, soon()).orElseThrow();
    assertTrue(other.nodes().delete(created, soon()));
    assertEquals(Optional.empty(), store.nodes().replace(created, NODE, soon()));
    assertEquals(Optional.empty(), other.nodes().read("node-1"));
  }

  @Test
  void replace_anotherKey_isAnError() {
    Stored<ClusterNode> created = store.nodes().create(NODE, soon()).orElseThrow();
    var another = new ClusterNode("node-2", List.of(), List.of());
    assertThrows(
        IllegalArgumentException.class, () -> store.nodes().replace(created, another, soon()));
  }

  @Test
  void replace_manyAtOnce_noneIsLost() throws Exception {
    var _ = store.leases().create(LEASE, soon()).orElseThrow();
    int rounds = 25;
    List<Integer> done =
        atOnce(
            4,
            i -> {
              ClusterStore.Objects<Lease> leases = (i % 2 == 0 ? store : other).leases();
              for (int n = 0; n < rounds; ) {
                Stored<Lease> before = leases.read(LEASE.key()).orElseThrow();
                Lease value = before.value();
                var counted =
                    new Lease(
                        value.name(),
                        value.holder(),
                        value.duration(),
                        value.transitions() + 1,
                        value.acquired(),
                        value.renewed());
                n += leases.replace(before, counted, soon()).isPresent() ? 1 : 0;
              }
              return rounds;
            });
    assertEquals(4, done.size());
    assertEquals(
        LEASE.transitions() + 4 * rounds,
        store.leases().read(LEASE.key()).orElseThrow().value().transitions());
  }

  @Test
  void delete_latestVersion_isGoneEverywhere() {
    Stored<PublishedEndpoint> created = store.endpoints().create(ENDPOINT, soon()).orElseThrow();
    Await.until(other.endpoints().table(), "a row", rows -> rows.contains(ENDPOINT.key()));
    assertTrue(store.endpoints().delete(created, soon()));
    assertFalse(store.endpoints().table().snapshot().contains(ENDPOINT.key()));
    assertEquals(Optional.empty(), other.endpoints().read(ENDPOINT.key()));
    assertFalse(store.endpoints().delete(created, soon()));
    Await.until(other.endpoints().table(), "no row", rows -> !rows.contains(ENDPOINT.key()));
  }

  @Test
  void delete_olderVersion_isRefused() {
    Stored<ClusterIdentity> created = store.identities().create(IDENTITY, soon()).orElseThrow();
    var _ = other.identities().replace(created, IDENTITY.withUnused(true), soon()).orElseThrow();
    assertFalse(store.identities().delete(created, soon()));
    assertTrue(store.identities().read(IDENTITY.key()).orElseThrow().value().unused());
  }

  @Test
  void create_afterADeletion_hasAVersionThatNeverWas() {
    Set<String> versions = new HashSet<>();
    for (int i = 0; i < 5; i++) {
      Stored<ClusterIdentity> created = store.identities().create(IDENTITY, soon()).orElseThrow();
      assertTrue(versions.add(created.version()));
      assertTrue(store.identities().delete(created, soon()));
    }
  }

  // ---- status ----

  @Test
  void patchStatus_ofANode_leavesTheRest() {
    Stored<ClusterNode> created = store.nodes().create(NODE, soon()).orElseThrow();
    var status = new ClusterNode("node-1", List.of(), List.of()).withAllocationError("none left");
    Stored<ClusterNode> patched = other.nodes().patchStatus(status, soon()).orElseThrow();
    assertEquals(NODE.withAllocationError("none left"), patched.value());
    assertNotEquals(created.version(), patched.version());
  }

  @Test
  void patchStatus_ofAnEndpoint_writesAllOfIt() {
    var _ = store.endpoints().create(ENDPOINT, soon()).orElseThrow();
    var moved =
        new PublishedEndpoint(
            ENDPOINT.namespace(),
            ENDPOINT.name(),
            5,
            Optional.empty(),
            List.of(IpAddress.parse("10.2.0.7")),
            Optional.of(IpAddress.parse("192.0.2.2")),
            Map.of(),
            EndpointState.NOT_READY);
    assertEquals(moved, other.endpoints().patchStatus(moved, soon()).orElseThrow().value());
    assertEquals(moved, store.endpoints().read(ENDPOINT.key()).orElseThrow().value());
  }

  @Test
  void patchStatus_ofWhatIsNotThere_createsNothing() {
    assertEquals(Optional.empty(), store.endpoints().patchStatus(ENDPOINT, soon()));
    assertEquals(List.of(), other.endpoints().list());
  }

  // ---- time ----

  @Test
  void write_timeIsOver_isNeverCarriedOut() {
    Stored<ClusterNode> created = store.nodes().create(NODE, soon()).orElseThrow();
    var late = new ClusterNode("late", List.of(), List.of());
    assertThrows(
        ClusterStoreException.class, () -> store.nodes().create(late, Deadline.in(Duration.ZERO)));
    assertThrows(
        ClusterStoreException.class,
        () ->
            store
                .nodes()
                .replace(created, NODE.withPodCidrs(List.of()), Deadline.in(Duration.ZERO)));
    assertThrows(
        ClusterStoreException.class,
        () -> store.nodes().delete(created, Deadline.in(Duration.ZERO)));
    assertEquals(List.of(created), other.nodes().list());
  }

  // ---- tables ----

  @Test
  void table_objectsExist_areThereOnceInitialised() {
    var _ = store.nodes().create(NODE, soon()).orElseThrow();
    var _ = store.endpoints().create(ENDPOINT, soon()).orElseThrow();
    try (ClusterStore late = open()) {
      Await.initialised(late.nodes().table());
      Await.initialised(late.endpoints().table());
      Await.initialised(late.identities().table());
      Await.initialised(late.leases().table());
      assertTrue(late.nodes().table().snapshot().contains("node-1"));
      assertTrue(late.endpoints().table().snapshot().contains(ENDPOINT.key()));
      assertEquals(0, late.identities().table().snapshot().size());
    }
  }

  @Test
  void table_manyChangesOfOthers_endsLikeTheStore() {
    for (int i = 0; i < 200; i++) {
      store.identities().create(new ClusterIdentity(256 + i, Labels.parse("k8s:n=" + i)), soon());
    }
    for (Stored<ClusterIdentity> each : store.identities().list()) {
      if (each.value().number() % 3 == 0) {
        store.identities().delete(each, soon());
      } else if (each.value().number() % 3 == 1) {
        store.identities().replace(each, each.value().withUnused(true), soon());
      }
    }
    List<Stored<ClusterIdentity>> all = store.identities().list();
    Await.until(
        other.identities().table(),
        "what the store has",
        rows ->
            rows.size() == all.size()
                && all.stream()
                    .allMatch(
                        each -> rows.get(each.value().key()).filter(each::equals).isPresent()));
  }

  /** Something that several do at once. */
  private interface Job<R> {
    R run(int number) throws Exception;
  }

  private static <R> List<R> atOnce(int many, Job<R> job)
      throws InterruptedException, ExecutionException {
    try (ExecutorService threads = Executors.newFixedThreadPool(many)) {
      List<Callable<R>> jobs = new ArrayList<>();
      for (int i = 0; i < many; i++) {
        int number = i;
        jobs.add(() -> job.run(number));
      }
      List<R> answers = new ArrayList<>();
      for (Future<R> answer : threads.invokeAll(jobs)) {
        answers.add(answer.get());
      }
      return answers;
    }
  }
}
