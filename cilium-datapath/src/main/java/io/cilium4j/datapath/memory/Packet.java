// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;

/**
 * The headers of one packet that a decision needs. Filled by {@link PacketParser} and used again
 * for the next packet, so that reading a packet allocates nothing.
 *
 * <p>Addresses stand as in {@link IpAddress}: an IPv4 address in the low 32 bits of the low half.
 */
final class Packet {
  static final int TCP = 6;
  static final int UDP = 17;
  static final int ICMP = 1;
  static final int ICMPV6 = 58;
  static final int SCTP = 132;

  static final int FIN = 0x01;
  static final int SYN = 0x02;
  static final int RST = 0x04;
  static final int ACK = 0x10;

  /** Whether the packet is a fragment, and which. */
  enum Fragment {
    /** Not a fragment. */
    NONE,
    /** The fragment that holds the ports. */
    FIRST,
    /** A fragment without ports of its own. */
    LATER
  }

  IpFamily family = IpFamily.IPV4;
  long sourceHigh;
  long sourceLow;
  long destinationHigh;
  long destinationLow;

  /** The IP protocol behind all headers that are walked; of a later fragment its own. */
  int protocol;

  /** The ports; for ICMP what stands in their place, see {@link #setIcmp}. */
  int sourcePort;

  int destinationPort;

  IcmpKind icmp = IcmpKind.NONE;
  int icmpType;
  int icmpIdentifier;

  /** The code of an ICMP header; 0 for other protocols and later fragments. */
  int icmpCode;

  /** The Ethernet addresses of the frame, 48 bits each. */
  long sourceMac;

  long destinationMac;

  /** TTL or hop limit. */
  int hopLimit;

  /** The flags of a TCP header, 0 for other protocols and later fragments. */
  int tcpFlags;

  Fragment fragment = Fragment.NONE;

  /** What ties the fragments of a packet together. */
  int fragmentId;

  /** The protocol as every fragment of the packet tells it: it may be an extension header. */
  int fragmentProtocol;

  /** Index in the frame of the IP header. */
  int l3;

  /** Index in the frame of the transport header; 0 where none was read. */
  int l4;

  /** Index in the frame behind the packet's last byte, as its IP header states it. */
  int end;

  /** Whether the frame is ARP, of which nothing else is read. */
  boolean isArp;

  /** Forgets the packet before. */
  void clear() {
    family = IpFamily.IPV4;
    sourceHigh = 0;
    sourceLow = 0;
    destinationHigh = 0;
    destinationLow = 0;
    protocol = 0;
    hopLimit = 0;
    fragment = Fragment.NONE;
    fragmentId = 0;
    fragmentProtocol = 0;
    sourcePort = 0;
    destinationPort = 0;
    icmp = IcmpKind.NONE;
    icmpType = 0;
    icmpIdentifier = 0;
    icmpCode = 0;
    sourceMac = 0;
    destinationMac = 0;
    tcpFlags = 0;
    l3 = 0;
    l4 = 0;
    end = 0;
    isArp = false;
  }

  /**
   * Notes an ICMP header. In the place of ports stand, at the end of who asks, the identifier (of a
   * pair) or 0, and at the other end the type of the request or message.
   */
  void setIcmp(int type, int identifier) {
    icmp = IcmpKind.of(protocol, type);
    icmpType = type;
    icmpIdentifier = identifier;
    switch (icmp) {
      case QUERY -> setPorts(identifier, type);
      case ANSWER -> setPorts(IcmpKind.requestOf(type), identifier);
      default -> setPorts(0, type);
    }
  }

  /** An answer that nobody asked for is a message like any other. */
  void becomeMessage() {
    icmp = IcmpKind.MESSAGE;
    setPorts(0, icmpType);
  }

  void setPorts(int source, int destination) {
    sourcePort = source;
    destinationPort = destination;
  }

  void setSource(End end) {
    sourceHigh = end.high();
    sourceLow = end.low();
    sourcePort = end.port();
  }

  void setDestination(End end) {
    destinationHigh = end.high();
    destinationLow = end.low();
    destinationPort = end.port();
  }

  /**
   * What policy is asked for: the responder's port, or the ICMP type of the request; of an answer
   * that is asked as if nobody had asked for it, its own type.
   *
   * @param original whether the packet goes the way its flow began
   */
  int policyPort(boolean original) {
    if (original && icmp == IcmpKind.ANSWER) {
      return icmpType;
    }
    return original ? destinationPort : sourcePort;
  }

  /** Whether the sender asks, where it matters: in ICMP. */
  boolean isSourceAsking() {
    return icmp != IcmpKind.ANSWER;
  }

  boolean hasFlags(int wanted) {
    return (tcpFlags & wanted) == wanted;
  }

  /** Whether it opens a TCP connection. */
  boolean isOpening() {
    return protocol == TCP && (tcpFlags & (SYN | ACK)) == SYN;
  }

  /** Whether it is TCP and opens nothing. */
  boolean isMidst() {
    return protocol == TCP && !isOpening();
  }

  boolean isIpv6() {
    return family == IpFamily.IPV6;
  }

  /** Whether its source is in {@code fe80::/10}. */
  boolean isFromLinkLocal() {
    return isIpv6() && isLinkLocal(sourceHigh);
  }

  /** Whether its source is the unspecified IPv6 address. */
  boolean isFromUnspecified() {
    return isIpv6() && sourceHigh == 0 && sourceLow == 0;
  }

  static boolean isLinkLocal(long high) {
    return high >>> 54 == 0x3fa;
  }

  /** Whether it is IPv6 to a group, {@code ff00::/8}. */
  boolean isToGroupV6() {
    return isIpv6() && destinationHigh >>> 56 == 0xff;
  }

  /**
   * Whether it ends at the node whatever addresses the node has: all stations of a link, a group,
   * the link's own addresses, the node itself.
   */
  boolean endsAtNode() {
    if (isIpv6()) {
      boolean unspecifiedOrLoopback = destinationHigh == 0 && destinationLow >>> 1 == 0;
      return unspecifiedOrLoopback || isToGroupV6() || isLinkLocal(destinationHigh);
    }
    long net = destinationLow >>> 24;
    return destinationLow == 0 || net == 127 || net >>> 4 == 0xe || destinationLow == 0xffff_ffffL;
  }

  IpAddress source() {
    return new IpAddress(family, sourceHigh, sourceLow);
  }

  IpAddress destination() {
    return new IpAddress(family, destinationHigh, destinationLow);
  }
}
