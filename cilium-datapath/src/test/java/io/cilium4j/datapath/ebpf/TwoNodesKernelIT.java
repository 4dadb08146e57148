// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Datapath.Mended;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.TwoNodes.Node;
import io.cilium4j.datapath.ebpf.TwoNodes.Pod;
import io.cilium4j.datapath.memory.Frames;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.Route;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pods of two nodes, with real packets between them: through tunnels, and by direct routes. */
@KernelTest
class TwoNodesKernelIT {

  private static final int A = 1001;
  private static final int C = 1003;
  private static final int SERVER = 1002;
  private static final int PORT = 7;

  /** How long what is expected may take on a busy machine. */
  private static final int PATIENCE_MILLIS = 5_000;

  /** How long it is waited for what must not come. */
  private static final int SHORT_MILLIS = 200;

  @TempDir Path folder;

  private static Routing tunnel(IpFamily underlay) {
    return Routing.through(new Tunnel(Tunnel.DEFAULT_PORT, underlay));
  }

  static Stream<Arguments> ways() {
    return Stream.of(IpFamily.values())
        .flatMap(family ->
            Stream.of(tunnel(IpFamily.IPV4), tunnel(IpFamily.IPV6), Routing.DIRECT)
                .map(routing -> Arguments.of(routing, family, false)))
        .flatMap(ebpf -> Stream.of(ebpf, Arguments.of(ebpf.get()[0], ebpf.get()[1], true)));
  }

  static Stream<Arguments> datapaths() {
    return Stream.of(IpFamily.values())
        .flatMap(family -> Stream.of(Arguments.of(family, false), Arguments.of(family, true)));
  }

  private static PolicyMapState lettingIn(int identity) {
    return PolicyMapState.builder(0)
        .putAll(TrafficDirection.EGRESS, PolicyEntry.allow(1))
        .put(PolicyKey.any(TrafficDirection.INGRESS, identity), PolicyEntry.allow(1))
        .build();
  }

  private static DatagramSocket udp(Netns netns, IpAddress address, int port) throws IOException {
    DatagramSocket socket =
        KernelTests.bound(
            netns, () -> new DatagramSocket(new InetSocketAddress(address.toInetAddress(), port)));
    socket.setSoTimeout(PATIENCE_MILLIS);
    return socket;
  }

  private static Optional<DatagramPacket> receive(DatagramSocket socket, int timeoutMillis)
      throws IOException {
    var packet = new DatagramPacket(new byte[65_536], 65_536);
    socket.setSoTimeout(timeoutMillis);
    try {
      socket.receive(packet);
      return Optional.of(packet);
    } catch (SocketTimeoutException e) {
      return Optional.empty();
    }
  }

  private static void send(DatagramSocket from, byte[] data, IpAddress to) throws IOException {
    from.send(
        new DatagramPacket(data, data.length, new InetSocketAddress(to.toInetAddress(), PORT)));
  }

  /** Sends and is answered with the same. */
  private static void exchange(DatagramSocket client, DatagramSocket server, int bytes)
      throws IOException {
    byte[] data = new byte[bytes];
    new Random(bytes).nextBytes(data);
    send(client, data, IpAddress.of(server.getLocalAddress()));
    DatagramPacket asked = receive(server, PATIENCE_MILLIS).orElseThrow();
    assertEquals(client.getLocalAddress(), asked.getAddress());
    server.send(new DatagramPacket(data, data.length, asked.getSocketAddress()));
    DatagramPacket answer = receive(client, PATIENCE_MILLIS).orElseThrow();
    assertArrayEquals(data, Arrays.copyOf(answer.getData(), answer.getLength()));
    assertEquals(server.getLocalAddress(), answer.getAddress());
  }

