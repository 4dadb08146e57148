// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.model.DaemonConfiguration;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import io.cilium4j.it.Traffic.Way;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
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

  /** A dropped SYN is sent again after 1 s. */
  private static final int PATIENCE_MILLIS = 2500;

  /** Tells each client, by TCP and UDP, from which address it came. */
  private static final class Mirror implements AutoCloseable {
    private final ServerSocket tcp;
    private final DatagramSocket udp;

    Mirror(Netns netns) throws IOException {
      tcp = netns.call(() -> new ServerSocket(PORT));
      udp = netns.call(() -> new DatagramSocket(PORT));
      Thread.ofPlatform().daemon().name("mirror-tcp").start(this::answerStreams);
      Thread.ofPlatform().daemon().name("mirror-udp").start(this::answerDatagrams);
    }

    private void answerStreams() {
      while (!tcp.isClosed()) {
        try (Socket client = tcp.accept()) {
          client.getOutputStream().write(text(client.getInetAddress()));
        } catch (IOException _) {
          // Closed, or the client went away.
        }
      }
    }

    private void answerDatagrams() {
      var packet = new DatagramPacket(new byte[64], 64);
      while (!udp.isClosed()) {
        try {
          udp.receive(packet);
          byte[] answer = text(packet.getAddress());
          udp.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
        } catch (IOException _) {
          // Closed, or nobody waits for the answer.
        }
      }
    }

    private static byte[] text(InetAddress address) {
      return IpAddress.of(address).toString().getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    public void close() throws IOException {
      tcp.close();
      udp.close();
    }
  }

  /** As whom a server sees a client; a word where no answer comes. */
  private static String seen(Netns client, IpAddress server, int port, Way way) {
    return client.call(() -> {
      var target = new InetSocketAddress(server.toInetAddress(), port);
      try {
        return way == Way.TCP ? seenByStream(target) : seenByDatagram(target);
      } catch (SocketTimeoutException _) {
        return "nothing";
      } catch (IOException e) {
        return e.toString();
      }
    });
  }

  private static String seenByStream(InetSocketAddress server) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(server, PATIENCE_MILLIS);
      socket.setSoTimeout(PATIENCE_MILLIS);
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }
  }

  private static String seenByDatagram(InetSocketAddress server) throws IOException {
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.setSoTimeout(PATIENCE_MILLIS);
      socket.send(new DatagramPacket(new byte[1], 1, server));
      var answer = new DatagramPacket(new byte[64], 64);
      socket.receive(answer);
      return new String(answer.getData(), 0, answer.getLength(), StandardCharsets.US_ASCII);
    }
  }

  private static void assertSeen(
      TestCluster cluster, Pod client, IpAddress server, int port, IpAddress as) {
    for (Way way : List.of(Way.TCP, Way.UDP)) {
      assertEquals(
          as.toString(),
          seen(client.netns(), server, port, way),
          () -> "pod " + client.number() + " " + way + " to " + server + "\n" + cluster.logs());
    }
  }

  private static IpAddress world(IpFamily family) {
    return Objects.requireNonNull(TestCluster.WORLD.get(family));
  }

  /** The tables of nftables that a node has. */
  private static String tables(Node node) throws IOException {
    return nft(node, "list", "tables");
  }

  private static String nft(Node node, String... arguments) throws IOException {
    return node.netns.call(() -> {
      List<String> command = new ArrayList<>(List.of("nft"));
      command.addAll(List.of(arguments));
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String text = process.inputReader(StandardCharsets.UTF_8).readAllAsString();
      assertEquals(0, process.onExit().join().exitValue(), text);
      return text;
    });
  }

  private static String table(Node node) {
    return "cilium4j_" + node.instance();
  }

  private static void awaitTable(TestCluster cluster, Node node) {
    cluster.await(node.name() + " has its table", () -> tables(node).contains(table(node)));
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
      try (var _ = new Mirror(cluster.world);
          var _ = new Mirror(cluster.second.netns);
          var _ = new Mirror(bob.netns())) {
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
      try (var _ = new Mirror(cluster.world)) {
        for (IpFamily family : IpFamily.values()) {
          IpAddress vip = IpAddress.parse(family == IpFamily.IPV4 ? "10.96.0.1" : "fd96:0:0:1::1");
          IpAddress node = TestCluster.onWorldLink(cluster.first, family);
          serve(cluster, family, vip, world(family));
          cluster.await(
              "the service is reached",
              () -> {
                String as = seen(alice.netns(), vip, 443, Way.TCP);
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
        nft(node, "flush", "ruleset");
        awaitTable(cluster, node);
        assertReachesWorld(cluster, alice);
        node.kill();
        node.launch(Map.of("enable-ipv4-masquerade", "false", "enable-ipv6-masquerade", "false"));
        node.agent().awaitReady();
        assertFalse(tables(node).contains(table(node)), tables(node));
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
      assertFalse(tables(node).contains(table(node)), tables(node));
    }
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
