// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.memory.Frames;
import java.nio.ByteBuffer;
import java.util.function.Function;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * ICMP errors about a known flow pass, in whatever form they quote it. Pod a sends to outside1, the
 * error comes from the router outside2, and a's policy lets nothing else in.
 */
class ErrorsKernelIT extends PacketTests {

  /** Under which a may send, and nothing may begin towards it. */
  private NodeState closed() {
    return NodeState.OPEN.policy(node.a, NodeState.only(TrafficDirection.EGRESS));
  }

  @ParameterizedTest
  @EnumSource
  void tooBig_quotingAnyFormOfAPacketOfAKnownFlow_passes(IpFamily family) {
    node.apply(closed());
    int port = nextPort();
    boolean v6 = family == IpFamily.IPV6;
    assertQuoted(family, frames -> frames.udp(port, 80));
    assertQuoted(family, frames -> frames.fragment(port, 0, true).udp(port, 80, 64));
    assertQuoted(
        family, frames -> frames.fragment(port, 1024, false).ip(NodeState.UDP, new byte[64]));
    assertQuoted(family, frames -> frames.extensions(Frames.AH).udp(port, 80));
    if (v6) {
      assertQuoted(family, frames -> frames.fragment(port + 1, 0, false).udp(port, 80));
      assertQuoted(
          family,
          frames ->
              frames
                  .extensions(Frames.HOP_BY_HOP, Frames.ROUTING)
                  .fragment(port + 2, 0, true)
                  .behindFragment(Frames.DESTINATION_OPTIONS)
                  .udp(port, 80, 64));
    }
    int id = nextPort();
    assertQuoted(family, frames -> frames.echoRequest(id));
    int tcp = nextPort();
    assertQuoted(family, frames -> frames.tcp(tcp, 80, Frames.SYN));
  }

  /** The packet goes out, and the error about it comes in. */
  private void assertQuoted(IpFamily family, Function<Frames, ByteBuffer> packet) {
    var sent = node.shot(node.a, node.outside1, family, packet);
    assertTrue(node.passes(sent), "what the error is about");
    assertTrue(error(family, sent.frame()), "the error");
  }

  private boolean error(IpFamily family, byte[] about) {
    return node.passes(
        node.outside2, node.a, family, frames -> frames.tooBig(1280, ByteBuffer.wrap(about)));
  }

  @ParameterizedTest
  @EnumSource
  void tooBig_aboutWhatWasNeverSent_isAskedForByPolicy(IpFamily family) {
    node.apply(closed());
    int port = nextPort();
    Frames frames = node.a.to(node.outside1.address(family));
    assertFalse(error(family, Frames.bytes(frames.udp(port, 80))));
    assertFalse(error(family, Frames.bytes(frames.fragment(port, 0, true).udp(port, 80))));
    byte[] later = Frames.bytes(frames.fragment(port, 64, false).ip(NodeState.UDP, new byte[8]));
    assertFalse(error(family, later));
  }

  @ParameterizedTest
  @EnumSource
  void tooBig_aboutARevokedFlow_isAskedForByPolicy(IpFamily family) {
    node.apply(closed());
    int port = nextPort();
    var sent = node.shot(node.a, node.outside1, family, frames -> frames.udp(port, 80));
    assertTrue(node.passes(sent));
    assertTrue(error(family, sent.frame()));
    node.apply(NodeState.OPEN.policy(node.a, NodeState.rules().build()));
    assertFalse(error(family, sent.frame()), "before the flow itself was asked about");
    assertFalse(node.passes(node.a, node.outside1, family, frames -> frames.udp(port, 80)));
    node.apply(closed());
    assertFalse(error(family, sent.frame()), "revoked, and not begun anew");
  }
}
