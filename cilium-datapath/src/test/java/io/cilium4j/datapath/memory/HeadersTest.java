// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.Decisions.assertDrop;
import static io.cilium4j.datapath.memory.Decisions.assertReaches;
import static io.cilium4j.datapath.memory.World.A;
import static io.cilium4j.datapath.memory.World.B;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.net.FrameKind;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is read of a packet, and what is not. Port 80 of B is denied. */
class HeadersTest {

  private static World world(IpFamily family) {
    World world = World.open(family);
    world.put(
        B,
        World.policy(
            PolicyKey.port(TrafficDirection.INGRESS, World.identity(A), Packet.TCP, 80),
            PolicyEntry.deny(7)));
    return world;
  }

  private static byte[] tcp(int port) {
    ByteBuffer header = ByteBuffer.allocate(20);
    header.putShort((short) 999).putShort((short) port).putLong(0);
    return header.put((byte) 0x50).put((byte) Frames.SYN).array();
  }

  /** A header of this length, which says that the next one is TCP, and TCP behind it. */
  private static byte[] before(byte[] header, byte[] tcp) {
    header[0] = Packet.TCP;
    return ByteBuffer.allocate(header.length + tcp.length).put(header).put(tcp).array();
  }

  @ParameterizedTest
  @EnumSource
  void decide_taggedFrame_isFilteredWhereverTheTagStands(IpFamily family) {
    World world = world(family);
    ByteBuffer plain = world.between(A, B).udp(1, 2);
    for (int tag : new int[] {0x8100, 0x88a8}) {
      assertDrop(DropReason.VLAN_FILTERED, world.send(A, Frames.tagged(plain, tag)));
      assertDrop(DropReason.VLAN_FILTERED, world.fromNode(Frames.tagged(plain, tag)));
    }
    assertDrop(
        DropReason.VLAN_FILTERED, world.decider.decide(plain, FrameKind.TAGGED, World.device(A)));
    assertReaches(B, world.send(A, plain));
  }

  /** RFC 4302: the length of AH is in words of four bytes, less two. */
  @ParameterizedTest
  @ValueSource(ints = {8, 12, 24, 28, 1028})
  void decide_behindAuthenticationHeader_theRealProtocolIsAsked(int bytes) {
    for (IpFamily family : IpFamily.values()) {
      World world = world(family);
      byte[] header = new byte[bytes];
      header[1] = (byte) (bytes / 4 - 2);
      assertDrop(
          DropReason.POLICY_DENY,
          world.send(A, world.between(A, B).ip(51, before(header.clone(), tcp(80)))));
      assertReaches(B, world.send(A, world.between(A, B).ip(51, before(header.clone(), tcp(81)))));
    }
  }

