// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.memory.Frames;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A packet that is too large for what lies ahead is answered, and not lost without a word. */
class SizesKernelIT extends PacketTests {

  private static final int LARGE = 4000;

  private Station large;

  @BeforeEach
  void connect() {
    large = node.pod("large", 30, 9000);
    node.apply(NodeState.OPEN);
  }

  @AfterEach
  void disconnect() {
    node.remove(large);
  }

  @ParameterizedTest
  @EnumSource
  void packet_largerThanTheUplink_isAnsweredByTheNode(IpFamily family) {
    assertFalse(node.passes(tooLarge(node.outside1, family)));
    node.awaitSaid(large, frame -> isTooBig(frame, family));
  }

  /** Between pods the programs do without the receiver's limit; then it must arrive. */
  @ParameterizedTest
  @EnumSource
  void packet_largerThanAPodTakes_arrivesOrIsAnswered(IpFamily family) {
    boolean arrived = node.passes(tooLarge(node.b, family));
    if (!arrived) {
      node.awaitSaid(large, frame -> isTooBig(frame, family));
    }
    assertTrue(node.passes(large, node.b, family, frames -> frames.udp(nextPort(), 80, 1000)));
  }

  /** May not be cut on its way. */
  private Shot tooLarge(Station to, IpFamily family) {
    int port = nextPort();
    return node.shot(
        large,
        to,
        family,
        frames -> {
          ByteBuffer frame = frames.udp(port, 80, LARGE);
          if (family == IpFamily.IPV4) {
            frame.put(Frames.L3 + 6, (byte) 0x40);
            Frames.fillIpv4Checksum(frame);
          }
          return frame;
        });
  }

  private static boolean isTooBig(byte[] frame, IpFamily family) {
    int l4 = Frames.L3 + (family == IpFamily.IPV4 ? 20 : 40);
    return family == IpFamily.IPV4
        ? frame[12] == 8 && frame[Frames.L3 + 9] == 1 && frame[l4] == 3 && frame[l4 + 1] == 4
        : frame[12] == (byte) 0x86 && frame[Frames.L3 + 6] == 58 && frame[l4] == 2;
  }
}
