// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.state.UndoStack;
import io.cilium4j.datapath.net.KernelConntrack;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import io.cilium4j.it.Traffic.Way;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Services that are asked at the node: from outside, from pods, from the node itself. */
class NodePortKernelIT {

  static final int NODE_PORT = 30_080;
  private static final int HEALTH_PORT = 32_000;
  static final int PORT = 80;
  static final int TARGET = 8080;

  /** What a server sees of nobody. */
  static final String NOTHING = "nothing";

  private static final Map<IpFamily, String> CLUSTER_IPS =
      Map.of(IpFamily.IPV4, "10.96.0.20", IpFamily.IPV6, "fd96:0:0:1::20");

  private static String clusterIp(IpFamily family) {
    return Objects.requireNonNull(CLUSTER_IPS.get(family));
  }

  /** A service of one family with pods behind it. */
  private static String service(IpFamily family, String more, String status, List<Pod> pods) {
    String endpoints =
        pods.stream()
            .map(pod ->
                "{addresses: [\"%s\"], nodeName: %s}"
                    .formatted(pod.address(family), pod.node().name()))
            .collect(Collectors.joining(", "));
    return """
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: web-%1$s, namespace: default}
    spec:
      clusterIPs: ["%2$s"]
      ports:
      - {name: tcp, port: 80, nodePort: 30080, protocol: TCP}
      - {name: udp, port: 80, nodePort: 30080, protocol: UDP}
      %3$s
    %4$s
    ---
    apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata:
      name: web-%1$s
      namespace: default
      labels: {kubernetes.io/service-name: web-%1$s}
    addressType: %5$s
    ports: [{name: tcp, port: 8080, protocol: TCP}, {name: udp, port: 8080, protocol: UDP}]
    endpoints: [%6$s]
    """
        .formatted(
            family == IpFamily.IPV4 ? "v4" : "v6",
            clusterIp(family),
            more,
            status,
            family == IpFamily.IPV4 ? "IPv4" : "IPv6",
            endpoints);
  }

  static void serve(TestCluster cluster, String more, Pod... pods) throws Exception {
    serve(cluster, more, Map.of(), pods);
  }

  static void serve(TestCluster cluster, String more, Map<IpFamily, String> status, Pod... pods)
      throws Exception {
    var text = new StringBuilder();
    for (IpFamily family : IpFamily.values()) {
      text.append(service(family, more, status.getOrDefault(family, ""), List.of(pods)));
    }
    cluster.write("web.yaml", text.toString());
  }

  static IpAddress atWorld(Node node, IpFamily family) {
    return TestCluster.onWorldLink(node, family);
  }

  /** Waits until a client is seen as somebody. */
  static void awaitSeen(
      TestCluster cluster, Netns client, IpAddress target, int port, Way way, String as) {
    cluster.await(
        "seen as " + as + " at " + target,
        () -> {
          String seen = Mirror.seen(client, target, port, way);
          if (!seen.equals(as)) {
            throw new IllegalStateException(seen);
          }
          return true;
        });
  }

  static String seen(Netns client, IpAddress target, int port, Way way) {
    return Mirror.seen(client, target, port, way);
  }

