// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.ReservedIdentity;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * What a pod may ask its node about neighbours, and say of itself: ARP (RFC 826) and neighbour
 * discovery (RFC 4861). It goes to the node's stack unasked, so a pod may speak of its own
 * addresses only; else it could fill the node's table of neighbours, or speak for others.
 */
final class Neighbours {

  private static final int ARP_BYTES = 28;

  /** Ethernet, IPv4, and their address lengths, as the first six bytes of an ARP packet. */
  private static final int ARP_ETHERNET_IPV4 = 0x0001_0800;

  private static final int ARP_LENGTHS = 0x0604;
  private static final int ARP_LENGTHS_OFFSET = 4;
  private static final int ARP_SENDER_OFFSET = 14;
  private static final int ARP_TARGET_OFFSET = 24;

  private static final int SOLICITATION = 135;
  private static final int ADVERTISEMENT = 136;

  /** No router has passed it on. */
  private static final int UNTOUCHED_HOP_LIMIT = 255;

  /** Where an advertisement names whose address it tells, and where that ends. */
  private static final int TARGET_OFFSET = 8;

  private static final int TARGET_END = TARGET_OFFSET + 16;

  /** The link-local prefix, and the parts of an interface identifier made of a MAC address. */
  private static final long LINK_LOCAL_HIGH = 0xfe80_0000_0000_0000L;

  private static final long EUI64_MIDDLE = 0x0000_00ff_fe00_0000L;
  private static final long EUI64_UNIVERSAL = 0x0200_0000_0000_0000L;

  private Neighbours() {}

  /** Why a pod may not send this ARP packet, or null; notes in it who asks for whom. */
  static @Nullable DropReason checkArp(ByteBuffer frame, Packet arp, LocalEndpoint pod) {
    int at = arp.l3;
    if (frame.limit() - at < ARP_BYTES) {
      return DropReason.INVALID_PACKET;
    }
    arp.sourceLow = frame.getInt(at + ARP_SENDER_OFFSET) & 0xffff_ffffL;
    arp.destinationLow = frame.getInt(at + ARP_TARGET_OFFSET) & 0xffff_ffffL;
    boolean understood =
        frame.getInt(at) == ARP_ETHERNET_IPV4
            && (frame.getShort(at + ARP_LENGTHS_OFFSET) & 0xffff) == ARP_LENGTHS;
    // 0.0.0.0 asks whether an address is taken already.
    boolean own = arp.sourceLow == 0 || pod.hasV4(arp.sourceLow);
    return understood && own ? null : DropReason.INVALID_SOURCE_IP;
  }

  /** Whether the packet is neighbour discovery that ends at the node. */
  static boolean isDiscovery(Packet packet, State state) {
    if (packet.protocol != Packet.ICMPV6
        || (packet.icmpType != SOLICITATION && packet.icmpType != ADVERTISEMENT)
        || !packet.isIpv6()
        || packet.hopLimit != UNTOUCHED_HOP_LIMIT
        || packet.fragment != Packet.Fragment.NONE) {
      return false;
    }
    return packet.destinationHigh >>> 48 == 0xff02
        || Packet.isLinkLocal(packet.destinationHigh)
        || state.identityOf(packet.family, packet.destinationHigh, packet.destinationLow)
            == ReservedIdentity.HOST.id();
  }

  /** Why a pod may not send this discovery packet, or null. */
  static @Nullable DropReason checkDiscovery(ByteBuffer frame, Packet packet, LocalEndpoint pod) {
    boolean own = isOwn(packet.sourceHigh, packet.sourceLow, pod);
    boolean allowed =
        packet.icmpType == SOLICITATION
            ? own || packet.isFromUnspecified()
            : own && tellsOwn(frame, packet, pod);
    return allowed ? null : DropReason.FORBIDDEN_ICMPV6;
  }

  private static boolean tellsOwn(ByteBuffer frame, Packet packet, LocalEndpoint pod) {
    int at = packet.l4;
    return packet.end - at >= TARGET_END
        && isOwn(frame.getLong(at + TARGET_OFFSET), frame.getLong(at + TARGET_OFFSET + 8), pod);
  }

  private static boolean isOwn(long high, long low, LocalEndpoint pod) {
    return pod.hasV6(high, low)
        || (high == LINK_LOCAL_HIGH && low == interfaceId(pod.endpoint().device().podMac().bits()));
  }

  /** RFC 4291, appendix A. */
  private static long interfaceId(long mac) {
    long id = ((mac & 0xffff_ff00_0000L) << 16) | EUI64_MIDDLE | (mac & 0xff_ffffL);
    return id ^ EUI64_UNIVERSAL;
  }
}
