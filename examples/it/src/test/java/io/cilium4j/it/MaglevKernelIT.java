// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.state.UndoStack;
import io.cilium4j.datapath.net.KernelConntrack;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * A router before the nodes sends a flow by one node and then by another: with Maglev both lead it
 * to the same backend, and few flows move when a backend goes.
 */
class MaglevKernelIT {
  private static final int PORT = 80;
  private static final int FLOWS = 300;
  private static final int PODS = 4;
  private static final Map<String, String> MAGLEV =
      Map.of("bpf-lb-algorithm", "maglev", "kube-proxy-replacement", "true");

  /** The router's to send, to whichever node. */
  private static final Map<IpFamily, IpAddress> EXTERNAL =
      Map.of(
          IpFamily.IPV4,
          IpAddress.parse("203.0.113.80"),
          IpFamily.IPV6,
          IpAddress.parse("2001:db8:5::80"));

  private static IpAddress external(IpFamily family) {
    return Objects.requireNonNull(EXTERNAL.get(family));
  }

  /** Services of both families; what they say beside their ports. */
  private static void serve(TestCluster cluster, String annotation, List<Pod> pods)
      throws IOException {
    var text = new StringBuilder();
    for (IpFamily family : IpFamily.values()) {
      boolean isV4 = family == IpFamily.IPV4;
      text.append(
          """
          ---
          apiVersion: v1
          kind: Service
          metadata: {name: dns-%1$s, namespace: default, annotations: {%2$s}}
          spec:
            clusterIPs: ["%3$s"]
            externalIPs: ["%4$s"]
            ports: [{port: 80, protocol: UDP}]
          ---
          apiVersion: discovery.k8s.io/v1
          kind: EndpointSlice
          metadata:
            name: dns-%1$s
            namespace: default
            labels: {kubernetes.io/service-name: dns-%1$s}
          addressType: %5$s
          ports: [{port: 8080, protocol: UDP}]
          endpoints: [%6$s]
          """
              .formatted(
                  isV4 ? "v4" : "v6",
                  annotation,
                  isV4 ? "10.96.0.80" : "fd96:0:0:1::80",
                  external(family),
                  isV4 ? "IPv4" : "IPv6",
                  pods.stream()
                      .map(pod ->
                          "{addresses: [\"%s\"], nodeName: %s}"
                              .formatted(pod.address(family), pod.node().name()))
                      .collect(Collectors.joining(", "))));
    }
    cluster.write("dns.yaml", text.toString());
  }

  private static List<DatagramSocket> clients(
      TestCluster cluster, UndoStack opened, IpFamily family) throws IOException {
    IpAddress own = Objects.requireNonNull(TestCluster.WORLD.get(family));
    return cluster.world.call(() -> {
      List<DatagramSocket> sockets = new ArrayList<>();
      for (int i = 0; i < FLOWS; i++) {
        sockets.add(opened.add(new DatagramSocket(new InetSocketAddress(own.toInetAddress(), 0))));
      }
      return sockets;
    });
  }

  /** Whom a node's kernel leads each client to, by the client's port. */
  private static Map<Integer, IpAddress> flows(Node node, IpFamily family) {
    return node.netns.call(() -> {
      try (var connections = KernelConntrack.open()) {
        Map<Integer, IpAddress> led = new TreeMap<>();
        connections.list(family).stream()
            .filter(each -> each.original().destination().equals(external(family)))
            .filter(each -> !each.reply().source().equals(external(family)))
            .forEach(each -> led.put(each.original().sourcePort(), each.reply().source()));
        return led;
      }
    });
  }

  private static void forget(Node node, IpFamily family) {
    node.netns.call(() -> {
      try (var connections = KernelConntrack.open()) {
        return connections.delete(
            family, each -> each.original().destination().equals(external(family)));
      }
    });
  }

  /** Sends all flows by a node that knows none of them, until it has led all among these pods. */
  private static Map<Integer, IpAddress> led(
      TestCluster cluster, Node by, List<DatagramSocket> clients, List<Pod> pods, IpFamily family) {
    cluster.routeFromWorld(external(family), by);
    List<IpAddress> wanted = pods.stream().map(each -> each.address(family)).toList();
    cluster.await(
        by.name() + " leads all flows of " + family,
        () -> {
          forget(by, family);
          for (DatagramSocket client : clients) {
            client.send(new DatagramPacket(new byte[1], 1, external(family).toInetAddress(), PORT));
          }
          Map<Integer, IpAddress> led = flows(by, family);
          if (led.size() < FLOWS || !wanted.containsAll(led.values())) {
            throw new IllegalStateException(led.size() + " flows");
          }
          return led.values().stream().distinct().count() == wanted.size();
        });
    return flows(by, family);
  }

