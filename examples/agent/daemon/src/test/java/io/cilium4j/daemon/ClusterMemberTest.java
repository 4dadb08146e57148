// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.ApiClient;
import io.cilium4j.api.ApiException;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreProvider;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Watch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The daemon as a member of a cluster that is a folder. */
class ClusterMemberTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final List<IpPrefix> CIDRS =
      List.of(IpPrefix.parse("10.98.0.0/24"), IpPrefix.parse("fd98::/112"));

  @TempDir private Path folder;
  private Path cluster;

  @BeforeEach
  void makeCluster() throws IOException {
    cluster = Files.createDirectory(folder.resolve("cluster"));
  }

  private DaemonSettings settings(String... more) {
    List<String> flags =
        new ArrayList<>(
            List.of(
                "--instance=member",
                "--datapath=memory",
                "--routing-mode=native",
                "--cluster-store=" + cluster,
                "--node-name=node-1",
                "--ipv4-node=192.0.2.1",
                "--ipv6-node=2001:db8::1",
                "--identity-allocation-mode=crd",
                "--enable-health-checking=false",
                "--state-dir=" + folder.resolve("state"),
                "--socket-path=" + folder.resolve("api.sock"),
                "--monitor-socket=" + folder.resolve("monitor.sock")));
    flags.addAll(List.of(more));
    return DaemonSettings.read(flags, Map.of());
  }

  private ClusterStore open() {
    return ServiceLoader.load(ClusterStoreProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.name().equals("directory"))
        .findFirst()
        .orElseThrow()
        .open(Map.of("path", cluster.toString()));
  }

  private static Stored<ClusterNode> await(ClusterStore store, Predicate<ClusterNode> what)
      throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    try (Watch<String, Stored<ClusterNode>> watch = store.nodes().table().watch()) {
      while (true) {
        Optional<Stored<ClusterNode>> node =
            watch.take(Duration.ofNanos(end - System.nanoTime())).snapshot().get("node-1");
        if (node.filter(stored -> what.test(stored.value())).isPresent()) {
          return node.get();
        }
        assertTrue(System.nanoTime() < end, () -> "not in time: " + node);
      }
    }
  }

  private ApiClient client() {
    return new ApiClient(folder.resolve("api.sock"), PATIENCE);
  }

  private String state() throws IOException {
    StatusResponse status = client().get("/healthz", StatusResponse.class);
    return status.cilium() == null ? "" : status.cilium().state() + " " + status.cilium().msg();
  }

  /** The first answer: the socket is there a moment before anybody listens. */
  private String firstState() throws IOException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      try {
        return state();
      } catch (ApiException e) {
        assertTrue(System.nanoTime() < end, String.valueOf(e.getMessage()));
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void start_noCidrYet_saysSoAndStartsOnceItComes() throws Exception {
    try (ClusterStore store = open()) {
      CompletableFuture<Daemon> starting =
          CompletableFuture.supplyAsync(() -> {
            try {
              return Daemon.start(settings());
            } catch (IOException e) {
              throw new IllegalStateException(e);
            }
          });
      Stored<ClusterNode> node = await(store, _ -> true);
      assertEquals(
          Optional.of(IpAddress.parse("192.0.2.1")),
          node.value().address(AddressType.INTERNAL_IP, IpFamily.IPV4));
      assertEquals(List.of(), node.value().podCidrs());
      String waiting = firstState();
      assertTrue(waiting.startsWith("Warning "), waiting);
      assertTrue(
          waiting.endsWith(" node node-1 waits for its pod CIDR (IPv4, IPv6) from the operator"),
          waiting);
      var refused = client().call("POST", "/ipam", Map.of(), null);
      assertEquals(503, refused.status());

      ClusterNode served = node.value().withPodCidrs(CIDRS);
      assertTrue(store.nodes().replace(node, served, Deadline.in(PATIENCE)).isPresent());
      try (Daemon _ = starting.get()) {
        assertTrue(state().startsWith("Ok "), state());
        assertEquals(CIDRS, await(store, _ -> true).value().podCidrs());
      }
    }
    // Started anew, it finds what it has.
    try (Daemon _ = Daemon.start(settings())) {
      assertTrue(state().startsWith("Ok "), state());
    }
    assertEquals(
        0,
        Cleanup.run(
            List.of("-f", "--instance=member", "--state-dir=" + folder.resolve("state")),
            Map.of()));
  }

  @Test
  void start_cidrsGivenByOptions_areTold() throws Exception {
    String[] ranges = {"--ipv4-range=" + CIDRS.getFirst(), "--ipv6-range=" + CIDRS.getLast()};
    try (ClusterStore store = open();
        Daemon _ = Daemon.start(settings(ranges))) {
      Stored<ClusterNode> node = await(store, each -> !each.podCidrs().isEmpty());
      assertEquals(CIDRS, node.value().podCidrs());
      // The store says another one by now: pods keep theirs, and the status tells.
      ClusterNode other = node.value().withPodCidrs(List.of(IpPrefix.parse("10.99.0.0/24")));
      while (store.nodes().replace(node, other, Deadline.in(PATIENCE)).isEmpty()) {
        node = await(store, _ -> true); // The agent wrote meanwhile, too.
        other = node.value().withPodCidrs(List.of(IpPrefix.parse("10.99.0.0/24")));
      }
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (!state().endsWith("its pods have addresses of " + CIDRS)) {
        assertTrue(System.nanoTime() < end, state());
        Thread.onSpinWait();
      }
    }
    assertEquals(
        0,
        Cleanup.run(
            List.of("-f", "--instance=member", "--state-dir=" + folder.resolve("state")),
            Map.of()));
  }

  @Test
  void start_kubernetesTellsItsLabels_areTold() throws Exception {
    Path manifests = Files.createDirectory(folder.resolve("manifests"));
    Files.writeString(
        manifests.resolve("node.yaml"),
        "{apiVersion: v1, kind: Node, metadata: {name: node-1, labels: {zone: a}}}");
    String[] ranges = {
      "--ipv4-range=" + CIDRS.getFirst(),
      "--ipv6-range=" + CIDRS.getLast(),
      "--static-cnp-path=" + manifests
    };
    try (ClusterStore store = open();
        Daemon _ = Daemon.start(settings(ranges))) {
      Stored<ClusterNode> node = await(store, each -> each.labels().equals(Map.of("zone", "a")));
      assertEquals(4, node.value().addresses().size(), "with the node's own in the pods' network");
      Files.writeString(
          manifests.resolve("node.yaml"),
          "{apiVersion: v1, kind: Node, metadata: {name: node-1, labels: {zone: b}}}");
      await(store, each -> each.labels().equals(Map.of("zone", "b")));
    }
    assertEquals(
        0,
        Cleanup.run(
            List.of("-f", "--instance=member", "--state-dir=" + folder.resolve("state")),
            Map.of()));
  }

  @Test
  void start_operatorHasNone_saysWhy() throws Exception {
    try (ClusterStore store = open();
        ClusterMember member =
            ClusterMember.join(
                cluster.toString(),
                new ClusterMember.Joining(
                    "node-1",
                    OwnAddresses.fixed(IpAddress.parse("192.0.2.1")),
                    Set.of(IpFamily.IPV4),
                    List.of(),
                    false,
                    Optional.empty(),
                    Map.of()))) {
      Stored<ClusterNode> node = await(store, _ -> true);
      assertTrue(
          store
              .nodes()
              .patchStatus(node.value().withAllocationError("none left"), Deadline.in(PATIENCE))
              .isPresent());
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (!member.waiting().endsWith(" from the operator: none left")) {
        assertTrue(System.nanoTime() < end, member.waiting());
        assertEquals(Optional.empty(), member.given(Duration.ofMillis(20)));
      }
    }
  }

  @Test
  void start_storeMayNotBeUsed_isOneLine() throws IOException {
    Files.setPosixFilePermissions(cluster, PosixFilePermissions.fromString("rwxrwxrwx"));
    var refusal = assertThrows(OptionException.class, () -> Daemon.start(settings()).close());
    assertTrue(
        refusal.getMessage().startsWith("cluster-store: cluster store " + cluster + ": others may"),
        refusal.getMessage());
  }

  @Test
  void start_nameThatIsNone_isRefused() {
    var refusal =
        assertThrows(
            OptionException.class, () -> Daemon.start(settings("--node-name=Node_1")).close());
    assertTrue(refusal.getMessage().startsWith("node-name: node \"Node_1\""), refusal.getMessage());
  }

  @Test
  void start_addressThatIsNone_isRefused() {
    for (String wrong : new String[] {"--ipv4-node=fd00::1", "--ipv6-node=x"}) {
      assertThrows(OptionException.class, () -> Daemon.start(settings(wrong)).close());
    }
  }

  @Test
  void start_crdWithoutAStore_isRefused() {
    var refusal =
        assertThrows(
            RuntimeException.class,
            () -> Daemon.start(settings("--cluster-store=", "--ipv4-range=10.98.0.0/24")).close());
    assertTrue(
        String.valueOf(refusal.getMessage()).contains("crd: needs a cluster store"),
        refusal.getMessage());
  }
}
