// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.memory.Frames;
import io.cilium4j.datapath.packets.NodeState.Rules;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What stands between the IP header and the ports, or pretends to. */
class HeadersKernelIT extends PacketTests {

  private static final int CLOSED = 99;

  /** Everything to b passes but one port. */
  private NodeState butOnePort() {
    Rules rules = NodeState.rules().allow(TrafficDirection.EGRESS).allow(TrafficDirection.INGRESS);
    rules.deny(TrafficDirection.INGRESS, NodeState.UDP, CLOSED);
    rules.deny(TrafficDirection.INGRESS, NodeState.TCP, CLOSED);
    return NodeState.OPEN.policy(node.b, rules.build());
  }

  /** One port of b's is open, and nothing else. */
  private NodeState onePort() {
    Rules rules = NodeState.rules().allow(TrafficDirection.EGRESS);
    rules.allow(TrafficDirection.INGRESS, NodeState.UDP, 80);
    rules.allow(TrafficDirection.INGRESS, NodeState.TCP, 80);
    return NodeState.OPEN.policy(node.b, rules.build());
  }

  @ParameterizedTest
  @EnumSource
  void ah_beforeAPort_hidesItFromNobody(IpFamily family) {
    node.apply(butOnePort());
    assertPorts(family, Frames.AH);
    assertPorts(family, Frames.AH, Frames.AH);
    node.apply(onePort());
    assertPorts(family, Frames.AH);
  }

  @Test
  void extensionHeaders_beforeAPort_hideItFromNobody() {
    node.apply(butOnePort());
    assertPorts(IpFamily.IPV6, Frames.HOP_BY_HOP);
    assertPorts(IpFamily.IPV6, Frames.ROUTING);
    assertPorts(IpFamily.IPV6, Frames.DESTINATION_OPTIONS);
    assertPorts(
        IpFamily.IPV6, Frames.HOP_BY_HOP, Frames.DESTINATION_OPTIONS, Frames.ROUTING, Frames.AH);
  }

  private void assertPorts(IpFamily family, int... headers) {
    String which = Arrays.toString(headers);
    assertTrue(udp(family, 80, headers), () -> "open port behind " + which);
    assertFalse(udp(family, CLOSED, headers), () -> "closed port behind " + which);
    assertTrue(tcp(family, 80, headers), () -> "open port behind " + which);
    assertFalse(tcp(family, CLOSED, headers), () -> "closed port behind " + which);
  }

  private boolean udp(IpFamily family, int port, int... headers) {
    int from = nextPort();
    return node.passes(
        node.a, node.b, family, frames -> frames.extensions(headers).udp(from, port));
  }

  private boolean tcp(IpFamily family, int port, int... headers) {
    int from = nextPort();
    return node.passes(
        node.a, node.b, family, frames -> frames.extensions(headers).tcp(from, port, Frames.SYN));
  }

  /** They end the walk and are protocols of their own; what follows is their payload. */
  @ParameterizedTest
  @ValueSource(ints = {50, 59, 135, 139, 140, 254})
  void protocol_withoutPorts_isNoneOfAnotherOne(int protocol) {
    for (IpFamily family : IpFamily.values()) {
      byte[] likeUdp = ByteBuffer.allocate(16).putShort((short) 7).putShort((short) CLOSED).array();
      // As a next header's number the first byte says UDP.
      likeUdp[0] = NodeState.UDP;
      node.apply(butOnePort());
      assertTrue(node.passes(node.a, node.b, family, frames -> frames.ip(protocol, likeUdp)));
      byte[] likeOpen = likeUdp.clone();
      likeOpen[3] = 80;
      node.apply(onePort());
      assertFalse(node.passes(node.a, node.b, family, frames -> frames.ip(protocol, likeOpen)));
      Rules named = NodeState.rules().allow(TrafficDirection.EGRESS);
      named.allow(TrafficDirection.INGRESS, protocol);
      node.apply(NodeState.OPEN.policy(node.b, named.build()));
      assertTrue(node.passes(node.a, node.b, family, frames -> frames.ip(protocol, likeUdp)));
    }
  }

  @Test
  void extensionHeaders_moreThanFour_areDroppedAndTold() {
    int options = Frames.DESTINATION_OPTIONS;
    assertTrue(udp(IpFamily.IPV6, 80, options, options, options, options));
    assertInvalid(frames -> frames.extensions(options, options, options, options, options));
    // The fragment header is one of them.
    assertInvalid(
        frames -> frames.extensions(options, options, options, options).fragment(7, 0, false));
    assertInvalid(
        frames -> frames.fragment(7, 0, false).behindFragment(options, options, options, options));
    assertInvalid(frames -> frames.extensions(Frames.FRAGMENT).fragment(7, 0, false));
    assertFalse(udp(IpFamily.IPV4, 80, Frames.AH, Frames.AH, Frames.AH, Frames.AH, Frames.AH));
  }

  private void assertInvalid(Function<Frames, Frames> headers) {
    int from = nextPort();
    assertFalse(
        node.passes(node.a, node.b, IpFamily.IPV6, frames -> headers.apply(frames).udp(from, 80)));
    assertEquals(1, node.takeDrops(DropReason.INVALID_EXTENSION_HEADER));
  }

