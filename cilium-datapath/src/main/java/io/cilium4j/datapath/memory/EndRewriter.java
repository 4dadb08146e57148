// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import java.nio.ByteBuffer;

/**
 * Exchanges an end of a packet for another one, in its headers: the address, the port where it
 * differs, and the checksums that are about them (RFC 1624). Frames start at their buffer's
 * position and were read by {@link PacketParser} before.
 */
final class EndRewriter {

  private static final int IPV4_CHECKSUM = 10;
  private static final int IPV4_SOURCE = 12;
  private static final int IPV4_DESTINATION = 16;
  private static final int IPV6_SOURCE = 8;
  private static final int IPV6_DESTINATION = 24;
  private static final int DESTINATION_PORT = 2;
  private static final int TCP_CHECKSUM = 16;
  private static final int UDP_CHECKSUM = 6;
  private static final int ICMP_CHECKSUM = 2;

  /** A sum of no bits, of which UDP says that there is none. */
  private static final int NO_CHECKSUM = 0;

  private static final int OTHER_ZERO = 0xffff;
  private static final long WORD = 0xffff_ffffL;

  /** What the transport's checksum covers so far. */
  enum Checksum {
    /** All that it is to cover. */
    WHOLE,
    /** The addresses alone: a device completes it, and the field is no complement yet. */
    OF_ADDRESSES
  }

  private EndRewriter() {}

  /**
   * Puts another end in the place of the destination.
   *
   * @param packet what was read of the frame, as it is now
   * @return whether the frame is long enough for what is to be changed
   */
  static boolean replaceDestination(ByteBuffer frame, Packet packet, End to, Checksum checksum) {
    putAddress(frame, packet, packet.isIpv6() ? IPV6_DESTINATION : IPV4_DESTINATION, to);
    long difference = difference(packet.destinationHigh, packet.destinationLow, to);
    return replacePort(
        frame, packet, DESTINATION_PORT, packet.destinationPort, to.port(), difference, checksum);
  }

  /** As {@link #replaceDestination}, of the source. */
  static boolean replaceSource(ByteBuffer frame, Packet packet, End to, Checksum checksum) {
    putAddress(frame, packet, packet.isIpv6() ? IPV6_SOURCE : IPV4_SOURCE, to);
    long difference = difference(packet.sourceHigh, packet.sourceLow, to);
    return replacePort(frame, packet, 0, packet.sourcePort, to.port(), difference, checksum);
  }

  /** Writes an address, and the checksum of an IPv4 header. */
  private static void putAddress(ByteBuffer frame, Packet packet, int offset, End to) {
    int at = packet.l3 + offset;
    if (packet.isIpv6()) {
      frame.putLong(at, to.high()).putLong(at + Long.BYTES, to.low());
      return;
    }
    long difference = (~frame.getInt(at) & WORD) + to.low();
    frame.putInt(at, (int) to.low());
    replaceSum(frame, packet.l3 + IPV4_CHECKSUM, difference);
  }

  private static boolean replacePort(
      ByteBuffer frame,
      Packet packet,
      int offset,
      int from,
      int to,
      long ofAddresses,
      Checksum checksum) {
    if (packet.fragment == Packet.Fragment.LATER) {
      // Ports and checksum are in the first one.
      return true;
    }
    if (from != to) {
      frame.putShort(packet.l4 + offset, (short) to);
    }
    if (packet.protocol != Packet.TCP && packet.protocol != Packet.UDP) {
      return true;
    }
    boolean udp = packet.protocol == Packet.UDP;
    int at = packet.l4 + (udp ? UDP_CHECKSUM : TCP_CHECKSUM);
    if (at + Short.BYTES > frame.limit()) {
      return false;
    }
    if (checksum == Checksum.OF_ADDRESSES) {
      frame.putShort(at, (short) fold((frame.getShort(at) & 0xffff) + ofAddresses));
      return true;
    }
    if (udp && frame.getShort(at) == NO_CHECKSUM) {
      return true;
    }
    replaceSum(frame, at, ofAddresses + difference(from, to));
    if (udp && frame.getShort(at) == NO_CHECKSUM) {
      frame.putShort(at, (short) OTHER_ZERO);
    }
    return true;
  }

  /**
   * Makes an ICMP error about what went to a backend one about what the client sent.
   *
   * @param error the packet on its way
   * @param quoted what it quotes, as it is now
   * @param asked what the client sent it to
   */
  static void requote(ByteBuffer frame, Packet error, Packet quoted, End asked) {
    int sum = error.l4 + ICMP_CHECKSUM;
    putAddress(frame, quoted, quoted.isIpv6() ? IPV6_DESTINATION : IPV4_DESTINATION, asked);
    if (quoted.isIpv6()) {
      replaceSum(frame, sum, difference(quoted.destinationHigh, quoted.destinationLow, asked));
    }
    // The header of IPv4 sums up to what it did.
    if (quoted.fragment != Packet.Fragment.LATER && quoted.destinationPort != asked.port()) {
      frame.putShort(quoted.l4 + DESTINATION_PORT, (short) asked.port());
      replaceSum(frame, sum, difference(quoted.destinationPort, asked.port()));
    }
  }

  /** What a sum over an address grows by where another one takes its place. */
  private static long difference(long fromHigh, long fromLow, End to) {
    return wordDifference(fromHigh >>> 32, to.high() >>> 32)
        + wordDifference(fromHigh & WORD, to.high() & WORD)
        + wordDifference(fromLow >>> 32, to.low() >>> 32)
        + wordDifference(fromLow & WORD, to.low() & WORD);
  }

  private static long difference(int fromPort, int toPort) {
    return wordDifference(fromPort, toPort);
  }

  private static long wordDifference(long from, long to) {
    return (~from & WORD) + to;
  }

  /** The sum stands in its complement; of the two zeros the kernel writes the one without bits. */
  private static void replaceSum(ByteBuffer frame, int at, long difference) {
    int before = ~frame.getShort(at) & 0xffff;
    frame.putShort(at, (short) ~fold(OTHER_ZERO + before + difference));
  }

  private static int fold(long sum) {
    long left = sum;
    while (left >>> 16 != 0) {
      left = (left & 0xffff) + (left >>> 16);
    }
    return (int) left;
  }
}
