// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.model.DaemonConfiguration;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import io.cilium4j.it.Traffic.Way;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Under which addresses pods reach the outside of the cluster, and the inside. */
class MasqueradeKernelIT {

  private static final int PORT = 8080;

  private static void assertSeen(
      TestCluster cluster, Pod client, IpAddress server, int port, IpAddress as) {
    for (Way way : List.of(Way.TCP, Way.UDP)) {
      assertEquals(
          as.toString(),
          Mirror.seen(client.netns(), server, port, way),
          () -> "pod " + client.number() + " " + way + " to " + server + "\n" + cluster.logs());
    }
  }

  private static IpAddress world(IpFamily family) {
    return Objects.requireNonNull(TestCluster.WORLD.get(family));
  }

  private static String table(Node node) {
    return "cilium4j_" + node.instance();
  }

  private static void awaitTable(TestCluster cluster, Node node) {
    cluster.await(
        node.name() + " has its table", () -> node.nft("list", "tables").contains(table(node)));
  }

  @ParameterizedTest
  @EnumSource
  void pod_masqueraded_keepsItsAddressInsideOnly(Routing routing) throws Exception {
    try (var cluster = new TestCluster("itm", routing)) {
      cluster.start();
      Pod alice = cluster.hiddenPod(cluster.first, "app=alice");
      Pod bob = cluster.hiddenPod(cluster.second, "app=bob");
      cluster.awaitKnown(List.of(alice, bob));
      cluster.nodes().forEach(node -> awaitTable(cluster, node));
      try (var _ = new Mirror(cluster.world, PORT);
          var _ = new Mirror(cluster.second.netns, PORT);
          var _ = new Mirror(bob.netns(), PORT)) {
        for (IpFamily family : IpFamily.values()) {
          IpAddress own = alice.address(family);
          assertSeen(cluster, alice, bob.address(family), PORT, own);
          assertSeen(cluster, alice, cluster.second.address(family), PORT, own);
          IpAddress world = world(family);
          assertSeen(cluster, alice, world, PORT, TestCluster.onWorldLink(cluster.first, family));
          assertSeen(cluster, bob, world, PORT, TestCluster.onWorldLink(cluster.second, family));
          assertTrue(
              Traffic.reaches(alice.netns(), world, PORT, Way.ICMP),
              () -> family + "\n" + cluster.logs());
        }
      }
      var config = cluster.first.client().get("/config", DaemonConfiguration.class).status();
      assertTrue(Objects.requireNonNull(config).masquerade());
      var status = cluster.first.client().get("/healthz", StatusResponse.class).masquerading();
      assertEquals("iptables", Objects.requireNonNull(status).mode());
    }
  }

  private static void serve(TestCluster cluster, IpFamily family, IpAddress vip, IpAddress backend)
      throws IOException {
    cluster.write(
        family + ".yaml",
        """
        apiVersion: v1
        kind: Service
        metadata: {name: outside-%1$s, namespace: default}
        spec:
          type: ClusterIP
          clusterIP: "%2$s"
          clusterIPs: ["%2$s"]
          ipFamilies: [%3$s]
          ports: [{name: tcp, port: 443, protocol: TCP}, {name: udp, port: 443, protocol: UDP}]
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata:
          name: outside-%1$s
          namespace: default
          labels: {kubernetes.io/service-name: outside-%1$s}
        addressType: %3$s
        ports: [{name: tcp, port: 8080, protocol: TCP}, {name: udp, port: 8080, protocol: UDP}]
        endpoints: [{addresses: ["%4$s"]}]
        """
            .formatted(
                family == IpFamily.IPV4 ? "v4" : "v6",
                vip,
                family == IpFamily.IPV4 ? "IPv4" : "IPv6",
                backend));
  }

  @Test
  void service_ofABackendOutside_isReachedUnderTheNodesAddress() throws Exception {
    try (var cluster = new TestCluster("itn", Routing.VXLAN)) {
      cluster.start();
      Pod alice = cluster.hiddenPod(cluster.first, "app=alice");
      cluster.awaitKnown(List.of(alice));
      awaitTable(cluster, cluster.first);
      try (var _ = new Mirror(cluster.world, PORT)) {
        for (IpFamily family : IpFamily.values()) {
          IpAddress vip = IpAddress.parse(family == IpFamily.IPV4 ? "10.96.0.1" : "fd96:0:0:1::1");
          IpAddress node = TestCluster.onWorldLink(cluster.first, family);
          serve(cluster, family, vip, world(family));
          cluster.await(
              "the service is reached",
              () -> {
                String as = Mirror.seen(alice.netns(), vip, 443, Way.TCP);
                if (!as.equals(node.toString())) {
                  throw new IllegalStateException("seen as " + as);
                }
                return true;
              });
          assertSeen(cluster, alice, vip, 443, node);
        }
      }
    }
  }