  /** A header that Ethernet's padding holds is none of the packet's. */
  @ParameterizedTest
  @EnumSource
  void header_inThePadding_isNotRead(IpFamily family) {
    int l4 = Frames.L3 + (family == IpFamily.IPV4 ? 20 : 40);
    node.apply(onePort());
    for (int bytes : new int[] {0, 2, 3}) {
      assertFalse(cut(family, l4 + bytes, frames -> frames.udp(nextPort(), 80)));
      assertEquals(1, node.takeDrops(DropReason.CT_INVALID_HEADER), "UDP of " + bytes);
    }
    for (int bytes : new int[] {0, 4, 12, 19}) {
      assertFalse(cut(family, l4 + bytes, frames -> frames.tcp(nextPort(), 80, Frames.SYN)));
      assertEquals(1, node.takeDrops(DropReason.CT_INVALID_HEADER), "TCP of " + bytes);
    }
    assertTrue(node.passes(node.a, node.b, family, frames -> frames.udp(nextPort(), 80)));
  }

  /** A first fragment of so few bytes, behind which the real ports would come. */
  @ParameterizedTest
  @EnumSource
  void firstFragment_withAForgedHeaderInThePadding_isDropped(IpFamily family) {
    int l4 = Frames.L3 + (family == IpFamily.IPV4 ? 20 : 48);
    node.apply(onePort());
    for (int bytes : new int[] {0, 2, 3}) {
      int id = nextPort();
      assertFalse(cut(family, l4 + bytes, frames -> frames.fragment(id, 0, true).udp(7, 80, 64)));
      assertEquals(1, node.takeDrops(DropReason.CT_INVALID_HEADER));
      assertFalse(
          node.passes(
              node.a,
              node.b,
              family,
              frames -> frames.fragment(id, 8, false).ip(NodeState.UDP, new byte[16])),
          "and teaches nothing");
      node.takeDrops(DropReason.FRAGMENT_NOT_FOUND);
    }
  }

  /** Nor does a walk go beyond the packet's end. */
  @Test
  void extensionHeader_inThePadding_isNotWalked() {
    int l4 = Frames.L3 + 40;
    for (int header : new int[] {Frames.HOP_BY_HOP, Frames.ROUTING, Frames.DESTINATION_OPTIONS}) {
      assertFalse(cut(IpFamily.IPV6, l4 + 4, frames -> frames.extensions(header).udp(7, 80)));
      assertEquals(1, node.takeDrops(DropReason.INVALID_PACKET), "header " + header);
    }
    assertFalse(cut(IpFamily.IPV6, l4 + 12, frames -> frames.extensions(Frames.AH).udp(7, 80)));
    assertEquals(1, node.takeDrops(DropReason.INVALID_PACKET), "AH");
    assertFalse(cut(IpFamily.IPV6, l4 + 4, frames -> frames.fragment(7, 0, true).udp(7, 80)));
    assertEquals(1, node.takeDrops(DropReason.INVALID_PACKET), "fragment header");
    assertFalse(
        cut(IpFamily.IPV4, l4 - 20 + 12, frames -> frames.extensions(Frames.AH).udp(7, 80)));
    assertEquals(1, node.takeDrops(DropReason.INVALID_PACKET), "AH of IPv4");
  }

  /** Sends a packet whose IP header says that it ends there, though the frame goes on. */
  private boolean cut(IpFamily family, int end, Function<Frames, ByteBuffer> packet) {
    return node.passes(node.a, node.b, family, frames -> Frames.endAt(end, packet.apply(frames)));
  }

  /** And a packet that is longer than its frame is none. */
  @ParameterizedTest
  @EnumSource
  void length_beyondTheFrame_isInvalid(IpFamily family) {
    assertFalse(
        node.passes(
            node.a,
            node.b,
            family,
            frames -> {
              ByteBuffer frame = frames.udp(7, 80);
              return Frames.endAt(frame.limit() + 1, frame);
            }));
    assertEquals(1, node.takeDrops(DropReason.INVALID_PACKET));
  }

  @ParameterizedTest
  @EnumSource
  void vlanTag_ofEitherKind_isFiltered(IpFamily family) {
    for (int tag : new int[] {0x8100, 0x88a8}) {
      var plain = node.shot(node.a, node.b, family, frames -> frames.udp(7, 80));
      ByteBuffer tagged = Frames.tagged(ByteBuffer.wrap(plain.frame()), tag);
      assertFalse(node.passes(new Shot(node.a, node.b, Frames.bytes(tagged), plain.number())));
      assertEquals(1, node.takeDrops(DropReason.VLAN_FILTERED), Integer.toHexString(tag));
    }
  }

  @Test
  void frame_neitherIpNorArp_isUnsupported() {
    for (Integer type : List.of(0x88b5, 0x88cc, 0x8847, 0x0806 + 1, 0x8863)) {
      var plain = node.shot(node.a, node.b, IpFamily.IPV4, frames -> frames.udp(7, 80));
      ByteBuffer.wrap(plain.frame()).putShort(12, type.shortValue());
      assertFalse(node.passes(plain));
      assertEquals(1, node.takeDrops(DropReason.UNSUPPORTED_L3), Integer.toHexString(type));
    }
  }
}
