// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.FrameKind;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Reads Ethernet frames. Every byte comes from a pod or from outside: nothing is believed before
 * its place is known to be inside the packet, and whatever the bytes are, the answer is a filled
 * {@link Packet} or a {@link DropReason}, never an exception.
 *
 * <p>A packet ends where its IP header says, never with the frame: what stands behind is padding.
 * Only merged segments may state no length.
 *
 * <p>Layouts: Ethernet II, RFC 791 (IPv4), RFC 8200 (IPv6 and its extension headers), RFC 4302
 * (AH), RFC 9293 (TCP), 768 (UDP), 9260 (SCTP), 792 and 4443 (ICMP).
 */
final class PacketParser {
  static final int ETHERNET_BYTES = 14;
  static final int ETHERTYPE_IPV4 = 0x0800;
  static final int ETHERTYPE_IPV6 = 0x86dd;
  private static final int ETHERTYPE_ARP = 0x0806;

  /** Tags of 802.1Q and 802.1ad. */
  private static final int ETHERTYPE_VLAN = 0x8100;

  private static final int ETHERTYPE_SERVICE_VLAN = 0x88a8;

  /** How many headers are stepped over before a packet is given up. */
  private static final int MAX_EXTENSION_HEADERS = 4;

  private static final int IPV4_BYTES = 20;
  private static final int IPV6_BYTES = 40;

  /** An ICMP header; the packet that an error quotes stands behind it. */
  private static final int ICMP_BYTES = 8;

  static final int NEXT_HOP_BY_HOP = 0;
  static final int NEXT_ROUTING = 43;
  private static final int NEXT_FRAGMENT = 44;
  static final int NEXT_AUTHENTICATION = 51;
  static final int NEXT_DESTINATION = 60;

  /** The smallest extension header, and the only size of a fragment's. */
  private static final int EXTENSION_BYTES = 8;

  /** A TCP header without options, and where its flags are. */
  private static final int TCP_BYTES = 20;

  private static final int TCP_FLAGS_OFFSET = 13;

  /** Both ports, with which TCP, UDP and SCTP begin. */
  private static final int PORTS_BYTES = 4;

  /** How much of a packet must be there. */
  private enum Depth {
    /** All of it, with its transport header. */
    WHOLE,
    /** As much as an ICMP error quotes, with the ports. */
    QUOTED
  }

  private PacketParser() {}

  /**
   * Reads the frame between the buffer's position and limit.
   *
   * @param frame in network byte order; its position stays
   * @param kind what else is known of the frame
   * @param packet filled as far as the frame could be read
   * @return why the packet cannot be read, or null
   */
  static @Nullable DropReason parse(ByteBuffer frame, FrameKind kind, Packet packet) {
    packet.clear();
    int start = frame.position();
    if (kind == FrameKind.TAGGED) {
      return DropReason.VLAN_FILTERED;
    }
    if (frame.remaining() < ETHERNET_BYTES) {
      return DropReason.INVALID_PACKET;
    }
    packet.l3 = start + ETHERNET_BYTES;
    packet.destinationMac = frame.getLong(start) >>> Short.SIZE;
    packet.sourceMac = frame.getLong(start + 6) >>> Short.SIZE;
    int type = frame.getShort(start + 12) & 0xffff;
    return switch (type) {
      case ETHERTYPE_IPV4 -> parseIpv4(frame, packet, kind);
      case ETHERTYPE_IPV6 -> parseIpv6(frame, packet, kind);
      case ETHERTYPE_VLAN, ETHERTYPE_SERVICE_VLAN -> DropReason.VLAN_FILTERED;
      default -> {
        packet.isArp = type == ETHERTYPE_ARP;
        yield DropReason.UNSUPPORTED_L3;
      }
    };
  }

  private static @Nullable DropReason parseIpv4(ByteBuffer frame, Packet packet, FrameKind kind) {
    int l3 = packet.l3;
    if (frame.limit() - l3 < IPV4_BYTES) {
      return DropReason.INVALID_PACKET;
    }
    int stated = frame.getShort(l3 + 2) & 0xffff;
    packet.end = stated == 0 && kind == FrameKind.MERGED ? frame.limit() : l3 + stated;
    return packet.end > frame.limit()
        ? DropReason.INVALID_PACKET
        : readIpv4(frame, packet, Depth.WHOLE);
  }

