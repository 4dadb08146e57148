// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.memory.Frames;
import java.nio.ByteBuffer;
import java.util.function.Function;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A new or moved endpoint takes its flows over: they go straight, and no more by the stack. */
class TakeoverKernelIT extends PacketTests {

  private static final int ID = 20;

  @ParameterizedTest
  @EnumSource
  void udpFlow_thatBeganBeforeItsPeerWasAPod_isTakenOver(IpFamily family) {
    int port = nextPort();
    // To an address that is nobody's yet: it goes to the stack, which has no way there.
    Station early = address();
    node.sendRaw(node.a, Frames.bytes(node.a.to(early.address(family)).udp(port, 80)));
    node.settle(node.a, node.outside1);
    for (int life = 0; life < 2; life++) {
      Station peer = node.pod("late", ID);
      node.apply(NodeState.OPEN);
      for (int i = 0; i < 3; i++) {
        assertStraight(node.a, peer, family, frames -> frames.udp(port, 80));
        assertStraight(peer, node.a, family, frames -> frames.udp(80, port));
      }
      node.remove(peer);
      // It is used all the while.
      node.sendRaw(node.a, Frames.bytes(node.a.to(early.address(family)).udp(port, 80)));
      node.settle(node.a, node.outside1);
    }
  }

  /** The same where the new pod speaks first. */
  @ParameterizedTest
  @EnumSource
  void udpFlow_inWhichThePodIsTheFirstToSpeakOn_isTakenOver(IpFamily family) {
    int port = nextPort();
    node.sendRaw(node.a, Frames.bytes(node.a.to(address().address(family)).udp(port, 80)));
    node.settle(node.a, node.outside1);
    Station peer = node.pod("late", ID);
    node.apply(NodeState.OPEN);
    for (int i = 0; i < 3; i++) {
      assertStraight(peer, node.a, family, frames -> frames.udp(80, port));
      assertStraight(node.a, peer, family, frames -> frames.udp(port, 80));
    }
    node.remove(peer);
  }

  private void assertStraight(
      Station from, Station to, IpFamily family, Function<Frames, ByteBuffer> packet) {
    Shot shot = node.shot(from, to, family, packet);
    assertTrue(node.passes(shot), () -> from + " to " + to);
    assertFalse(node.cameByStack(shot), () -> from + " to " + to + " went by the stack");
  }

  /** The addresses that the pod will have. */
  private Station address() {
    Station pod = node.pod("address", ID);
    node.remove(pod);
    return pod;
  }
}
