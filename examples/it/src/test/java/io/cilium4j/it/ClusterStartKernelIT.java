// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import java.io.IOException;
import java.net.DatagramSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What an agent of a cluster makes of a bad start and of bad neighbours. */
class ClusterStartKernelIT {

  private static final int PORT = 8080;

  private static ClusterNode ghost(List<String> addresses, List<String> cidrs) {
    return new ClusterNode(
        "ghost",
        addresses.stream()
            .map(ip -> new Address(AddressType.INTERNAL_IP, IpAddress.parse(ip)))
            .toList(),
        cidrs.stream().map(IpPrefix::parse).toList());
  }

  /** Has a node join, waits until an agent says this of it, and has it leave again. */
  private static void assertTold(
      TestCluster cluster, Node teller, ClusterStore store, ClusterNode ghost, String line)
      throws Exception {
    Stored<ClusterNode> made =
        store.nodes().create(ghost, Deadline.in(TestCluster.PATIENCE)).orElseThrow();
    cluster.await(
        teller.name() + " says \"" + line + "\", and it says " + teller.status(),
        () -> teller.status().lines().anyMatch(each -> each.endsWith(line)));
    cluster.await(
        "the ghost leaves",
        () -> {
          var now = store.nodes().read(made.value().name());
          return now.isEmpty()
              || store.nodes().delete(now.get(), Deadline.in(TestCluster.PATIENCE));
        });
    cluster.await(teller.name() + " is well again", () -> teller.status().startsWith("Ok "));
  }

  @ParameterizedTest
  @EnumSource
  void node_thatClaimsWhatIsAnothers_isToldAndTakesNothing(Routing routing) throws Exception {
    try (var cluster = new TestCluster("itg", routing)) {
      cluster.start();
      cluster.killOperator(); // It would see to some of this.
      Pod alice = cluster.pod(cluster.first, "app=alice");
      Pod bob = cluster.pod(cluster.second, "app=bob");
      cluster.awaitKnown(List.of(alice, bob));
      Node near = cluster.first;
      try (ClusterStore store = cluster.openStore();
          var _ = new EchoServer(bob.netns(), PORT)) {
        List<IpPrefix> own = store.nodes().read(near.name()).orElseThrow().value().podCidrs();
        List<IpPrefix> others =
            store.nodes().read(near.other().name()).orElseThrow().value().podCidrs();
        List<String> free = List.of("10.97.77.0/24");
        assertTold(
            cluster,
            near,
            store,
            ghost(List.of("192.0.2.2"), free),
            "node ghost: its address 192.0.2.2 is node node-2's");
        assertTold(
            cluster,
            near,
            store,
            ghost(List.of("2001:db8::1", "192.0.2.1"), free),
            "node ghost: its address 192.0.2.1 is this node's");
        for (IpPrefix prefix : others) {
          assertTold(
              cluster,
              near,
              store,
              ghost(List.of("192.0.2.7"), List.of(prefix.toString())),
              "node ghost: its pods' prefix %s overlaps %s of node node-2"
                  .formatted(prefix, prefix));
        }
        for (IpPrefix prefix : own) {
          assertTold(
              cluster,
              near,
              store,
              ghost(List.of("192.0.2.7"), List.of(prefix.toString())),
              "node ghost: its pods' prefix %s overlaps %s of this node".formatted(prefix, prefix));
        }
        if (routing == Routing.VXLAN) {
          assertTold(
              cluster,
              near,
              store,
              ghost(List.of("2001:db8::7"), free),
              "node ghost: it has no IPv4 address, by which tunnels run here; its pods cannot be"
                  + " reached");
        }
        cluster.awaitKnown(List.of(alice, bob));
        for (IpAddress address : bob.addresses()) {
          assertTrue(Traffic.reaches(alice.netns(), address, PORT, Traffic.Way.TCP), cluster::logs);
        }
      }
    }
  }

  @Test
  void start_deviceWithoutCarrier_findsItsAddress() throws Exception {
    try (var cluster = new TestCluster("itd", Routing.NATIVE)) {
      try (Netlink near = cluster.first.network();
          Netlink far = cluster.second.network()) {
        near.deleteLink(near.linkByName("eth1").orElseThrow().index());
        far.setDown(far.linkByName("eth0").orElseThrow().index());
      }
      cluster.launchOperator();
      cluster.first.launch();
      cluster.first.agent().awaitReady();
      try (ClusterStore store = cluster.openStore()) {
        ClusterNode told = store.nodes().read(cluster.first.name()).orElseThrow().value();
        for (IpFamily family : IpFamily.values()) {
          assertEquals(
              cluster.first.address(family),
              told.address(AddressType.INTERNAL_IP, family).orElseThrow());
        }
      }
    }
  }

  @Test
  void start_defaultRoute_itsSourceIsTheAddress() throws Exception {
    try (var cluster = new TestCluster("ite", Routing.NATIVE)) {
      Node node = cluster.first;
      Map<IpFamily, IpAddress> sources =
          Map.of(
              IpFamily.IPV4,
              IpAddress.parse("198.51.100.1"),
              IpFamily.IPV6,
              IpAddress.parse("2001:db8:8::1"));
      try (Netlink links = node.network()) {
        int device = links.linkByName("eth1").orElseThrow().index();
        sources.forEach((family, source) ->
            links.replaceRoute(
                Route.to(IpPrefix.parse(family == IpFamily.IPV4 ? "0.0.0.0/0" : "::/0"), device)
                    .via(source.plus(1))));
      }
      cluster.launchOperator();
      node.launch();
      node.agent().awaitReady();
      try (ClusterStore store = cluster.openStore()) {
        ClusterNode told = store.nodes().read(node.name()).orElseThrow().value();
        sources.forEach((family, source) ->
            assertEquals(source, told.address(AddressType.INTERNAL_IP, family).orElseThrow()));
      }
    }
  }

