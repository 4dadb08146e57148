// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowHeaders;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import java.nio.ByteBuffer;

/**
 * The headers that a flow's packet had, as far as its report says: addresses, protocol, ports, TCP
 * flags, type and code of ICMP. Events carry no bytes of packets, and clients of the binary monitor
 * read addresses from them. Whatever else a header has, such as checksums, is zero.
 */
final class PacketHeaders {
  private static final int ETHERNET_BYTES = 14;
  private static final int ETHERTYPE_IPV4 = 0x0800;
  private static final int ETHERTYPE_IPV6 = 0x86dd;
  private static final int IPV4_BYTES = 20;
  private static final int IPV6_BYTES = 40;
  private static final int TTL = 64;
  private static final int TCP_BYTES = 20;
  private static final int UDP_BYTES = 8;
  private static final int SCTP_BYTES = 12;
  private static final int ICMP_BYTES = 8;

  private PacketHeaders() {}

  /** The headers, from Ethernet's on. */
  static byte[] of(Flow flow) {
    Protocol protocol = Protocol.ofNumber(flow.protocol()).orElse(Protocol.ANY);
    int transport = bytes(protocol);
    boolean isV4 = flow.source().isV4();
    var packet = ByteBuffer.allocate(ETHERNET_BYTES + (isV4 ? IPV4_BYTES : IPV6_BYTES) + transport);
    flow.headers()
        .ifPresent(each -> packet.put(each.destination().bytes()).put(each.source().bytes()));
    packet.position(ETHERNET_BYTES - Short.BYTES);
    packet.putShort((short) (isV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6));
    if (isV4) {
      packet.put((byte) 0x45).put((byte) 0).putShort((short) (IPV4_BYTES + transport));
      packet.putInt(0).put((byte) TTL).put((byte) flow.protocol()).putShort((short) 0);
    } else {
      packet.putInt(0x6000_0000).putShort((short) transport);
      packet.put((byte) flow.protocol()).put((byte) TTL);
    }
    put(packet, flow.source());
    put(packet, flow.destination());
    putTransport(packet, protocol, flow);
    return packet.array();
  }

  private static int bytes(Protocol protocol) {
    return switch (protocol) {
      case TCP -> TCP_BYTES;
      case UDP -> UDP_BYTES;
      case SCTP -> SCTP_BYTES;
      case ICMP, ICMPV6 -> ICMP_BYTES;
      default -> 0;
    };
  }

  private static void putTransport(ByteBuffer packet, Protocol protocol, Flow flow) {
    switch (protocol) {
      case TCP -> {
        putPorts(packet, flow);
        packet.putLong(0).put((byte) ((TCP_BYTES / Integer.BYTES) << 4));
        packet.put((byte) flow.tcpFlags());
      }
      case UDP -> {
        putPorts(packet, flow);
        packet.putShort((short) UDP_BYTES);
      }
      case SCTP -> putPorts(packet, flow);
      case ICMP, ICMPV6 ->
          packet
              .put((byte) flow.destinationPort())
              .put(flow.headers().map(FlowHeaders::icmpCode).orElse(0).byteValue());
      default -> {
        // Nothing is known of it.
      }
    }
  }

  private static void putPorts(ByteBuffer packet, Flow flow) {
    packet.putShort((short) flow.sourcePort()).putShort((short) flow.destinationPort());
  }

  private static void put(ByteBuffer packet, IpAddress address) {
    packet.put(address.toInetAddress().getAddress());
  }
}
