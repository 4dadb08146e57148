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

  /** The IP protocol behind all extension headers. */
  int protocol;

  /** The ports of the conntrack key: for ICMP echo both the identifier, see {@link Conntrack}. */
  int sourcePort;

  int destinationPort;

  /** The port that policy is asked for: the destination's, or the ICMP type. */
  int policyPort;

  /** TTL or hop limit. */
  int hopLimit;

  /** The flags of a TCP header, 0 for other protocols and later fragments. */
  int tcpFlags;

  Fragment fragment = Fragment.NONE;

  /** What ties the fragments of a packet together. */
  int fragmentId;

  /** Index in the frame of the packet that an ICMP error quotes; 0 where this is no such error. */
  int quoted;

  /** Forgets the packet before. */
  void clear() {
    sourceHigh = 0;
    sourceLow = 0;
    destinationHigh = 0;
    destinationLow = 0;
    protocol = 0;
    hopLimit = 0;
    fragment = Fragment.NONE;
    fragmentId = 0;
    sourcePort = 0;
    destinationPort = 0;
    policyPort = 0;
    tcpFlags = 0;
    quoted = 0;
  }

  boolean hasFlags(int wanted) {
    return (tcpFlags & wanted) == wanted;
  }

  /** Whether it opens a TCP connection. */
  boolean isOpening() {
    return protocol == TCP && (tcpFlags & (SYN | ACK)) == SYN;
  }

  /** Whether its source is {@code fe80::/10} or the unspecified IPv6 address. */
  boolean isLinkLocal() {
    return family == IpFamily.IPV6
        && ((sourceHigh >>> 54) == 0x3fa || (sourceHigh == 0 && sourceLow == 0));
  }

  IpAddress source() {
    return new IpAddress(family, sourceHigh, sourceLow);
  }

  IpAddress destination() {
    return new IpAddress(family, destinationHigh, destinationLow);
  }
}