  @Test
  void flows_sentByAnotherNode_keepTheirBackend() throws Exception {
    try (var cluster = new TestCluster("itmg", Routing.VXLAN);
        var opened = new UndoStack()) {
      cluster.start(MAGLEV);
      List<Pod> pods = new ArrayList<>();
      for (int i = 0; i < PODS; i++) {
        pods.add(cluster.hiddenPod(cluster.nodes().get(i % 2), "app=dns"));
      }
      cluster.awaitKnown(pods);
      serve(cluster, "", pods);
      Map<IpFamily, List<DatagramSocket>> clients = new TreeMap<>();
      Map<IpFamily, Map<Integer, IpAddress>> before = new TreeMap<>();
      for (IpFamily family : IpFamily.values()) {
        clients.put(family, clients(cluster, opened, family));
        List<DatagramSocket> all = Objects.requireNonNull(clients.get(family));
        Map<Integer, IpAddress> first = led(cluster, cluster.first, all, pods, family);
        assertEquals(first, led(cluster, cluster.second, all, pods, family), cluster::logs);
        before.put(family, first);
      }
      assertTold(cluster.first, pods);
      // As after a crash of the node's agent, and another start.
      cluster.first.kill();
      cluster.first.launch(MAGLEV);
      cluster.first.agent().awaitReady();
      Pod gone = pods.removeLast();
      serve(cluster, "", pods);
      for (IpFamily family : IpFamily.values()) {
        List<DatagramSocket> all = Objects.requireNonNull(clients.get(family));
        Map<Integer, IpAddress> known = Objects.requireNonNull(before.get(family));
        Map<Integer, IpAddress> first = led(cluster, cluster.first, all, pods, family);
        assertEquals(first, led(cluster, cluster.second, all, pods, family), cluster::logs);
        IpAddress went = gone.address(family);
        long kept = known.values().stream().filter(each -> !each.equals(went)).count();
        long moved =
            known.keySet().stream()
                .filter(port -> !went.equals(known.get(port)))
                .filter(port -> !Objects.equals(known.get(port), first.get(port)))
                .count();
        assertTrue(moved <= kept * 15 / 100, () -> moved + " of " + kept);
      }
    }
  }

  private static void assertTold(Node node, List<Pod> pods) throws Exception {
    assertTrue(
        node.cilium("status", "--verbose").contains("Maglev (Table Size: 1021)"), node::status);
    var replacement = node.client().get("/healthz", StatusResponse.class).kubeProxyReplacement();
    var features = Objects.requireNonNull(Objects.requireNonNull(replacement).features());
    assertEquals("Maglev", Objects.requireNonNull(features.nodePort()).algorithm());
    assertEquals(1021, Objects.requireNonNull(features.nodePort()).lutSize());
    String listed = node.cilium("bpf", "lb", "maglev", "list", "--instance", node.instance());
    for (IpFamily family : IpFamily.values()) {
      String end = family == IpFamily.IPV4 ? "/v4" : "/v6";
      String line = listed.lines().filter(each -> each.contains(end)).findFirst().orElseThrow();
      for (Pod pod : pods) {
        assertTrue(line.contains(pod.address(family).toString()), line);
      }
      String id = line.substring(line.indexOf('[') + 1, line.indexOf(']'));
      String one = node.cilium("bpf", "lb", "maglev", "get", id, "--instance", node.instance());
      assertTrue(one.contains("[" + id + "]" + end), one);
    }
  }

  /** One service of many may want it. */
  @Test
  void annotation_whereItIsHeeded_saysTheAlgorithmOfAService() throws Exception {
    try (var cluster = new TestCluster("itma", Routing.NATIVE)) {
      cluster.start(
          Map.of("bpf-lb-algorithm-annotation", "true", "kube-proxy-replacement", "true"));
      List<Pod> pods = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        pods.add(cluster.hiddenPod(cluster.first, "app=dns"));
      }
      cluster.awaitKnown(pods);
      String table = "cilium4j_" + cluster.first.instance() + "_nodeport";
      serve(cluster, "service.cilium.io/lb-algorithm: maglev", pods);
      cluster.await(
          "the table is there", () -> cluster.first.nft("list", "tables").contains(table));
      cluster.await(
          "chosen by a table",
          () -> cluster.first.nft("list", "table", "inet", table).contains("map @m"));
      assertFalse(cluster.first.cilium("status", "--verbose").contains("Maglev"), cluster::logs);
      serve(cluster, "service.cilium.io/lb-algorithm: least-conn", pods);
      cluster.await(
          "chosen at random, and told why",
          () ->
              cluster.first.nft("list", "table", "inet", table).contains("numgen random")
                  && cluster
                      .first
                      .status()
                      .contains("lb-algorithm least-conn: wanted random or maglev"));
      assertFalse(cluster.first.nft("list", "table", "inet", table).contains("map @m"));
    }
  }
}
