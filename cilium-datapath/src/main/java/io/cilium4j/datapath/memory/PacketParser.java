// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpFamily;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Reads Ethernet frames. Every byte comes from a pod or from outside: nothing is believed before
 * its place is known to be inside the frame, and whatever the bytes are, the answer is a filled
 * {@link Packet} or a {@link DropReason}, never an exception. The length that the IP header states
 * is left to the receiver's stack, which checks it: segments that the kernel has merged state none.
 *
 * <p>Layouts: Ethernet II without a tag, RFC 791 (IPv4), RFC 8200 (IPv6 and its extension headers),
 * RFC 9293 (TCP), 768 (UDP), 9260 (SCTP), 792 and 4443 (ICMP).
 */
final class PacketParser {
  static final int ETHERNET_BYTES = 14;
  static final int ETHERTYPE_IPV4 = 0x0800;
  static final int ETHERTYPE_IPV6 = 0x86dd;

  /** How many IPv6 extension headers are stepped over before a packet is given up. */
  private static final int MAX_EXTENSION_HEADERS = 4;

  private static final int IPV4_BYTES = 20;
  private static final int IPV6_BYTES = 40;

  /** An ICMP header; the packet that an error quotes stands behind it. */
  private static final int ICMP_BYTES = 8;

  private static final int NEXT_HOP_BY_HOP = 0;
  private static final int NEXT_ROUTING = 43;
  private static final int NEXT_FRAGMENT = 44;
  private static final int NEXT_DESTINATION = 60;

  /** The one extension header without a length of its own. */
  private static final int FRAGMENT_BYTES = 8;

  /** How much of a transport header must be there. */
  private enum Depth {
    /** As far as the last field that is read. */
    WHOLE,
    /** Its first eight bytes, which is what an ICMP error has to quote. */
    QUOTED
  }

  /** A TCP header as far as its flags, and where they are. */
  private static final int TCP_BYTES = 14;

  private static final int TCP_FLAGS_OFFSET = 13;

  /** Both ports, with which UDP and SCTP begin. */
  private static final int PORTS_BYTES = 4;

  private static final int QUOTED_BYTES = 8;

  private PacketParser() {}

  /**
   * Reads the frame between the buffer's position and limit.
   *
   * @param frame in network byte order; its position stays
   * @param packet filled as far as the frame could be read
   * @return why the packet cannot be read, or null
   */
  static @Nullable DropReason parse(ByteBuffer frame, Packet packet) {
    packet.clear();
    int start = frame.position();
    if (frame.remaining() < ETHERNET_BYTES) {
      return DropReason.INVALID_PACKET;
    }
    int type = frame.getShort(start + 12) & 0xffff;
    int l3 = start + ETHERNET_BYTES;
    return switch (type) {
      case ETHERTYPE_IPV4 -> parseIpv4(frame, l3, packet, Depth.WHOLE);
      case ETHERTYPE_IPV6 -> parseIpv6(frame, l3, packet, Depth.WHOLE);
      default -> DropReason.UNSUPPORTED_L3;
    };
  }

  /**
   * Reads the packet that an ICMP error quotes: its sender and receiver, protocol and ports.
   *
   * @return whether it could be read and can belong to a flow
   */
  static boolean parseQuoted(ByteBuffer frame, Packet error, Packet quoted) {
    quoted.clear();
    DropReason reason =
        error.family == IpFamily.IPV4
            ? parseIpv4(frame, error.quoted, quoted, Depth.QUOTED)
            : parseIpv6(frame, error.quoted, quoted, Depth.QUOTED);
    return reason == null && quoted.fragment != Packet.Fragment.LATER;
  }

  private static @Nullable DropReason parseIpv4(
      ByteBuffer frame, int l3, Packet packet, Depth depth) {
    packet.family = IpFamily.IPV4;
    if (frame.limit() - l3 < IPV4_BYTES) {
      return DropReason.INVALID_PACKET;
    }
    int first = frame.get(l3) & 0xff;
    int headerBytes = (first & 15) * 4;
    if (first >>> 4 != 4 || headerBytes < IPV4_BYTES) {
      return DropReason.INVALID_PACKET;
    }
    packet.hopLimit = frame.get(l3 + 8) & 0xff;
    packet.protocol = frame.get(l3 + 9) & 0xff;
    packet.sourceLow = frame.getInt(l3 + 12) & 0xffff_ffffL;
    packet.destinationLow = frame.getInt(l3 + 16) & 0xffff_ffffL;
    packet.fragmentId = frame.getShort(l3 + 4) & 0xffff;
    int fragment = frame.getShort(l3 + 6) & 0xffff;
    setFragment(packet, fragment & 0x1fff, (fragment & 0x2000) != 0);
    return parseTransport(frame, l3 + headerBytes, packet, depth);
  }