  /** Encrypted, empty, mobility, HIP, shim6, experiments: nothing behind is a port. */
  @ParameterizedTest
  @ValueSource(ints = {50, 59, 135, 139, 140, 253, 254})
  void decide_protocolThatEndsTheWalk_isAskedForItself(int protocol) {
    for (IpFamily family : IpFamily.values()) {
      World world = world(family);
      byte[] payload = before(new byte[8], tcp(80));
      assertReaches(B, world.send(A, world.between(A, B).ip(protocol, payload)));
      assertReaches(B, world.send(A, world.between(A, B).ip(protocol, new byte[0])));
      world.put(
          B,
          World.policy(
              new PolicyKey(TrafficDirection.INGRESS, World.identity(A), protocol, 0, 0),
              PolicyEntry.deny(3)));
      assertDrop(DropReason.POLICY_DENY, world.send(A, world.between(A, B).ip(protocol, payload)));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 43, 60})
  void decide_headersOfIpv6OverIpv4_areProtocolsOfTheirOwn(int protocol) {
    World world = world(IpFamily.IPV4);
    assertReaches(B, world.send(A, world.between(A, B).ip(protocol, before(new byte[8], tcp(80)))));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 43, 44, 51, 60})
  void decide_headerThatDoesNotEndInThePacket_isInvalid(int header) {
    World world = world(IpFamily.IPV6);
    byte[] half = {Packet.TCP, 0, 0, 0, 0, 0, 0};
    assertDrop(DropReason.INVALID_PACKET, world.send(A, world.between(A, B).ip(header, half)));
    if (header != 44) {
      byte[] tooLong = {Packet.TCP, (byte) 200, 0, 0, 0, 0, 0, 0};
      assertDrop(DropReason.INVALID_PACKET, world.send(A, world.between(A, B).ip(header, tooLong)));
    }
  }

  /** A first fragment that ends inside its header, with a forged header in the padding. */
  @ParameterizedTest
  @EnumSource
  void decide_headerInThePadding_isNotRead(IpFamily family) {
    World world = world(family);
    ByteBuffer forged = world.between(A, B).fragment(1, 0, true).tcp(999, 81, Frames.SYN);
    int l4 = forged.limit() - 20;
    assertDrop(DropReason.CT_INVALID_HEADER, world.send(A, Frames.endAt(l4, forged)));
    assertDrop(DropReason.CT_INVALID_HEADER, world.send(A, Frames.endAt(l4 + 19, forged)));
    assertReaches(B, world.send(A, Frames.endAt(l4 + 20, forged)));
    ByteBuffer udp = world.between(A, B).udp(1, 2);
    int ports = udp.limit() - 12;
    assertDrop(DropReason.CT_INVALID_HEADER, world.send(A, Frames.endAt(ports + 3, udp)));
    assertReaches(B, world.send(A, Frames.endAt(ports + 4, udp)));
    ByteBuffer ping = world.between(A, B).echoRequest(1);
    int icmp = ping.limit() - 8;
    assertDrop(DropReason.CT_INVALID_HEADER, world.send(A, Frames.endAt(icmp + 7, ping)));
  }

  @ParameterizedTest
  @EnumSource
  void decide_lengthBeyondTheFrame_isInvalid(IpFamily family) {
    World world = world(family);
    ByteBuffer frame = world.between(A, B).udp(1, 2);
    assertDrop(DropReason.INVALID_PACKET, world.send(A, Frames.endAt(frame.limit() + 1, frame)));
    assertReaches(B, world.send(A, frame));
  }

  /** Segments that the kernel merged to more than 64 KiB state no length (BIG TCP). */
  @ParameterizedTest
  @EnumSource
  void decide_noLengthStated_isBelievedOfMergedSegmentsAlone(IpFamily family) {
    World world = world(family);
    ByteBuffer frame = world.between(A, B).tcp(999, 81, Frames.SYN);
    int none = family == IpFamily.IPV4 ? 14 : 54;
    assertDrop(
        family == IpFamily.IPV4 ? DropReason.INVALID_PACKET : DropReason.CT_INVALID_HEADER,
        world.send(A, Frames.endAt(none, frame)));
    assertReaches(
        B, world.decider.decide(Frames.endAt(none, frame), FrameKind.MERGED, World.device(A)));
  }

  /** Before that, IPv6 said so by a hop-by-hop option (RFC 2675). */
  @Test
  void decide_jumbogram_isReadToTheFramesEnd() {
    World world = world(IpFamily.IPV6);
    ByteBuffer frame = world.between(A, B).extensions(0).tcp(999, 81, Frames.SYN);
    assertReaches(B, world.send(A, Frames.endAt(54, frame)));
    ByteBuffer denied = world.between(A, B).extensions(0).tcp(999, 80, Frames.SYN);
    assertDrop(DropReason.POLICY_DENY, world.send(A, Frames.endAt(54, denied)));
  }

  @Test
  void decide_fifthHeader_isTooMany() {
    World world = world(IpFamily.IPV6);
    assertReaches(
        B, world.send(A, world.between(A, B).extensions(0, 43, 51, 60).tcp(9, 81, Frames.SYN)));
    assertDrop(
        DropReason.INVALID_EXTENSION_HEADER,
        world.send(
            A,
            world
                .between(A, B)
                .extensions(0, 43, 51, 60)
                .fragment(1, 0, true)
                .tcp(9, 81, Frames.SYN)));
    assertEquals(
        DropReason.INVALID_EXTENSION_HEADER, world.reported.getLast().drop().orElseThrow());
  }
}