  private static @Nullable DropReason parseIpv6(ByteBuffer frame, Packet packet, FrameKind kind) {
    int l3 = packet.l3;
    if (frame.limit() - l3 < IPV6_BYTES) {
      return DropReason.INVALID_PACKET;
    }
    int stated = frame.getShort(l3 + 4) & 0xffff;
    boolean jumbo =
        stated == 0 && (kind == FrameKind.MERGED || frame.get(l3 + 6) == NEXT_HOP_BY_HOP);
    packet.end = jumbo ? frame.limit() : l3 + IPV6_BYTES + stated;
    return packet.end > frame.limit()
        ? DropReason.INVALID_PACKET
        : readIpv6(frame, packet, Depth.WHOLE);
  }

  /**
   * Reads the packet that an ICMP error quotes, as far as it is there: its sender and receiver,
   * protocol and ports.
   *
   * @return whether it could be read
   */
  static boolean parseQuoted(ByteBuffer frame, Packet error, Packet quoted) {
    quoted.clear();
    quoted.l3 = error.l4 + ICMP_BYTES;
    quoted.end = error.end;
    return (error.isIpv6()
            ? readIpv6(frame, quoted, Depth.QUOTED)
            : readIpv4(frame, quoted, Depth.QUOTED))
        == null;
  }

  /**
   * Reads who sent a packet to whom from its IP header, which is all that need be there; ports are
   * not read.
   *
   * @return whether it could be read
   */
  static boolean parseEnds(ByteBuffer header, Packet packet) {
    packet.clear();
    int present = header.limit();
    int version = present == 0 ? 0 : (header.get(0) & 0xff) >>> 4;
    if (version == 4 && present >= IPV4_BYTES) {
      packet.end = header.getShort(2) & 0xffff;
      packet.protocol = header.get(9) & 0xff;
      packet.sourceLow = header.getInt(12) & 0xffff_ffffL;
      packet.destinationLow = header.getInt(16) & 0xffff_ffffL;
      return true;
    }
    if (version != 6 || present < IPV6_BYTES) {
      return false;
    }
    packet.family = IpFamily.IPV6;
    packet.end = IPV6_BYTES + (header.getShort(4) & 0xffff);
    packet.protocol = header.get(6) & 0xff;
    packet.sourceHigh = header.getLong(8);
    packet.sourceLow = header.getLong(16);
    packet.destinationHigh = header.getLong(24);
    packet.destinationLow = header.getLong(32);
    return true;
  }

  private static @Nullable DropReason readIpv4(ByteBuffer frame, Packet packet, Depth depth) {
    packet.family = IpFamily.IPV4;
    int l3 = packet.l3;
    int present = packet.end - l3;
    if (present < IPV4_BYTES) {
      return DropReason.INVALID_PACKET;
    }
    int first = frame.get(l3) & 0xff;
    int headerBytes = (first & 15) * 4;
    if (first >>> 4 != 4 || headerBytes < IPV4_BYTES || headerBytes > present) {
      return DropReason.INVALID_PACKET;
    }
    packet.hopLimit = frame.get(l3 + 8) & 0xff;
    packet.protocol = frame.get(l3 + 9) & 0xff;
    packet.sourceLow = frame.getInt(l3 + 12) & 0xffff_ffffL;
    packet.destinationLow = frame.getInt(l3 + 16) & 0xffff_ffffL;
    packet.fragmentId = frame.getShort(l3 + 4) & 0xffff;
    packet.fragmentProtocol = packet.protocol;
    int fragment = frame.getShort(l3 + 6) & 0xffff;
    setFragment(packet, fragment & 0x1fff, (fragment & 0x2000) != 0);
    if (packet.fragment == Packet.Fragment.LATER) {
      return null;
    }
    return readExtensions(frame, l3 + headerBytes, packet, depth);
  }

  private static @Nullable DropReason readIpv6(ByteBuffer frame, Packet packet, Depth depth) {
    packet.family = IpFamily.IPV6;
    int l3 = packet.l3;
    if (packet.end - l3 < IPV6_BYTES || (frame.get(l3) & 0xff) >>> 4 != 6) {
      return DropReason.INVALID_PACKET;
    }
    packet.hopLimit = frame.get(l3 + 7) & 0xff;
    packet.protocol = frame.get(l3 + 6) & 0xff;
    packet.sourceHigh = frame.getLong(l3 + 8);
    packet.sourceLow = frame.getLong(l3 + 16);
    packet.destinationHigh = frame.getLong(l3 + 24);
    packet.destinationLow = frame.getLong(l3 + 32);
    return readExtensions(frame, l3 + IPV6_BYTES, packet, depth);
  }

