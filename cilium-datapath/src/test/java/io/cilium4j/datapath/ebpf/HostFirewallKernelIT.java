// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.net.ConnectException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The node itself as an endpoint with a policy, and what must not be taken for its traffic. */
@KernelTest
class HostFirewallKernelIT {

  private static final int PORT = 8080;
  private static final int OTHER_PORT = 8081;
  private static final int NODE_PORT = 30_080;
  private static final int POD = 1001;
  private static final int PATIENCE_MILLIS = 400;
  private static final int WORLD = ReservedIdentity.WORLD.id();

  private static final Endpoint NODE = Endpoint.ofHost(ReservedIdentity.HOST.identity().labels());

  @TempDir Path folder;
  private NetworkedNode node;

  @BeforeEach
  void start() {
    node = NetworkedNode.withHostFirewall(folder);
  }

  @AfterEach
  void stop() {
    if (node != null) {
      node.close();
    }
  }

  // ---- the outside asks the node

  @ParameterizedTest
  @EnumSource
  void ingress_onAnAllowedPort_passesWithItsAnswersAndNothingElseDoes(IpFamily family)
      throws Exception {
    assertTrue(asks(node.outside(), node.node(), router(family), OTHER_PORT), "without policy");
    enforce(ingress().put(tcp(TrafficDirection.INGRESS, WORLD, PORT), PolicyEntry.allow(7)));
    assertTrue(asks(node.outside(), node.node(), router(family), PORT));
    assertFalse(asks(node.outside(), node.node(), router(family), OTHER_PORT));
    assertFalse(says(node.outside(), node.node(), router(family), PORT), "another protocol");
    await(() ->
        node.test().flows.stream()
            .anyMatch(flow ->
                flow.drop().equals(Optional.of(DropReason.POLICY_DENIED))
                    && flow.endpointId() == Endpoint.HOST_ID
                    && flow.direction() == TrafficDirection.INGRESS
                    && flow.destination().equals(router(family))
                    && flow.destinationPort() == OTHER_PORT));
    await(() ->
        node.test().flows.stream()
            .anyMatch(flow ->
                flow.verdict() == Verdict.ALLOWED
                    && flow.endpointId() == Endpoint.HOST_ID
                    && flow.cookie() == 7));
  }

  @ParameterizedTest
  @EnumSource
  void ingress_denied_leavesWhatTheNodeBeganItself(IpFamily family) throws Exception {
    enforce(ingress());
    assertTrue(asks(node.node(), node.outside(), host(family), PORT));
    assertTrue(says(node.node(), node.outside(), host(family), PORT));
    assertTrue(pings(node.node(), host(family)));
    assertFalse(pings(node.outside(), router(family)));
  }

  @ParameterizedTest
  @EnumSource
  void ingress_ofPing_passesByItsType(IpFamily family) throws Exception {
    boolean isV4 = family == IpFamily.IPV4;
    enforce(
        ingress()
            .put(
                PolicyKey.port(
                    TrafficDirection.INGRESS,
                    WORLD,
                    (isV4 ? Protocol.ICMP : Protocol.ICMPV6).number(),
                    isV4 ? 8 : 128),
                PolicyEntry.allow(1)));
    assertTrue(pings(node.outside(), router(family)));
    assertFalse(asks(node.outside(), node.node(), router(family), PORT));
  }

  @Test
  void ingress_deniedByName_isToldAsThat() throws Exception {
    enforce(allowAll().put(tcp(TrafficDirection.INGRESS, WORLD, PORT), PolicyEntry.deny(9)));
    assertFalse(asks(node.outside(), node.node(), router(IpFamily.IPV4), PORT));
    assertTrue(asks(node.outside(), node.node(), router(IpFamily.IPV4), OTHER_PORT));
    await(() ->
        node.test().flows.stream()
            .anyMatch(flow ->
                flow.drop().equals(Optional.of(DropReason.POLICY_DENY)) && flow.cookie() == 9));
  }

  @Test
  void ingress_audited_passesAndIsTold() throws Exception {
    node.inNode(test ->
        test.datapath.apply(RowChanges.put(new EndpointRow(NODE, ingress().build(), 1, true))));
    assertTrue(asks(node.outside(), node.node(), router(IpFamily.IPV4), PORT));
    await(() -> node.test().flows.stream().anyMatch(flow -> flow.verdict() == Verdict.AUDITED));
  }

