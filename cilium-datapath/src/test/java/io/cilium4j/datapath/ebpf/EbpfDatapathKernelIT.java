// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real packets between real namespaces, decided by the programs. */
@KernelTest
class EbpfDatapathKernelIT {

  private static final int CLIENT = 1001;
  private static final int SERVER = 1002;
  private static final int PORT = 8080;
  private static final int TCP = 6;
  private static final int COOKIE = 77;

  @TempDir Path folder;
  private TestNode node;
  private Pod client;
  private Pod server;

  @BeforeEach
  void start() throws Exception {
    node = new TestNode(folder);
    client = node.pod(2, CLIENT, PolicyMapState.ALLOW_ALL);
    server = node.pod(3, SERVER, PolicyMapState.ALLOW_ALL);
  }

  @AfterEach
  void stop() throws Exception {
    if (node != null) {
      node.close();
    }
  }

  @Test
  void tcp_withoutPolicy_connectsInBothFamilies() throws Exception {
    assertTrue(tcp(client.netns(), server.netns(), server.v4()));
    assertTrue(tcp(client.netns(), server.netns(), server.v6()));
  }

  @Test
  void udp_withoutPolicy_isAnsweredInBothFamilies() throws Exception {
    assertTrue(udp(client.netns(), server.netns(), server.v4()));
    assertTrue(udp(client.netns(), server.netns(), server.v6()));
  }

  @Test
  void ping_withoutPolicy_isAnsweredInBothFamilies() throws Exception {
    assertTrue(ping(client.netns(), server.v4()));
    assertTrue(ping(client.netns(), server.v6()));
  }

  @Test
  void adoptedPod_asksForItsNextHopAndConnectsInBothFamilies() throws Exception {
    Pod adopted = node.adopted(4, CLIENT, PolicyMapState.ALLOW_ALL);
    node.enforce(server, ingressFrom(CLIENT, TCP, PORT));
    assertTrue(tcp(adopted.netns(), server.netns(), server.v4()));
    assertTrue(tcp(adopted.netns(), server.netns(), server.v6()));
    assertTrue(tcp(client.netns(), adopted.netns(), adopted.v6()));
    assertFalse(ping(adopted.netns(), server.v4()), "policy is asked about it as about any other");
  }

  @Test
  void node_toAndFromPod_isReachedInBothFamilies() throws Exception {
    try (Netns here = Netns.current()) {
      assertTrue(tcp(here, server.netns(), server.v4()));
      assertTrue(tcp(here, server.netns(), server.v6()));
      assertTrue(tcp(client.netns(), here, TestNode.NODE4));
      assertTrue(tcp(client.netns(), here, TestNode.NODE6));
      assertTrue(ping(here, server.v4()));
      assertTrue(ping(client.netns(), TestNode.NODE6));
    }
  }

  @Test
  void ingress_allowsOnePort_othersAreDroppedWithTheReason() throws Exception {
    node.enforce(server, ingressFrom(CLIENT, TCP, PORT));
    assertTrue(tcp(client.netns(), server.netns(), server.v4()));
    assertTrue(tcp(client.netns(), server.netns(), server.v6()));
    assertFalse(udp(client.netns(), server.netns(), server.v4()));
    assertFalse(ping(client.netns(), server.v6()));
    Flow drop = awaitFlow(DropReason.POLICY_DENIED);
    assertEquals(TrafficDirection.INGRESS, drop.direction());
    assertEquals(3, drop.endpointId());
    assertEquals(CLIENT, drop.sourceIdentity());
    assertEquals(SERVER, drop.destinationIdentity());
    assertTrue(
        node.flows.stream().anyMatch(flow -> flow.drop().isEmpty() && flow.cookie() == COOKIE),
        "the allowed flow names its rule");
  }

  @Test
  void deny_ofTheSendersEgress_isReportedWithTheRule() throws Exception {
    node.enforce(
        client,
        PolicyMapState.builder(0)
            .putAll(TrafficDirection.INGRESS, PolicyEntry.allow(0))
            .putAll(TrafficDirection.EGRESS, PolicyEntry.allow(0))
            .put(
                PolicyKey.port(TrafficDirection.EGRESS, SERVER, TCP, PORT),
                PolicyEntry.deny(COOKIE))
            .build());
    assertFalse(tcp(client.netns(), server.netns(), server.v4()));
    Flow drop = awaitFlow(DropReason.POLICY_DENY);
    assertEquals(TrafficDirection.EGRESS, drop.direction());
    assertEquals(COOKIE, drop.cookie());
    assertEquals(PORT, drop.destinationPort());
    assertEquals(server.v4(), drop.destination());
    assertTrue(udp(client.netns(), server.netns(), server.v4()));
  }