  private static @Nullable DropReason parseIpv6(
      ByteBuffer frame, int l3, Packet packet, Depth depth) {
    packet.family = IpFamily.IPV6;
    if (frame.limit() - l3 < IPV6_BYTES || (frame.get(l3) & 0xff) >>> 4 != 6) {
      return DropReason.INVALID_PACKET;
    }
    packet.hopLimit = frame.get(l3 + 7) & 0xff;
    packet.sourceHigh = frame.getLong(l3 + 8);
    packet.sourceLow = frame.getLong(l3 + 16);
    packet.destinationHigh = frame.getLong(l3 + 24);
    packet.destinationLow = frame.getLong(l3 + 32);
    return parseExtensions(frame, l3 + IPV6_BYTES, frame.get(l3 + 6) & 0xff, packet, depth);
  }

  /** Steps over the extension headers. Behind a later fragment's header stands data. */
  private static @Nullable DropReason parseExtensions(
      ByteBuffer frame, int offset, int next, Packet packet, Depth depth) {
    int at = offset;
    int protocol = next;
    boolean fragmented = false;
    for (int steps = 0; isExtension(protocol); steps++) {
      boolean isFragment = protocol == NEXT_FRAGMENT;
      if (steps == MAX_EXTENSION_HEADERS
          || packet.fragment == Packet.Fragment.LATER
          || (isFragment && fragmented)
          || frame.limit() - at < (isFragment ? FRAGMENT_BYTES : 2)) {
        return DropReason.INVALID_PACKET;
      }
      protocol = frame.get(at) & 0xff;
      if (isFragment) {
        int fragment = frame.getShort(at + 2) & 0xffff;
        packet.fragmentId = frame.getInt(at + 4);
        setFragment(packet, fragment >>> 3, (fragment & 1) != 0);
        fragmented = true;
        at += FRAGMENT_BYTES;
      } else {
        at += ((frame.get(at + 1) & 0xff) + 1) * 8;
      }
    }
    packet.protocol = protocol;
    return parseTransport(frame, at, packet, depth);
  }

  private static boolean isExtension(int next) {
    return next == NEXT_HOP_BY_HOP
        || next == NEXT_ROUTING
        || next == NEXT_FRAGMENT
        || next == NEXT_DESTINATION;
  }

  private static void setFragment(Packet packet, int offset, boolean more) {
    if (offset != 0) {
      packet.fragment = Packet.Fragment.LATER;
    } else if (more) {
      packet.fragment = Packet.Fragment.FIRST;
    }
  }

  private static @Nullable DropReason parseTransport(
      ByteBuffer frame, int l4, Packet packet, Depth depth) {
    int needed = transportBytes(packet.protocol);
    if (needed == 0 || packet.fragment == Packet.Fragment.LATER) {
      return null;
    }
    int present = frame.limit() - l4;
    if (present < (depth == Depth.QUOTED ? Math.min(needed, QUOTED_BYTES) : needed)) {
      return DropReason.CT_INVALID_HEADER;
    }
    if (isIcmp(packet.protocol)) {
      parseIcmp(frame, l4, packet);
      return null;
    }
    packet.sourcePort = frame.getShort(l4) & 0xffff;
    packet.destinationPort = frame.getShort(l4 + 2) & 0xffff;
    packet.policyPort = packet.destinationPort;
    if (packet.protocol == Packet.TCP && depth == Depth.WHOLE) {
      packet.tcpFlags = frame.get(l4 + TCP_FLAGS_OFFSET) & 0xff;
    }
    return null;
  }

  /** How much of a protocol's header is read; 0 for one that has no ports to us. */
  private static int transportBytes(int protocol) {
    return switch (protocol) {
      case Packet.TCP -> TCP_BYTES;
      case Packet.UDP, Packet.SCTP -> PORTS_BYTES;
      default -> isIcmp(protocol) ? ICMP_BYTES : 0;
    };
  }

  static boolean isIcmp(int protocol) {
    return protocol == Packet.ICMP || protocol == Packet.ICMPV6;
  }

  private static void parseIcmp(ByteBuffer frame, int l4, Packet packet) {
    int type = frame.get(l4) & 0xff;
    packet.policyPort = type;
    if (isEcho(packet.protocol, type)) {
      packet.sourcePort = frame.getShort(l4 + 4) & 0xffff;
      packet.destinationPort = packet.sourcePort;
      return;
    }
    packet.destinationPort = type;
    if (isError(packet.protocol, type)) {
      packet.quoted = l4 + ICMP_BYTES;
    }
  }

  /** Echo request and reply. */
  private static boolean isEcho(int protocol, int type) {
    return protocol == Packet.ICMP ? type == 8 || type == 0 : type == 128 || type == 129;
  }

  /** IPv4: unreachable, time exceeded, parameter problem. IPv6: the lower half are all errors. */
  private static boolean isError(int protocol, int type) {
    return protocol == Packet.ICMP ? type == 3 || type == 11 || type == 12 : type < 128;
  }
}
