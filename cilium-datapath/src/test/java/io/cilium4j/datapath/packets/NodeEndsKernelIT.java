// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.datapath.memory.Frames;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What ends at the node is the node's, by whatever address it was sent there. */
class NodeEndsKernelIT extends PacketTests {

  private static final int HOST = ReservedIdentity.HOST.id();
  private static final int WORLD = ReservedIdentity.WORLD.id();

  /** Of the network in which the node has its uplink. */
  private static final IpPrefix DIRECTED_BROADCAST = IpPrefix.parse("192.0.2.255/32");

  private static final byte[] ALL_STATIONS = {-1, -1, -1, -1, -1, -1};

  /** a may send to one identity. */
  private NodeState toOnly(int identity) {
    return NodeState.OPEN.policy(
        node.a,
        NodeState.rules()
            .allow(TrafficDirection.INGRESS)
            .allowPeer(TrafficDirection.EGRESS, identity)
            .build());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "255.255.255.255",
        "224.0.0.1",
        "224.0.0.251",
        "239.255.255.250",
        "127.0.0.1",
        "0.0.0.0",
        "ff02::1",
        "ff02::fb",
        "ff05::1:3",
        "fe80::1",
        "::1",
        "::"
      })
  void destination_thatEndsAtTheNode_isAskedForAsHost(String text) {
    IpAddress destination = IpAddress.parse(text);
    node.apply(toOnly(WORLD));
    long before = passed();
    byte[] udp = Frames.bytes(node.a.to(destination).udp(nextPort(), 7));
    node.sendRaw(node.a, udp);
    var denied =
        node.awaitEvent(
            event -> event.destination().equals(destination) && event.drop().isPresent());
    assertEquals(Optional.of(DropReason.POLICY_DENIED), denied.drop(), denied::toString);
    assertEquals(HOST, denied.destinationIdentity());
    node.settle(node.a, node.outside1);
    assertEquals(before + 1, passed(), "the mark alone");

    node.apply(toOnly(HOST));
    node.sendRaw(node.a, Frames.bytes(node.a.to(destination).udp(nextPort(), 7)));
    node.settle(node.a, node.outside1);
    assertEquals(before + 3, passed());
  }

  /** Of what came out of pods. */
  private long passed() {
    return node.datapath().traffic().stream()
        .filter(each -> each.drop().isEmpty() && each.direction() == TrafficDirection.EGRESS)
        .mapToLong(Traffic::packets)
        .sum();
  }

  /** Directed broadcasts are rows, as the node's other addresses are. */
  @Test
  void address_ofTheNode_isAskedForAsHost() {
    IpPrefix broadcast = DIRECTED_BROADCAST;
    node.apply(withEnds(toOnly(WORLD)));
    node.sendRaw(node.a, Frames.bytes(node.a.to(broadcast.address()).udp(nextPort(), 7)));
    var denied = node.awaitEvent(event -> event.destination().equals(broadcast.address()));
    assertEquals(Optional.of(DropReason.POLICY_DENIED), denied.drop());
    for (IpFamily family : IpFamily.values()) {
      assertFalse(node.passes(node.a, node.node1, family, frames -> frames.udp(nextPort(), 7)));
    }
  }

  /** The sockets of the node are what it is about. */
  @ParameterizedTest
  @EnumSource
  void socketOfTheNode_isReachedByWhomHostIsAllowed(End end) throws Exception {
    IpAddress destination = address(end);
    InetAddress any = InetAddress.getByName(destination.isV4() ? "0.0.0.0" : "::");
    try (DatagramSocket socket = node.netns().call(() -> new DatagramSocket(0, any))) {
      socket.setSoTimeout(10_000);
      node.apply(withEnds(toOnly(WORLD)));
      toSocket(socket, destination, 1);
      node.settle(node.a, node.outside1);
      node.apply(withEnds(toOnly(HOST)));
      // The second is the first to come in.
      toSocket(socket, destination, 2);
      assertEquals(2, received(socket));
    }
  }

  /** Ways to say "the node". */
  enum End {
    NODE4,
    NODE6,
    BROADCAST,
    DIRECTED_BROADCAST,
    LINK_LOCAL
  }

  private IpAddress address(End end) {
    return switch (end) {
      case NODE4 -> PacketNode.NODE4;
      case NODE6 -> PacketNode.NODE6;
      case BROADCAST -> IpAddress.parse("255.255.255.255");
      case DIRECTED_BROADCAST -> DIRECTED_BROADCAST.address();
      case LINK_LOCAL -> node.linkLocal(node.a);
    };
  }

  /** The rows that the agent writes for the node's addresses. */
  private static NodeState withEnds(NodeState state) {
    return new NodeState(state.identities(), state.policies(), Map.of(DIRECTED_BROADCAST, HOST));
  }

  private void toSocket(DatagramSocket socket, IpAddress destination, int mark) {
    byte[] frame =
        Frames.bytes(
            node.a
                .to(destination)
                .trailer(new byte[] {(byte) mark, 0})
                .udp(nextPort(), socket.getLocalPort()));
    node.sendRaw(node.a, frame);
  }

  private static int received(DatagramSocket socket) throws IOException {
    var packet = new DatagramPacket(new byte[100], 100);
    socket.receive(packet);
    return packet.getData()[packet.getLength() - 2];
  }

  /** Somebody without an address asks for one: not of us, and not for all stations' sake. */
  @Test
  void source_ofNobody_isInvalid() {
    node.apply(NodeState.OPEN);
    node.takeDrops(DropReason.INVALID_SOURCE_IP);
    for (byte[] to : new byte[][] {ALL_STATIONS, node.a.nextHopMac().bytes()}) {
      for (String destination : new String[] {"255.255.255.255", "10.8.0.1"}) {
        Frames frames = node.a.from(IpAddress.parse("0.0.0.0"), IpAddress.parse(destination));
        byte[] frame = Frames.bytes(frames.udp(68, 67));
        System.arraycopy(to, 0, frame, 0, 6);
        node.sendRaw(node.a, frame);
        node.settle(node.a, node.outside1);
        assertEquals(1, node.takeDrops(DropReason.INVALID_SOURCE_IP));
      }
    }
  }

  /** From the node's own link-local address, as a router's messages and probes are. */
  @Test
  void linkLocalSource_fromTheNode_isHost() {
    IpAddress linkLocal = IpAddress.parse("fe80::1234");
    NodeState fromHost = from(HOST);
    node.apply(fromHost);
    assertTrue(fromNode(linkLocal));
    node.apply(from(WORLD));
    assertFalse(fromNode(linkLocal));
  }

  private NodeState from(int identity) {
    return NodeState.OPEN.policy(
        node.b,
        NodeState.rules()
            .allow(TrafficDirection.EGRESS)
            .allowPeer(TrafficDirection.INGRESS, identity)
            .build());
  }

  private boolean fromNode(IpAddress source) {
    int port = nextPort();
    Frames frames = node.node1.from(source, node.b.address(IpFamily.IPV6));
    return node.passes(node.shot(node.node1, node.b, frames, each -> each.udp(port, 7)));
  }

  /** Frames for all stations are heeded by the node's stack, if it sees them, whoever sends. */
  @Test
  void frameForAllStations_reachesNoSocketOfTheNodeUnasked() throws Exception {
    List<IpAddress> sources = new ArrayList<>(node.a.addresses());
    sources.add(IpAddress.parse("0.0.0.0"));
    for (IpAddress source : sources) {
      for (End end : End.values()) {
        IpAddress destination = address(end);
        if (destination.family() == source.family()) {
          assertUnheard(source, destination);
        }
      }
    }
  }

  private void assertUnheard(IpAddress source, IpAddress destination) throws Exception {
    InetAddress any = InetAddress.getByName("::");
    try (DatagramSocket socket = node.netns().call(() -> new DatagramSocket(0, any))) {
      socket.setSoTimeout(10_000);
      node.apply(withEnds(toOnly(WORLD)));
      byte[] toAll =
          Frames.bytes(
              node.a
                  .from(source, destination)
                  .trailer(new byte[] {1, 0})
                  .udp(nextPort(), socket.getLocalPort()));
      System.arraycopy(ALL_STATIONS, 0, toAll, 0, 6);
      node.sendRaw(node.a, toAll);
      node.settle(node.a, node.outside1);
      node.apply(toOnly(HOST));
      toSocket(socket, PacketNode.NODE4, 2);
      assertEquals(2, received(socket), () -> source + " to " + destination);
    }
  }
}