  @Test
  void restart_ofTheProcess_keepsEnforcing() throws Exception {
    node.enforce(server, ingressFrom(CLIENT, TCP, PORT));
    node.datapath.close();
    assertTrue(tcp(client.netns(), server.netns(), server.v4()));
    assertFalse(udp(client.netns(), server.netns(), server.v4()));
    node.restart();
    assertTrue(tcp(client.netns(), server.netns(), server.v6()));
    assertFalse(udp(client.netns(), server.netns(), server.v6()));
  }

  @Test
  void pathMtu_ofThePod_carriesLargeTransfers() throws Exception {
    assertEquals(4_000_000, transfer(client.netns(), server.netns(), server.v4(), 4_000_000));
    assertEquals(4_000_000, transfer(client.netns(), server.netns(), server.v6(), 4_000_000));
  }

  @Test
  void fragments_ofALargeDatagram_arrive() throws Exception {
    assertTrue(udp(client.netns(), server.netns(), server.v4(), 9000));
    assertTrue(udp(client.netns(), server.netns(), server.v6(), 9000));
  }

  private static PolicyMapState ingressFrom(int identity, int protocol, int port) {
    return PolicyMapState.builder(0)
        .putAll(TrafficDirection.EGRESS, PolicyEntry.allow(0))
        .put(
            PolicyKey.port(TrafficDirection.INGRESS, identity, protocol, port),
            PolicyEntry.allow(COOKIE))
        .build();
  }

  private Flow awaitFlow(DropReason reason) {
    Instant end = Instant.now().plus(Duration.ofSeconds(5));
    while (Instant.now().isBefore(end)) {
      Optional<Flow> found =
          node.flows.stream().filter(flow -> flow.drop().equals(Optional.of(reason))).findFirst();
      if (found.isPresent()) {
        return found.get();
      }
      Thread.onSpinWait();
    }
    throw new AssertionError("no event of " + reason + " in " + node.flows);
  }

  static boolean tcp(Netns from, Netns to, IpAddress address) throws IOException {
    return transfer(from, to, address, 1) == 1;
  }

  /** How many bytes arrived; 0 if there was no connection within a second. */
  private static int transfer(Netns from, Netns to, IpAddress address, int bytes)
      throws IOException {
    try (ServerSocket listener =
        KernelTests.bound(to, () -> new ServerSocket(PORT, 1, address.toInetAddress()))) {
      Thread.ofVirtual().start(() -> send(listener, bytes));
      return from.call(() -> {
        try (Socket socket = new Socket()) {
          socket.connect(new InetSocketAddress(address.toInetAddress(), PORT), 1000);
          socket.setSoTimeout(5000);
          return socket.getInputStream().readAllBytes().length;
        } catch (SocketTimeoutException e) {
          return 0;
        }
      });
    }
  }

  private static void send(ServerSocket listener, int bytes) {
    try (Socket accepted = listener.accept()) {
      accepted.getOutputStream().write(new byte[bytes]);
    } catch (IOException e) {
      // The test closed the listener: nobody came.
    }
  }

  private static boolean udp(Netns from, Netns to, IpAddress address) throws IOException {
    return udp(from, to, address, 1);
  }

  private static boolean udp(Netns from, Netns to, IpAddress address, int bytes)
      throws IOException {
    try (DatagramSocket echo =
        KernelTests.bound(to, () -> new DatagramSocket(PORT, address.toInetAddress()))) {
      Thread.ofVirtual().start(() -> echo(echo));
      return from.call(() -> {
        try (DatagramSocket socket = new DatagramSocket()) {
          socket.setSoTimeout(1000);
          socket.send(new DatagramPacket(new byte[bytes], bytes, address.toInetAddress(), PORT));
          var answer = new DatagramPacket(new byte[65_535], 65_535);
          socket.receive(answer);
          return answer.getLength() == bytes;
        } catch (SocketTimeoutException e) {
          return false;
        }
      });
    }
  }

  private static void echo(DatagramSocket socket) {
    try {
      var packet = new DatagramPacket(new byte[65_535], 65_535);
      socket.receive(packet);
      socket.send(packet);
    } catch (IOException e) {
      // The test closed the socket: nothing came.
    }
  }

  static boolean ping(Netns from, IpAddress address) throws IOException {
    return KernelTests.run(from, "ping", "-c", "1", "-W", "1", address.toString()).code() == 0;
  }
}