  // ---- the node asks the outside

  @ParameterizedTest
  @EnumSource
  void egress_onAnAllowedPort_passesWithItsAnswersAndNothingElseDoes(IpFamily family)
      throws Exception {
    enforce(egress().put(tcp(TrafficDirection.EGRESS, WORLD, PORT), PolicyEntry.allow(3)));
    assertTrue(asks(node.node(), node.outside(), host(family), PORT));
    assertFalse(asks(node.node(), node.outside(), host(family), OTHER_PORT));
    assertFalse(says(node.node(), node.outside(), host(family), PORT));
    assertFalse(pings(node.node(), host(family)));
    // What it is asked it answers.
    assertTrue(asks(node.outside(), node.node(), router(family), OTHER_PORT));
    assertTrue(pings(node.outside(), router(family)));
    await(() ->
        node.test().flows.stream()
            .anyMatch(flow ->
                flow.drop().isPresent()
                    && flow.endpointId() == Endpoint.HOST_ID
                    && flow.direction() == TrafficDirection.EGRESS));
  }

  // ---- pods and the node

  @ParameterizedTest
  @EnumSource
  void ingress_ofPods_isAskedOfBoth(IpFamily family) throws Exception {
    Pod pod = pod();
    enforce(ingress().put(tcp(TrafficDirection.INGRESS, POD, PORT), PolicyEntry.allow(1)));
    IpAddress address = family == IpFamily.IPV4 ? TestNode.NODE4 : TestNode.NODE6;
    assertTrue(asks(pod.netns(), node.node(), address, PORT));
    assertFalse(asks(pod.netns(), node.node(), address, OTHER_PORT));
    assertTrue(asks(node.node(), pod.netns(), of(pod, family), OTHER_PORT));
  }

  @ParameterizedTest
  @EnumSource
  void egress_toPods_isAskedOfBoth(IpFamily family) throws Exception {
    Pod pod = pod();
    enforce(egress().put(tcp(TrafficDirection.EGRESS, POD, PORT), PolicyEntry.allow(1)));
    IpAddress address = family == IpFamily.IPV4 ? TestNode.NODE4 : TestNode.NODE6;
    assertTrue(asks(node.node(), pod.netns(), of(pod, family), PORT));
    assertFalse(asks(node.node(), pod.netns(), of(pod, family), OTHER_PORT));
    assertTrue(asks(pod.netns(), node.node(), address, OTHER_PORT));
  }

  // ---- what is not the node's

  @ParameterizedTest
  @EnumSource
  void masqueradedPods_reachTheOutside_whateverTheNodeMay(IpFamily family) throws Exception {
    Pod pod = pod();
    nft(
        """
        table inet masq {
          chain post {
            type nat hook postrouting priority 100;
            oifname "%s" masquerade
          }
        }\
        """
            .formatted(NetworkedNode.UPLINK));
    assertTrue(asks(pod.netns(), node.outside(), host(family), PORT), "without policy");
    enforce(PolicyMapState.builder(0));
    assertTrue(asks(pod.netns(), node.outside(), host(family), PORT));
    assertTrue(says(pod.netns(), node.outside(), host(family), PORT));
    assertTrue(pings(pod.netns(), host(family)));
    assertFalse(asks(node.node(), node.outside(), host(family), PORT));
    assertFalse(asks(node.outside(), node.node(), router(family), PORT));
  }

  /** What the kernel would lead to a socket of the node is asked as it stands on the wire. */
  @Test
  void translation_toASocketOfTheNode_opensNothing() throws Exception {
    nft(
        """
        table ip hole {
          chain pre {
            type nat hook prerouting priority -100;
            tcp dport 9090 redirect to :8080
            udp dport 9090 redirect to :8080
          }
        }\
        """);
    IpAddress router = router(IpFamily.IPV4);
    assertTrue(asks(node.outside(), node.node(), router, 9090, PORT), "without policy");
    assertTrue(says(node.outside(), node.node(), router, 9090, PORT), "without policy");
    enforce(ingress());
    assertFalse(asks(node.outside(), node.node(), router, 9090, PORT));
    assertFalse(says(node.outside(), node.node(), router, 9090, PORT));
  }