  @ParameterizedTest
  @EnumSource
  void nodePort_ofAPodOnOneNode_isReachedAtBothFromEverywhere(Routing routing) throws Exception {
    try (var cluster = new TestCluster("itp", routing)) {
      cluster.start();
      Pod alice = cluster.hiddenPod(cluster.first, "app=alice");
      Pod near = cluster.hiddenPod(cluster.first, "app=web");
      cluster.awaitKnown(List.of(alice, near));
      try (var _ = new Mirror(near.netns(), TARGET)) {
        serve(cluster, "type: NodePort", near);
        for (IpFamily family : IpFamily.values()) {
          String world = Objects.requireNonNull(TestCluster.WORLD.get(family)).toString();
          for (Way way : List.of(Way.TCP, Way.UDP)) {
            IpAddress first = atWorld(cluster.first, family);
            IpAddress second = atWorld(cluster.second, family);
            // The backend's node: the client keeps its address.
            awaitSeen(cluster, cluster.world, first, NODE_PORT, way, world);
            // Another one: answers come back by it.
            cluster.await(
                "reached at the second node",
                () -> IpAddress.tryParse(seen(cluster.world, second, NODE_PORT, way)).isPresent());
            assertNotEquals(world, seen(cluster.world, second, NODE_PORT, way));
            String own = alice.address(family).toString();
            assertEquals(own, seen(alice.netns(), first, NODE_PORT, way), cluster::logs);
            // A process of the node: a developer's, or a probe's.
            IpAddress loopback = IpAddress.parse(family == IpFamily.IPV4 ? "127.0.0.1" : "::1");
            for (Node node : cluster.nodes()) {
              cluster.await(
                  "reached at " + loopback,
                  () -> IpAddress.tryParse(seen(node.netns, loopback, NODE_PORT, way)).isPresent());
            }
            for (IpAddress target : List.of(first, second)) {
              for (Netns client : List.of(alice.netns(), cluster.first.netns)) {
                IpAddress address = target.equals(second) ? cluster.second.address(family) : target;
                String as = seen(client, address, NODE_PORT, way);
                assertTrue(
                    IpAddress.tryParse(as).isPresent(),
                    () -> as + " at " + address + " " + way + "\n" + cluster.logs());
              }
            }
          }
        }
        // Only backends of the node that is asked: silence where there is none.
        serve(
            cluster,
            "type: LoadBalancer\n  externalTrafficPolicy: Local\n  healthCheckNodePort: "
                + HEALTH_PORT,
            near);
        for (IpFamily family : IpFamily.values()) {
          awaitHealth(cluster, atWorld(cluster.first, family), 200);
          awaitHealth(cluster, atWorld(cluster.second, family), 503);
        }
        for (IpFamily family : IpFamily.values()) {
          String world = Objects.requireNonNull(TestCluster.WORLD.get(family)).toString();
          IpAddress second = atWorld(cluster.second, family);
          awaitSeen(cluster, cluster.world, second, NODE_PORT, Way.UDP, NOTHING);
          for (Way way : List.of(Way.TCP, Way.UDP)) {
            assertEquals(
                world, seen(cluster.world, atWorld(cluster.first, family), NODE_PORT, way));
          }
        }
      }
    }
  }

  /** Counts the datagrams that come to a pod. */
  private static final class Counter implements AutoCloseable {
    private final AtomicLong count = new AtomicLong();
    private final DatagramSocket socket;

    Counter(Pod pod) throws IOException {
      socket = pod.netns().call(() -> new DatagramSocket(TARGET));
      socket.setReceiveBufferSize(1 << 22);
      Thread.ofPlatform().daemon().name("counter").start(this::receive);
    }

    private void receive() {
      var packet = new DatagramPacket(new byte[8], 8);
      while (!socket.isClosed()) {
        try {
          socket.receive(packet);
          count.incrementAndGet();
        } catch (IOException _) {
          // Closed.
        }
      }
    }

    @Override
    public void close() {
      socket.close();
    }
  }

