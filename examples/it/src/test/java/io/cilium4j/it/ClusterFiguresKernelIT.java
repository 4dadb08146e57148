// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.model.IPListEntry;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Figures of a cluster, which it prints; in a usual build few, to see that they can be taken.
 * {@code -Dfigures.nodes=N -Dfigures.endpoints=N} say how large a cluster an agent comes into,
 * {@code -Dfigures.pods=N} how many pods are waited for. Documented in {@code docs/performance.md}.
 */
class ClusterFiguresKernelIT {

  private static final int NODES = Integer.getInteger("figures.nodes", 20);
  private static final int ENDPOINTS = Integer.getInteger("figures.endpoints", 200);
  private static final int PODS = Integer.getInteger("figures.pods", 5);

  private static final int IDENTITIES = 1_000;
  private static final int FIRST_IDENTITY = 1_000;
  private static final int PORT = 8080;
  private static final int FIRST_POD = 1_000;

  @Test
  void start_intoALargeCluster_knowsItAll() throws Exception {
    System.out.printf("| nodes | endpoints | agent ready, ms | all known, ms | resident, MB |%n");
    System.out.printf("| ---: | ---: | ---: | ---: | ---: |%n");
    try (var cluster = new TestCluster("itf", Routing.VXLAN);
        ClusterStore store = cluster.openStore()) {
      cluster.launchOperator();
      start(cluster.first, 0, 0);
      cluster.first.kill();
      fill(store);
      start(cluster.first, NODES, ENDPOINTS);
      // With what it has in the kernel already.
      cluster.first.kill();
      start(cluster.first, NODES, ENDPOINTS);
    }
  }

  private static void start(Node node, int nodes, int endpoints) throws Exception {
    long begin = System.nanoTime();
    node.launch();
    node.agent().awaitReady();
    long ready = System.nanoTime();
    while (known(node) < 2L * endpoints) {
      assertTrue(System.nanoTime() - ready < TestCluster.PATIENCE.toNanos(), node.agent()::log);
    }
    long known = System.nanoTime();
    assertEquals(2L * endpoints, known(node));
    System.out.printf(
        "| %,d | %,d | %,d | %,d | %d |%n",
        nodes,
        endpoints,
        (ready - begin) / 1_000_000,
        (known - begin) / 1_000_000,
        residentMegabytes(node.agent().program().pid()));
  }

  /** How many addresses of other nodes' pods an agent knows. */
  private static long known(Node node) {
    return node.client().list("/ip", IPListEntry.class).stream()
        .filter(entry ->
            entry.identity() >= FIRST_IDENTITY && entry.identity() < FIRST_IDENTITY + IDENTITIES)
        .count();
  }

  private static long residentMegabytes(long process) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + process + "/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024)
        .findFirst()
        .orElseThrow();
  }

  private static void fill(ClusterStore store) {
    for (int i = 0; i < IDENTITIES; i++) {
      var identity = new ClusterIdentity(FIRST_IDENTITY + i, labels(i));
      assertTrue(store.identities().create(identity, deadline()).isPresent());
    }
    for (int i = 0; i < NODES; i++) {
      var node =
          new ClusterNode(
              "far-" + i,
              List.of(
                  new Address(AddressType.INTERNAL_IP, nodeAddress(i)),
                  new Address(AddressType.CILIUM_INTERNAL_IP, podAddress(IpFamily.IPV4, i, 1)),
                  new Address(AddressType.CILIUM_INTERNAL_IP, podAddress(IpFamily.IPV6, i, 1))),
              List.of(
                  new IpPrefix(podAddress(IpFamily.IPV4, i, 0), 24),
                  new IpPrefix(podAddress(IpFamily.IPV6, i, 0), 112)));
      assertTrue(store.nodes().create(node, deadline()).isPresent());
    }
    for (int i = 0; i < ENDPOINTS; i++) {
      int node = i % NODES;
      int number = 2 + i / NODES;
      var endpoint =
          new PublishedEndpoint(
              "default",
              "far-" + i,
              number,
              Optional.of(new Identity(FIRST_IDENTITY + i % IDENTITIES, labels(i % IDENTITIES))),
              List.of(
                  podAddress(IpFamily.IPV4, node, number), podAddress(IpFamily.IPV6, node, number)),
              Optional.of(nodeAddress(node)),
              Map.of(),
              EndpointState.READY);
      assertTrue(store.endpoints().create(endpoint, deadline()).isPresent());
    }
  }

  private static Deadline deadline() {
    return Deadline.in(TestCluster.PATIENCE);
  }

  private static Labels labels(int identity) {
    return Labels.parse("k8s:app=far-" + identity, "k8s:io.kubernetes.pod.namespace=default");
  }

  private static IpAddress nodeAddress(int node) {
    return IpAddress.parse("198.18.0.0").plus(1 + node);
  }

  private static IpAddress podAddress(IpFamily family, int node, int number) {
    return family == IpFamily.IPV4
        ? IpAddress.parse("10.128.0.0").plus(256L * node + number)
        : IpAddress.parse("fd00:128::").plus(65_536L * node + number);
  }

  /** From the answer to the container runtime to the first one of the pod to another node's. */
  @ParameterizedTest
  @EnumSource
  void pod_thatIsReady_isReachedFromTheOtherNode(Routing routing) throws Exception {
    double[] millis = new double[PODS];
    try (var cluster = new TestCluster("itu", routing)) {
      cluster.start();
      Pod client = cluster.pod(cluster.second, "app=client");
      cluster.awaitKnown(List.of(client));
      for (int i = 0; i < PODS; i++) {
        Netns netns = Netns.create("cilium4j-it-itu-served");
        try (var _ = new EchoServer(netns, PORT)) {
          Pod pod = cluster.pod(cluster.first, netns, FIRST_POD + i, "app=server");
          long ready = System.nanoTime();
          awaitAnswer(client, pod.address(i % 2 == 0 ? IpFamily.IPV4 : IpFamily.IPV6));
          millis[i] = (System.nanoTime() - ready) / 1e6;
        } finally {
          cluster.first.runtime.delete(FIRST_POD + i);
          netns.close();
          Netns.delete(netns.path());
        }
      }
    }
    Arrays.sort(millis);
    System.out.printf(
        "ready to reached from the other node, %s, %d pods: median %.1f ms, p99 %.1f ms, most %.1f"
            + " ms%n",
        routing,
        PODS,
        millis[PODS / 2],
        millis[Math.min(PODS - 1, PODS * 99 / 100)],
        millis[PODS - 1]);
  }

  private static void awaitAnswer(Pod client, IpAddress address) throws IOException {
    byte[] packet = new byte[1];
    var target = new InetSocketAddress(address.toInetAddress(), PORT);
    long end = System.nanoTime() + TestCluster.PATIENCE.toNanos();
    try (DatagramSocket socket = client.netns().call(() -> new DatagramSocket())) {
      socket.setSoTimeout(1);
      while (System.nanoTime() < end) {
        socket.send(new DatagramPacket(packet, packet.length, target));
        try {
          socket.receive(new DatagramPacket(packet, packet.length));
          return;
        } catch (SocketTimeoutException _) {
          // Not yet.
        }
      }
    }
    throw new AssertionError(address + " is not reached");
  }
}