  /** A NodePort is its backend's business, unless that is the node. */
  @Test
  void nodePort_ofAPod_passesAndOfTheNodeItselfIsAsked() throws Exception {
    Pod pod = pod();
    IpAddress router = router(IpFamily.IPV4);
    serve(router, Backend.active(pod.v4(), PORT));
    nft(
        """
        table ip np {
          chain pre {
            type nat hook prerouting priority -100;
            tcp dport 30080 dnat to %s:8080
          }
        }\
        """
            .formatted(pod.v4()));
    enforce(PolicyMapState.builder(0));
    try (ServerSocket listener = listener(pod.netns(), pod.v4(), PORT)) {
      assertTrue(isServed(node.outside(), router, NODE_PORT, listener));
    }
    serve(router, Backend.active(router, PORT));
    nft(
        """
        flush table ip np
        table ip np {
          chain pre {
            tcp dport 30080 redirect to :8080
          }
        }\
        """);
    try (ServerSocket listener = listener(node.node(), router, PORT)) {
      assertFalse(isServed(node.outside(), router, NODE_PORT, listener));
      enforce(
          PolicyMapState.builder(0)
              .put(tcp(TrafficDirection.INGRESS, WORLD, NODE_PORT), PolicyEntry.allow(1)));
      assertTrue(isServed(node.outside(), router, NODE_PORT, listener));
    }
  }

  /** Where nothing leads the port elsewhere, a socket of the node may have it. */
  @Test
  void nodePort_thatASocketOfTheNodeHas_isAsked() throws Exception {
    Pod pod = pod();
    IpAddress router = router(IpFamily.IPV4);
    serve(router, Backend.active(pod.v4(), PORT));
    enforce(ingress());
    assertFalse(asks(node.outside(), node.node(), router, NODE_PORT));
  }

  // ---- changes

  @ParameterizedTest
  @EnumSource
  void connection_thatPolicyForbids_endsAndNoOther(IpFamily family) throws Exception {
    enforce(ingress().put(tcp(TrafficDirection.INGRESS, WORLD, PORT), PolicyEntry.allow(1)));
    IpAddress router = router(family);
    try (ServerSocket listener = listener(node.node(), router, PORT);
        Socket client = node.outside().call(() -> connect(router, PORT));
        Socket accepted = listener.accept()) {
      accepted.setSoTimeout(PATIENCE_MILLIS);
      client.getOutputStream().write(1);
      assertEquals(1, accepted.getInputStream().read());
      node.test().datapath.close();
      client.getOutputStream().write(2);
      assertEquals(2, accepted.getInputStream().read(), "while no agent runs");
      assertFalse(asks(node.outside(), node.node(), router, OTHER_PORT), "while no agent runs");
      node.inNode(TestNode::open);
      client.getOutputStream().write(3);
      assertEquals(3, accepted.getInputStream().read(), "after the restart");
      assertFalse(asks(node.outside(), node.node(), router, OTHER_PORT), "after the restart");
      enforce(ingress());
      client.getOutputStream().write(4);
      assertThrows(SocketTimeoutException.class, () -> accepted.getInputStream().read());
    }
    node.inNode(test ->
        test.datapath.apply(RowChanges.remove(new EndpointRow(NODE, PolicyMapState.DENY_ALL, 1))));
    assertTrue(asks(node.outside(), node.node(), router, OTHER_PORT), "of nobody any more");
  }

  // ---- helpers

  private Pod pod() {
    return node.fromNode(test -> test.pod(2, POD, PolicyMapState.ALLOW_ALL));
  }

  /** What may be sent, and nothing that may be got. */
  private static PolicyMapState.Builder ingress() {
    return PolicyMapState.builder(0).putAll(TrafficDirection.EGRESS, PolicyEntry.allow(0));
  }

  /** What may be got, and nothing that may be sent. */
  private static PolicyMapState.Builder egress() {
    return PolicyMapState.builder(0).putAll(TrafficDirection.INGRESS, PolicyEntry.allow(0));
  }

  private static PolicyMapState.Builder allowAll() {
    return ingress().putAll(TrafficDirection.INGRESS, PolicyEntry.allow(0));
  }

