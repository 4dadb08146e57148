// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import java.nio.ByteBuffer;

/** Ethernet frames with a TCP segment, as far as the programs read them. */
final class Frames {
  static final int TCP = 6;
  static final int SYN = 0x02;
  static final int ACK = 0x10;

  /** The most that the hop-limit field holds: one less with each run of a repeated test run. */
  private static final byte HOPS = (byte) 255;

  private Frames() {}

  static byte[] tcp(IpAddress from, int fromPort, IpAddress to, int toPort, int flags) {
    ByteBuffer frame = ByteBuffer.allocate(from.family() == IpFamily.IPV4 ? 54 : 74);
    frame.position(12);
    if (from.family() == IpFamily.IPV4) {
      frame.putShort((short) 0x0800);
      frame.put((byte) 0x45).put((byte) 0).putShort((short) 40).putInt(0);
      frame.put(HOPS).put((byte) TCP).putShort((short) 0).put(from.bytes()).put(to.bytes());
    } else {
      frame.putShort((short) 0x86dd).putInt(0x6000_0000).putShort((short) 20);
      frame.put((byte) TCP).put(HOPS).put(from.bytes()).put(to.bytes());
    }
    frame.putShort((short) fromPort).putShort((short) toPort).putLong(0);
    frame.put((byte) 0x50).put((byte) flags);
    return frame.array();
  }
}