  /** So many clients outside, each with a port that it keeps. */
  private static List<DatagramSocket> clients(TestCluster cluster, UndoStack opened, int count)
      throws IOException {
    return cluster.world.call(() -> {
      List<DatagramSocket> sockets = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        sockets.add(opened.add(new DatagramSocket()));
      }
      return sockets;
    });
  }

  private static void send(List<DatagramSocket> clients, IpAddress to) throws IOException {
    for (DatagramSocket client : clients) {
      client.send(new DatagramPacket(new byte[1], 1, to.toInetAddress(), NODE_PORT));
    }
  }

  /** How many flows the node's kernel leads to a pod. */
  private static long flowsTo(Node node, IpAddress pod) {
    return node.netns.call(() -> {
      try (var connections = KernelConntrack.open()) {
        return connections.list(pod.family()).stream()
            .filter(each -> each.reply().source().equals(pod))
            .count();
      }
    });
  }

  @Test
  void udpBackend_goesUnderFlowsFromOutside_getsNoPacketMore() throws Exception {
    int flows = 1000;
    try (var cluster = new TestCluster("itw", Routing.NATIVE);
        var opened = new UndoStack()) {
      cluster.start();
      Pod goes = cluster.hiddenPod(cluster.first, "app=web");
      Pod stays = cluster.hiddenPod(cluster.first, "app=web");
      cluster.awaitKnown(List.of(goes, stays));
      Counter atGoing = opened.add(new Counter(goes));
      Counter atStaying = opened.add(new Counter(stays));
      List<DatagramSocket> clients = clients(cluster, opened, flows);
      serve(cluster, "type: NodePort", goes, stays);
      for (IpFamily family : IpFamily.values()) {
        IpAddress node = atWorld(cluster.first, family);
        cluster.await(
            "all flows have a backend of " + family,
            () -> {
              send(clients, node);
              long led =
                  flowsTo(cluster.first, goes.address(family))
                      + flowsTo(cluster.first, stays.address(family));
              if (led < flows) {
                throw new IllegalStateException(led + " flows");
              }
              return true;
            });
        assertTrue(flowsTo(cluster.first, goes.address(family)) > flows / 4, family::toString);
      }
      serve(cluster, "type: NodePort", stays);
      for (IpFamily family : IpFamily.values()) {
        cluster.await(
            "none is led to the one that goes " + family,
            () -> flowsTo(cluster.first, goes.address(family)) == 0);
      }
      long before = atGoing.count.get();
      long after = atStaying.count.get() + 3L * flows * IpFamily.values().length;
      for (IpFamily family : IpFamily.values()) {
        for (int i = 0; i < 3; i++) {
          send(clients, atWorld(cluster.first, family));
        }
      }
      cluster.await("the other one has all of them", () -> atStaying.count.get() >= after);
      assertEquals(before, atGoing.count.get());
      assertTrue(cluster.first.cilium("bpf", "nat", "list").contains("XLATE_DST"), cluster::logs);
    }
  }

  /** Nobody is left who knows the service, but the kernel. */
  @Test
  void udpService_goesWhileNoAgentRuns_leadsNobodyAnyMore() throws Exception {
    try (var cluster = new TestCluster("itwd", Routing.NATIVE);
        var opened = new UndoStack()) {
      cluster.start();
      Pod web = cluster.hiddenPod(cluster.first, "app=web");
      cluster.awaitKnown(List.of(web));
      List<DatagramSocket> clients = clients(cluster, opened, 10);
      serve(cluster, "type: NodePort", web);
      for (IpFamily family : IpFamily.values()) {
        cluster.await(
            "clients are led " + family,
            () -> {
              send(clients, atWorld(cluster.first, family));
              return flowsTo(cluster.first, web.address(family)) == clients.size();
            });
      }
      cluster.first.kill();
      cluster.remove("web.yaml");
      for (IpFamily family : IpFamily.values()) {
        assertEquals(clients.size(), flowsTo(cluster.first, web.address(family)));
      }
      cluster.first.launch();
      cluster.first.agent().awaitReady();
      for (IpFamily family : IpFamily.values()) {
        cluster.await(
            "nobody is led any more " + family,
            () -> {
              send(clients, atWorld(cluster.first, family));
              return flowsTo(cluster.first, web.address(family)) == 0;
            });
      }
    }
  }

  /** As a load balancer does that chooses among nodes. */
  private static void awaitHealth(TestCluster cluster, IpAddress node, int status) {
    cluster.await(
        node + " says " + status + " of its backends",
        () -> healthAt(cluster.world, node) == status);
  }

  private static int healthAt(Netns client, IpAddress node) {
    return client.call(() -> {
      try (var socket = new Socket()) {
        socket.connect(new InetSocketAddress(node.toInetAddress(), HEALTH_PORT), 1000);
        socket.setSoTimeout(1000);
        socket
            .getOutputStream()
            .write("GET /healthz HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        String line = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        return Integer.parseInt(line.split(" ", 3)[1]);
      } catch (IOException _) {
        return 0;
      }
    });
  }

  @Test
  void nodePort_agentKilledTableFlushedTurnedOff_isAsItMustBe() throws Exception {
    try (var cluster = new TestCluster("itr", Routing.VXLAN)) {
      cluster.start();
      Node node = cluster.first;
      String table = "cilium4j_" + node.instance() + "_nodeport";
      Pod far = cluster.hiddenPod(cluster.second, "app=web");
      cluster.awaitKnown(List.of(far));
      List<Socket> sockets = new ArrayList<>();
      try (var _ = new EchoServer(far.netns(), TARGET)) {
        serve(cluster, "type: NodePort", far);
        cluster.await("the table is there", () -> node.nft("list", "tables").contains(table));
        assertReached(cluster, node);
        List<CountedStream> streams = new ArrayList<>();
        for (IpFamily family : IpFamily.values()) {
          Socket socket =
              cluster.world.call(
                  () -> new Socket(atWorld(node, family).toInetAddress(), NODE_PORT));
          sockets.add(socket);
          streams.add(new CountedStream(socket));
        }
        streams.forEach(CountedStream::awaitProgress);
        node.kill();
        streams.forEach(CountedStream::awaitProgress);
        assertReached(cluster, node);
        node.launch();
        node.agent().awaitReady();
        assertReached(cluster, node);
        // A rule that changes leaves connections alone.
        serve(cluster, "type: NodePort\n  sessionAffinity: ClientIP", far);
        cluster.await("affinity", () -> node.nft("list", "table", "inet", table).contains("dnat"));
        streams.forEach(CountedStream::awaitProgress);
        streams.forEach(CountedStream::end);
        node.nft("delete", "table", "inet", table);
        cluster.await("the table is back", () -> node.nft("list", "tables").contains(table));
        assertReached(cluster, node);
        // Nobody behind it.
        serve(cluster, "type: NodePort");
        IpAddress asked = atWorld(node, IpFamily.IPV4);
        cluster.await(
            "refused",
            () -> seen(cluster.world, asked, NODE_PORT, Way.TCP).contains("Connection refused"));
        serve(cluster, "type: NodePort", far);
        cluster.await(
            "it is back",
            () ->
                node.nft("list", "table", "inet", table)
                    .contains(far.address(IpFamily.IPV4).toString()));
        assertReached(cluster, node);
        node.kill();
        node.launch(Map.of("kube-proxy-replacement", "false"));
        node.agent().awaitReady();
        assertFalse(node.nft("list", "tables").contains(table));
        node.kill();
        node.launch(Map.of("kube-proxy-replacement", "true"));
        node.agent().awaitReady();
        cluster.await("the table is there", () -> node.nft("list", "tables").contains(table));
        assertReached(cluster, node);
      } finally {
        for (Socket socket : sockets) {
          socket.close();
        }
      }
      TestCluster.destroy(node);
      assertFalse(node.nft("list", "tables").contains(table));
    }
  }

  private static void assertReached(TestCluster cluster, Node node) {
    for (IpFamily family : IpFamily.values()) {
      for (Way way : List.of(Way.TCP, Way.UDP)) {
        assertTrue(
            Traffic.reaches(cluster.world, atWorld(node, family), NODE_PORT, way),
            () -> family + " " + way + "\n" + cluster.logs());
      }
    }
  }
}