  /**
   * Steps over the headers before the transport header: the packet's protocol is what stands behind
   * them. Behind a later fragment's header stands data.
   */
  private static @Nullable DropReason readExtensions(
      ByteBuffer frame, int offset, Packet packet, Depth depth) {
    int at = offset;
    boolean fragmented = false;
    for (int steps = 0; isExtension(packet.isIpv6(), packet.protocol); steps++) {
      if (steps == MAX_EXTENSION_HEADERS) {
        return DropReason.INVALID_EXTENSION_HEADER;
      }
      int present = packet.end - at;
      if (present < EXTENSION_BYTES) {
        return DropReason.INVALID_PACKET;
      }
      boolean isFragment = packet.protocol == NEXT_FRAGMENT;
      if (isFragment && fragmented) {
        return DropReason.INVALID_EXTENSION_HEADER;
      }
      int bytes = extensionBytes(frame, at, packet.protocol);
      if (present < bytes) {
        return DropReason.INVALID_PACKET;
      }
      packet.protocol = frame.get(at) & 0xff;
      if (isFragment) {
        int fragment = frame.getShort(at + 2) & 0xffff;
        packet.fragmentId = frame.getInt(at + 4);
        packet.fragmentProtocol = packet.protocol;
        setFragment(packet, fragment >>> 3, (fragment & 1) != 0);
        if (packet.fragment == Packet.Fragment.LATER) {
          return null;
        }
        fragmented = true;
      }
      at += bytes;
    }
    packet.l4 = at;
    return readTransport(frame, packet, depth);
  }

  /**
   * Whether a protocol's number stands for a header that is stepped over. What is encrypted (ESP)
   * or reserved ends the walk: nobody can say what is behind.
   */
  static boolean isExtension(boolean ipv6, int next) {
    return switch (next) {
      case NEXT_AUTHENTICATION -> true;
      case NEXT_HOP_BY_HOP, NEXT_ROUTING, NEXT_FRAGMENT, NEXT_DESTINATION -> ipv6;
      default -> false;
    };
  }

  private static int extensionBytes(ByteBuffer frame, int at, int type) {
    int stated = frame.get(at + 1) & 0xff;
    return switch (type) {
      case NEXT_FRAGMENT -> EXTENSION_BYTES;
      case NEXT_AUTHENTICATION -> (stated + 2) * 4;
      default -> (stated + 1) * 8;
    };
  }

  private static void setFragment(Packet packet, int offset, boolean more) {
    if (offset != 0) {
      packet.fragment = Packet.Fragment.LATER;
    } else if (more) {
      packet.fragment = Packet.Fragment.FIRST;
    }
  }

  private static @Nullable DropReason readTransport(ByteBuffer frame, Packet packet, Depth depth) {
    int l4 = packet.l4;
    if (packet.end - l4 < transportBytes(packet.protocol, depth)) {
      return DropReason.CT_INVALID_HEADER;
    }
    switch (packet.protocol) {
      case Packet.TCP, Packet.UDP, Packet.SCTP -> {
        packet.setPorts(frame.getShort(l4) & 0xffff, frame.getShort(l4 + 2) & 0xffff);
        if (packet.protocol == Packet.TCP && depth == Depth.WHOLE) {
          packet.tcpFlags = frame.get(l4 + TCP_FLAGS_OFFSET) & 0xff;
        }
      }
      case Packet.ICMP, Packet.ICMPV6 -> {
        packet.setIcmp(frame.get(l4) & 0xff, frame.getShort(l4 + 4) & 0xffff);
        packet.icmpCode = frame.get(l4 + 1) & 0xff;
      }
      default -> {
        // No ports that we know of.
      }
    }
    return null;
  }

  /** How much of a protocol's header is read; 0 for one that has no ports to us. */
  private static int transportBytes(int protocol, Depth depth) {
    return switch (protocol) {
      case Packet.TCP -> depth == Depth.WHOLE ? TCP_BYTES : PORTS_BYTES;
      case Packet.UDP, Packet.SCTP -> PORTS_BYTES;
      case Packet.ICMP, Packet.ICMPV6 -> ICMP_BYTES;
      default -> 0;
    };
  }
}