  @Test
  void masquerading_agentKilledTableFlushedTurnedOff_isAsItMustBe() throws Exception {
    try (var cluster = new TestCluster("ito", Routing.NATIVE)) {
      cluster.start();
      Node node = cluster.first;
      Pod alice = cluster.hiddenPod(node, "app=alice");
      cluster.awaitKnown(List.of(alice));
      awaitTable(cluster, node);
      List<Socket> sockets = new ArrayList<>();
      try (var _ = new EchoServer(cluster.world, PORT)) {
        List<CountedStream> streams = new ArrayList<>();
        for (IpFamily family : IpFamily.values()) {
          Socket socket = alice.netns().call(() -> new Socket(world(family).toInetAddress(), PORT));
          sockets.add(socket);
          streams.add(new CountedStream(socket));
        }
        streams.forEach(CountedStream::awaitProgress);
        node.kill();
        streams.forEach(CountedStream::awaitProgress);
        assertReachesWorld(cluster, alice);
        node.launch();
        node.agent().awaitReady();
        streams.forEach(CountedStream::awaitProgress);
        assertReachesWorld(cluster, alice);
        streams.forEach(CountedStream::end);
        node.nft("flush", "ruleset");
        awaitTable(cluster, node);
        assertReachesWorld(cluster, alice);
        node.kill();
        node.launch(Map.of("enable-ipv4-masquerade", "false", "enable-ipv6-masquerade", "false"));
        node.agent().awaitReady();
        assertFalse(node.nft("list", "tables").contains(table(node)), node.nft("list", "tables"));
        assertFalse(Traffic.reaches(alice.netns(), world(IpFamily.IPV4), PORT, Way.TCP, 500));
        node.kill();
        node.launch();
        node.agent().awaitReady();
        awaitTable(cluster, node);
        assertReachesWorld(cluster, alice);
      } finally {
        for (Socket socket : sockets) {
          socket.close();
        }
      }
      TestCluster.destroy(node);
      assertFalse(node.nft("list", "tables").contains(table(node)), node.nft("list", "tables"));
    }
  }

  /** The world knows the way to pods; what it sees tells whether their addresses are translated. */
  @Test
  void ipMasqAgent_fileChanges_excludesWhatItSays() throws Exception {
    try (var cluster = new TestCluster("itq", Routing.NATIVE)) {
      Path file = Files.createTempFile("ip-masq-agent", ".yaml");
      cluster.start(
          Map.of("enable-ip-masq-agent", "true", "ip-masq-agent-config-path", file.toString()));
      Node node = cluster.first;
      Pod alice = cluster.pod(node, "app=alice");
      cluster.awaitKnown(List.of(alice));
      try (var _ = new Mirror(cluster.world, PORT)) {
        for (String content : List.of("masqLinkLocal: true\n", excluding(), "{}")) {
          Path next = Files.writeString(Path.of(file + ".next"), content);
          Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
          for (IpFamily family : IpFamily.values()) {
            IpAddress as =
                content.contains("nonMasq")
                    ? alice.address(family)
                    : TestCluster.onWorldLink(node, family);
            cluster.await(
                "the world sees " + as,
                () ->
                    Mirror.seen(alice.netns(), world(family), PORT, Way.TCP).equals(as.toString()));
            assertSeen(cluster, alice, world(family), PORT, as);
          }
          String listed = node.cilium("bpf", "ipmasq", "list", "--instance", node.instance());
          for (IpFamily family : IpFamily.values()) {
            assertEquals(
                content.contains("nonMasq"),
                listed.contains(IpPrefix.host(world(family)).toString()),
                listed);
          }
        }
      } finally {
        Files.delete(file);
      }
    }
  }

  private static String excluding() {
    return "nonMasqueradeCIDRs: [\"%s/32\", \"%s/128\"]%n"
        .formatted(world(IpFamily.IPV4), world(IpFamily.IPV6));
  }

  private static void assertReachesWorld(TestCluster cluster, Pod pod) {
    for (IpFamily family : IpFamily.values()) {
      for (Way way : Way.values()) {
        assertTrue(
            Traffic.reaches(pod.netns(), world(family), PORT, way),
            () -> family + " " + way + "\n" + cluster.logs());
      }
    }
  }
}