  @Test
  void start_deviceManifestIsLost_tunnelAndProxyAreTakenOver() throws Exception {
    try (var cluster = new TestCluster("itl", Routing.VXLAN)) {
      Node node = cluster.first;
      cluster.launchOperator();
      node.launch();
      node.agent().awaitReady();
      List<Link> before = devices(node);
      node.kill();
      Files.delete(node.folder().resolve("state/datapath/ebpf-devices"));
      node.launch();
      node.agent().awaitReady();
      assertEquals(4, before.size());
      assertEquals(before, devices(node));
    }
  }

  private static List<Link> devices(Node node) {
    try (Netlink links = node.network()) {
      return links.listLinks(node.instance() + "_");
    }
  }

  /** The agent ends, says one line, and has left nothing. */
  private static void assertRefused(TestCluster cluster, Map<String, String> options, String line)
      throws Exception {
    Node node = cluster.first;
    node.launch(options);
    Program agent = node.agent().program();
    assertNotEquals(0, agent.awaitEnd(TestCluster.PATIENCE), agent::log);
    assertEquals(
        1,
        agent.log().lines().filter(each -> each.startsWith("cilium agent: ")).count(),
        agent::log);
    assertTrue(agent.log().contains(line), agent::log);
    assertNothingLeft(node);
  }

  private static void assertNothingLeft(Node node) {
    try (Netlink links = node.network()) {
      assertEquals(List.of(), links.listLinks(node.instance() + "_"));
    }
    Path pins = Path.of("/sys/fs/bpf", new InstanceNames(node.instance()).pinFolder());
    assertFalse(Files.exists(pins), pins::toString);
  }

  @Test
  void start_storeThatCannotBeUsed_isRefusedInOneLine() throws Exception {
    try (var cluster = new TestCluster("itw", Routing.VXLAN)) {
      for (String open : List.of("rwxrwx---", "rwx---rwx")) {
        Files.setPosixFilePermissions(cluster.store(), PosixFilePermissions.fromString(open));
        assertRefused(
            cluster,
            Map.of(),
            "cilium agent: cluster-store: cluster store %s: others may write it (%s)"
                .formatted(cluster.store(), open));
      }
      // Nobody makes a folder there, root included.
      assertRefused(
          cluster,
          Map.of("cluster-store", "/proc/sys/net"),
          "cilium agent: cluster-store: cluster store /proc/sys/net: not writable: ");
      assertRefused(
          cluster,
          Map.of("cluster-store", "/dev/null"),
          "cilium agent: cluster-store: cluster store /dev/null: not a folder");
    }
  }

  @Test
  void start_tunnelPortTaken_isRefusedInOneLineAndWorksOnceItIsFree() throws Exception {
    try (var cluster = new TestCluster("itv", Routing.VXLAN)) {
      cluster.launchOperator();
      try (var _ = cluster.first.netns.call(() -> new DatagramSocket(8472))) {
        assertRefused(cluster, Map.of(), "UDP port 8472 is taken");
      }
      cluster.first.launch();
      cluster.first.agent().awaitReady();
    }
  }

  @Test
  void files_ofTheStore_areTheirOwnersAlone() throws Exception {
    try (var cluster = new TestCluster("itp", Routing.VXLAN)) {
      cluster.start();
      cluster.awaitKnown(List.of(cluster.pod(cluster.first, "app=alice")));
      try (Stream<Path> all = Files.walk(cluster.store())) {
        for (Path file : all.toList()) {
          assertEquals(
              Files.isDirectory(file) ? "rwx------" : "rw-------",
              PosixFilePermissions.toString(Files.getPosixFilePermissions(file)),
              file::toString);
        }
      }
    }
  }

  /** Also the operator is away, who would give others. */
  @ParameterizedTest
  @EnumSource
  void restart_storeAway_keepsWhatPodsHaveAndGoesOnOnceItIsBack(Routing routing) throws Exception {
    try (var cluster = new TestCluster("itk", routing)) {
      cluster.start();
      Pod alice = cluster.pod(cluster.first, "app=alice");
      Pod bob = cluster.pod(cluster.second, "app=bob");
      cluster.awaitKnown(List.of(alice, bob));
      List<IpPrefix> before = podCidrs(cluster);
      cluster.killOperator();
      cluster.first.kill();
      Path away = cluster.store().resolveSibling("away");
      Files.move(cluster.store(), away);
      cluster.first.launch();
      try (var _ = new EchoServer(bob.netns(), PORT)) {
        cluster.await(
            "the agent says what it waits for",
            () ->
                cluster
                    .first
                    .status()
                    .matches("(?s).*node node-1 waits for its pod CIDR .*no such folder.*"));
        for (IpAddress address : bob.addresses()) {
          assertTrue(Traffic.reaches(alice.netns(), address, PORT, Traffic.Way.TCP), cluster::logs);
        }
        Files.move(away, cluster.store());
        cluster.first.agent().awaitReady();
        assertEquals(before, podCidrs(cluster), cluster::logs);
        cluster.awaitKnown(List.of(alice, bob));
        for (IpAddress address : bob.addresses()) {
          assertTrue(Traffic.reaches(alice.netns(), address, PORT, Traffic.Way.TCP), cluster::logs);
        }
      }
      assertEquals(
          alice.addresses(),
          Inventory.addresses(cluster.first.endpoints().values().iterator().next()));
    }
  }

  private static List<IpPrefix> podCidrs(TestCluster cluster) throws IOException {
    try (ClusterStore store = cluster.openStore()) {
      return store.nodes().list().stream()
          .flatMap(node -> node.value().podCidrs().stream())
          .sorted()
          .toList();
    }
  }
}