  @ParameterizedTest
  @MethodSource("ways")
  void pods_ofTwoNodes_reachEachOtherAsPolicySays(
      Routing routing, IpFamily family, boolean inUserSpace) throws Exception {
    try (var nodes = new TwoNodes(folder, routing, inUserSpace)) {
      Pod a = nodes.first.pod(10, A, PolicyMapState.ALLOW_ALL);
      Pod c = nodes.first.pod(11, C, PolicyMapState.ALLOW_ALL);
      Pod b = nodes.second.pod(10, SERVER, lettingIn(A));
      nodes.announce(a);
      nodes.announce(b);
      nodes.announce(c);
      try (var client = udp(a.netns(), a.address(family), 4000);
          var stranger = udp(c.netns(), c.address(family), 4000);
          var server = udp(b.netns(), b.address(family), PORT)) {
        exchange(client, server, 100);
        // In fragments of what the pods' devices take.
        exchange(client, server, 8_000);
        send(stranger, new byte[10], b.address(family));
        Flow dropped = await(nodes.second, DropReason.POLICY_DENIED);
        assertEquals(C, dropped.sourceIdentity());
        assertEquals(b.endpoint().id(), dropped.endpointId());
        assertTrue(receive(server, SHORT_MILLIS).isEmpty());
        nodes.second.enforce(b, lettingIn(C));
        exchange(stranger, server, 100);
        send(client, new byte[10], b.address(family));
        assertTrue(receive(server, SHORT_MILLIS).isEmpty());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void bytes_betweenPods_arriveAsTheyWereSent(Routing routing, IpFamily family, boolean inUserSpace)
      throws Exception {
    try (var nodes = new TwoNodes(folder, routing, inUserSpace)) {
      Pod a = nodes.first.pod(10, A, PolicyMapState.ALLOW_ALL);
      Pod b = nodes.second.pod(10, SERVER, lettingIn(A));
      nodes.announce(a);
      nodes.announce(b);
      byte[] data = new byte[20_000_000];
      new Random(1).nextBytes(data);
      try (ServerSocket server =
          KernelTests.bound(
              b.netns(), () -> new ServerSocket(PORT, 5, b.address(family).toInetAddress()))) {
        var received =
            new FutureTask<>(() -> {
              try (Socket socket = server.accept()) {
                return socket.getInputStream().readAllBytes();
              }
            });
        Thread.ofPlatform().daemon().start(received);
        try (Socket client =
            a.netns().call(() -> new Socket(b.address(family).toInetAddress(), PORT))) {
          client.getOutputStream().write(data);
        }
        assertArrayEquals(data, received.get(60, TimeUnit.SECONDS));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void nodes_andPodsOfOthers_knowEachOtherAsWhatTheyAre(
      Routing routing, IpFamily family, boolean inUserSpace) throws Exception {
    try (var nodes = new TwoNodes(folder, routing, inUserSpace)) {
      Pod b = nodes.second.pod(10, SERVER, lettingIn(ReservedIdentity.REMOTE_NODE.id()));
      nodes.announce(b);
      // Where the network routes, the node speaks from its address on it.
      IpAddress own =
          routing.tunnel().isPresent() ? nodes.first.router(family) : nodes.first.address(family);
      try (var node = udp(nodes.first.netns, own, 4000);
          var server = udp(b.netns(), b.address(family), PORT)) {
        exchange(node, server, 1_000);
      }
      nodes.second.enforce(b, PolicyMapState.ALLOW_ALL);
      try (var client = udp(b.netns(), b.address(family), 4000);
          var node = udp(nodes.first.netns, nodes.first.address(family), PORT)) {
        exchange(client, node, 1_000);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("datapaths")
  void podThatSpeaksAsATunnel_isDropped(IpFamily family, boolean inUserSpace) throws Exception {
    try (var nodes = new TwoNodes(folder, tunnel(IpFamily.IPV4), inUserSpace)) {
      Pod a = nodes.first.pod(10, A, PolicyMapState.ALLOW_ALL);
      for (Node node : new Node[] {nodes.first, nodes.second}) {
        nodes.first.flows.clear();
        try (var client = udp(a.netns(), a.address(family), 4000)) {
          client.send(
              new DatagramPacket(
                  new byte[10],
                  10,
                  new InetSocketAddress(
                      node.address(family).toInetAddress(), Tunnel.DEFAULT_PORT)));
        }
        await(nodes.first, DropReason.ENCAPSULATION_PROHIBITED);
      }
    }
  }

  /** What stands in a tunnel's header, and who sends it. */
  @ParameterizedTest
  @MethodSource("datapaths")
  void forgedTunnels_areDroppedWithTheirReason(IpFamily family, boolean inUserSpace)
      throws Exception {
    try (var nodes = new TwoNodes(folder, tunnel(IpFamily.IPV4), inUserSpace)) {
      Pod b = nodes.second.pod(10, SERVER, PolicyMapState.ALLOW_ALL);
      IpAddress pod = nodes.first.podCidr(family).address().plus(10);
      Frames frames = Frames.between(pod, b.address(family));
      try (var server = udp(b.netns(), b.address(family), PORT)) {
        byte[] inner = bytes(frames.udp(4000, PORT));
        byte[] ours = bytes(Frames.between(b.address(family), b.address(family)).udp(4000, PORT));
        byte[] nodes2 =
            bytes(Frames.between(nodes.second.router(family), b.address(family)).udp(4000, PORT));
        byte[] beyond = bytes(Frames.between(pod, pod.plus(1)).udp(4000, PORT));
        forge(nodes, 1, A, inner);
        assertTrue(receive(server, PATIENCE_MILLIS).isPresent(), "what the others forge");
        assertDropped(nodes, 1, ReservedIdentity.HOST.id(), inner, DropReason.INVALID_IDENTITY);
        assertDropped(nodes, 1, 0, inner, DropReason.INVALID_IDENTITY);
        // Keys have 24 bits; identities of one node alone have the 25th.
        assertDropped(nodes, 9, A, inner, DropReason.UNKNOWN_SENDER);
        assertDropped(nodes, 1, A, ours, DropReason.INVALID_SOURCE_IP);
        assertDropped(nodes, 1, A, nodes2, DropReason.INVALID_SOURCE_IP);
        assertDropped(nodes, 1, A, beyond, DropReason.NO_LOCAL_ENDPOINT);
        assertTrue(receive(server, SHORT_MILLIS).isEmpty());
        // The flow that passed is that of one identity.
        nodes.second.enforce(b, lettingIn(A));
        forge(nodes, 1, A, inner);
        assertTrue(receive(server, PATIENCE_MILLIS).isPresent());
        assertDropped(nodes, 1, C, inner, DropReason.POLICY_DENIED);
      }
    }
  }

  private static byte[] bytes(ByteBuffer frame) {
    return Frames.bytes(frame);
  }

  private void assertDropped(TwoNodes nodes, int sender, int key, byte[] inner, DropReason reason)
      throws Exception {
    nodes.second.flows.clear();
    forge(nodes, sender, key, inner);
    await(nodes.second, reason);
  }

  /** Sends a packet in VXLAN to the second node, from an address of this number on the link. */
  private static void forge(TwoNodes nodes, int sender, int key, byte[] inner) throws Exception {
    IpAddress address = IpAddress.parse("192.0.2.0").plus(sender);
    if (sender != nodes.first.number) {
      nodes.first.alsoAt(address);
    }
    ByteBuffer packet = ByteBuffer.allocate(8 + inner.length);
    packet.putInt(0x0800_0000).putInt(key << 8).put(inner);
    // The tunnel's own socket has the port.
    try (var socket = udp(nodes.first.netns, address, 5555)) {
      socket.send(
          new DatagramPacket(
              packet.array(),
              packet.limit(),
              new InetSocketAddress(
                  nodes.second.address(IpFamily.IPV4).toInetAddress(), Tunnel.DEFAULT_PORT)));
    }
  }

  @ParameterizedTest
  @MethodSource("datapaths")
  void nodeThatLeft_isSentNothingAndBelievedNoMore(IpFamily family, boolean inUserSpace)
      throws Exception {
    try (var nodes = new TwoNodes(folder, tunnel(IpFamily.IPV6), inUserSpace)) {
      Pod a = nodes.first.pod(10, A, PolicyMapState.ALLOW_ALL);
      Pod b = nodes.second.pod(10, SERVER, PolicyMapState.ALLOW_ALL);
      nodes.announce(a);
      nodes.announce(b);
      try (var client = udp(a.netns(), a.address(family), 4000);
          var server = udp(b.netns(), b.address(family), PORT)) {
        exchange(client, server, 100);
        nodes.second.remove(nodes.first.row());
        nodes.second.flows.clear();
        send(client, new byte[10], b.address(family));
        await(nodes.second, DropReason.UNKNOWN_SENDER);
        long forwarded = sentByPods(nodes.second);
        server.send(
            new DatagramPacket(
                new byte[10], 10, new InetSocketAddress(a.address(family).toInetAddress(), 4000)));
        await(nodes.second, DropReason.NO_TUNNEL_ENDPOINT);
        assertEquals(forwarded, sentByPods(nodes.second), "what is dropped was not forwarded");
        assertFalse(receive(client, SHORT_MILLIS).isPresent());
        nodes.second.apply(nodes.first.row());
        exchange(client, server, 100);
      }
    }
  }

  /** What comes by no tunnel is nobody's of another node. */
  @ParameterizedTest
  @MethodSource("datapaths")
  void remotePodsAddress_outsideTheTunnel_isDropped(IpFamily family, boolean inUserSpace)
      throws Exception {
    try (var nodes = new TwoNodes(folder, tunnel(IpFamily.IPV4), inUserSpace)) {
      Pod b = nodes.second.pod(10, SERVER, PolicyMapState.ALLOW_ALL);
      IpAddress pod = nodes.first.podCidr(family).address().plus(10);
      nodes.second.apply(nodes.first.elsewhere(List.of(pod), A).toArray(Row[]::new));
      nodes.first.alsoAt(pod);
      nodes.first.routeByLink(b.address(family), nodes.second);
      nodes.second.flows.clear();
      try (var forger = udp(nodes.first.netns, pod, 4000)) {
        send(forger, new byte[10], b.address(family));
      }
      await(nodes.second, DropReason.INVALID_SOURCE_IP);
    }
  }

  /** Packets of the node's pods that passed. */
  private static long sentByPods(Node node) {
    return node.datapath.traffic().stream()
        .filter(each -> each.drop().isEmpty() && each.direction() == TrafficDirection.EGRESS)
        .mapToLong(Traffic::packets)
        .sum();
  }

  /** Its former address may be another's by now: nothing goes there. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void nodeThatIsNoNeighbourAnyMore_isRoutedToNoMore(boolean inUserSpace) {
    try (var nodes = new TwoNodes(folder, Routing.DIRECT, inUserSpace);
        var links = Netlink.open(nodes.second.netns)) {
      NodeRow row = nodes.first.row();
      assertEquals(2, links.listRoutesToNodes().size());
      List<IpAddress> elsewhere =
          List.of(IpAddress.parse("198.51.100.1"), IpAddress.parse("2001:db8:1::1"));
      var moved = new NodeRow(row.name(), elsewhere, row.podCidrs(), Optional.empty(), 0);
      var refused = assertThrows(DatapathException.class, () -> nodes.second.apply(moved));
      assertTrue(
          String.valueOf(refused.getMessage()).contains("198.51.100.1 is not on a link"),
          refused.toString());
      assertEquals(List.of(), links.listRoutesToNodes());
      nodes.second.apply(row);
      assertEquals(2, links.listRoutesToNodes().size());
    }
  }

  /** By which devices a node has routes to others' pods, each device once. */
  private static Set<Integer> devices(Netlink links) {
    return links.listRoutesToNodes().stream().map(Route::ifindex).collect(Collectors.toSet());
  }

  /** How many routes to nodes a look has mended. */
  private static long mendedRoutes(Node node) {
    Mended mended = node.netns.call(() -> node.datapath.mend());
    return mended.mended().stream().filter(each -> each.startsWith("the route to ")).count();
  }

  private static int index(Netlink links, String device) {
    return links.linkByName(device).orElseThrow().index();
  }

  /** A network card that is replaced, or a bond that is made anew: another index. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void linkThatIsMadeAnew_isRoutedByAgain(boolean inUserSpace) {
    try (var nodes = new TwoNodes(folder, Routing.DIRECT, inUserSpace);
        var links = Netlink.open(nodes.second.netns)) {
      int former = index(links, "eth0");
      assertEquals(Set.of(former), devices(links));
      assertTrue(links.deleteLink(former));
      assertEquals(Set.of(), devices(links));
      Mended without = nodes.second.netns.call(() -> nodes.second.datapath.mend());
      assertTrue(without.problems().toString().contains("is not on a link"), without.toString());
      nodes.join("eth0");
      assertEquals(2, mendedRoutes(nodes.second));
      assertNotEquals(former, index(links, "eth0"));
      assertEquals(Set.of(index(links, "eth0")), devices(links));
      assertEquals(0, mendedRoutes(nodes.second));
    }
  }

  /** As when a bridge or a bond takes the card over: the old device stays, without the address. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void addressesThatMoveToAnotherDevice_takeTheRoutesWithThem(boolean inUserSpace) {
    try (var nodes = new TwoNodes(folder, Routing.DIRECT, inUserSpace);
        var links = Netlink.open(nodes.second.netns)) {
      int former = index(links, "eth0");
      links.listAddresses(former).forEach(each -> links.deleteAddress(former, each));
      nodes.join("eth1");
      long mended = mendedRoutes(nodes.second);
      assertEquals(2, mended);
      assertEquals(Set.of(index(links, "eth1")), devices(links));
      assertEquals(2, links.listRoutesToNodes().size());
      assertEquals(0, mendedRoutes(nodes.second));
    }
  }

  /** The datapath's own device, which somebody deletes. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void hostDeviceThatIsMadeAnew_isRoutedToAgain(boolean inUserSpace) {
    try (var nodes = new TwoNodes(folder, tunnel(IpFamily.IPV4), inUserSpace);
        var links = Netlink.open(nodes.second.netns)) {
      int former = devices(links).iterator().next();
      assertEquals(Set.of(former), devices(links));
      assertTrue(links.deleteLink(former));
      assertEquals(2, mendedRoutes(nodes.second));
      assertEquals(1, devices(links).size());
      assertFalse(devices(links).contains(former));
      assertEquals(0, mendedRoutes(nodes.second));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void nodeThatTakesAnothersPlace_inOneBatch_isThere(boolean inUserSpace) {
    try (var nodes = new TwoNodes(folder, Routing.DIRECT, inUserSpace);
        var links = Netlink.open(nodes.second.netns)) {
      NodeRow row = nodes.first.row();
      var heir = new NodeRow("heir", row.addresses(), row.podCidrs(), Optional.empty(), 0);
      nodes.second.netns.call(() -> {
        nodes.second.datapath.apply(RowChanges.of(List.of(heir), List.of(row)));
        return true;
      });
      assertEquals(2, links.listRoutesToNodes().size());
    }
  }

  private static Flow await(Node node, DropReason reason) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MILLIS);
    while (System.nanoTime() < end) {
      for (Flow flow : node.flows) {
        if (flow.drop().equals(Optional.of(reason))) {
          return flow;
        }
      }
      Thread.onSpinWait();
    }
    throw new AssertionError("no drop with " + reason + " among " + node.flows);
  }
}
