// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.MacAddress;
import java.nio.ByteBuffer;

/**
 * What a router changes in a frame. The frame starts at the buffer's position and was read by
 * {@link PacketParser} before: its IP header is whole.
 */
final class FrameRewriter {

  private static final int IP = PacketParser.ETHERNET_BYTES;
  private static final int ETHERTYPE = 12;
  private static final int IPV4_TTL = IP + 8;
  private static final int IPV4_CHECKSUM = IP + 10;
  private static final int IPV6_HOP_LIMIT = IP + 7;

  private FrameRewriter() {}

  /** Addresses the frame to another station. */
  static void readdress(ByteBuffer frame, MacAddress destination, MacAddress source) {
    int at = frame.position();
    putMac(frame, at, destination.bits());
    putMac(frame, at + 6, source.bits());
  }

  private static void putMac(ByteBuffer frame, int at, long bits) {
    frame.putShort(at, (short) (bits >>> 32));
    frame.putInt(at + 2, (int) bits);
  }

  /** One hop less; the checksum of IPv4 follows by RFC 1624. The packet has hops left. */
  static void decrementHopLimit(ByteBuffer frame) {
    int at = frame.position();
    if ((frame.getShort(at + ETHERTYPE) & 0xffff) == PacketParser.ETHERTYPE_IPV6) {
      frame.put(at + IPV6_HOP_LIMIT, (byte) (frame.get(at + IPV6_HOP_LIMIT) - 1));
      return;
    }
    frame.put(at + IPV4_TTL, (byte) (frame.get(at + IPV4_TTL) - 1));
    // The TTL is the upper byte of its word, and the sum is of complements: less there, more here.
    int sum = (frame.getShort(at + IPV4_CHECKSUM) & 0xffff) + 0x0100;
    // Of the two zeros of such sums the kernel writes the one without bits.
    frame.putShort(at + IPV4_CHECKSUM, (short) (sum >= 0xffff ? sum + 1 : sum));
  }
}