  private static PolicyKey tcp(TrafficDirection direction, int peer, int port) {
    return PolicyKey.port(direction, peer, Protocol.TCP.number(), port);
  }

  private void enforce(PolicyMapState.Builder policy) {
    node.inNode(
        test -> test.datapath.apply(RowChanges.put(new EndpointRow(NODE, policy.build(), 1))));
  }

  private void serve(IpAddress address, Backend backend) {
    node.inNode(test ->
        test.datapath.apply(
            RowChanges.put(
                new FrontendRow(
                    new FrontendKey(address, NODE_PORT, Protocol.TCP), 1, List.of(backend), 0))));
  }

  private static IpAddress router(IpFamily family) {
    return NetworkedNode.address(family, 1);
  }

  private static IpAddress host(IpFamily family) {
    return NetworkedNode.address(family, 2);
  }

  private static IpAddress of(Pod pod, IpFamily family) {
    return family == IpFamily.IPV4 ? pod.v4() : pod.v6();
  }

  private static ServerSocket listener(Netns at, IpAddress address, int port) throws IOException {
    return KernelTests.bound(at, () -> new ServerSocket(port, 8, address.toInetAddress()));
  }

  private static Socket connect(IpAddress address, int port) throws IOException {
    var socket = new Socket();
    try {
      socket.connect(new InetSocketAddress(address.toInetAddress(), port), PATIENCE_MILLIS);
    } catch (IOException e) {
      socket.close();
      throw e;
    }
    return socket;
  }

  private static boolean asks(Netns from, Netns to, IpAddress address, int port)
      throws IOException {
    return asks(from, to, address, port, port);
  }

  /** Whether a connection comes about and carries a byte each way. */
  private static boolean asks(Netns from, Netns to, IpAddress address, int port, int listens)
      throws IOException {
    try (ServerSocket listener = listener(to, address, listens)) {
      return isServed(from, address, port, listener);
    }
  }

  private static boolean isServed(Netns from, IpAddress address, int port, ServerSocket listener)
      throws IOException {
    try (Socket client = from.call(() -> connect(address, port));
        Socket accepted = listener.accept()) {
      client.setSoTimeout(PATIENCE_MILLIS);
      client.getOutputStream().write(5);
      accepted.getOutputStream().write(accepted.getInputStream().read() + 1);
      return client.getInputStream().read() == 6;
    } catch (SocketTimeoutException | ConnectException e) {
      return false;
    }
  }

  private static boolean says(Netns from, Netns to, IpAddress address, int port)
      throws IOException {
    return says(from, to, address, port, port);
  }

  /** Whether a datagram arrives and is answered. */
  private static boolean says(Netns from, Netns to, IpAddress address, int port, int listens)
      throws IOException {
    try (DatagramSocket receiver =
            KernelTests.bound(to, () -> new DatagramSocket(listens, address.toInetAddress()));
        DatagramSocket sender = from.call(() -> new DatagramSocket())) {
      receiver.setSoTimeout(PATIENCE_MILLIS);
      sender.setSoTimeout(PATIENCE_MILLIS);
      var packet = new DatagramPacket(new byte[1], 1);
      sender.send(
          new DatagramPacket(new byte[1], 1, new InetSocketAddress(address.toInetAddress(), port)));
      receiver.receive(packet);
      receiver.send(packet);
      sender.receive(new DatagramPacket(new byte[1], 1));
      return true;
    } catch (SocketTimeoutException e) {
      return false;
    } catch (IOException e) {
      // What the node itself may not send it is told at once.
      return false;
    }
  }

  private static boolean pings(Netns from, IpAddress address) throws Exception {
    return EbpfDatapathKernelIT.ping(from, address);
  }

  private void nft(String rules) throws Exception {
    Path file = folder.resolve("rules.nft");
    Files.writeString(file, rules);
    KernelTests.run(node.node(), "nft", "-f", file.toString()).well();
  }

  private static void await(BooleanSupplier wanted) {
    Instant end = Instant.now().plus(Duration.ofSeconds(10));
    while (!wanted.getAsBoolean()) {
      assertTrue(Instant.now().isBefore(end), "not within its time");
      Thread.onSpinWait();
    }
  }
}
