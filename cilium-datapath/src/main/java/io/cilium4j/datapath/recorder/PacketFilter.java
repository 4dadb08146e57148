// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.recorder;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Which packets are meant, by their own headers: what a tunnel carries is not looked into.
 *
 * @param source where they come from; absent for anywhere
 * @param sourcePort 0 for any
 * @param destination where they go; absent for anywhere
 * @param destinationPort 0 for any
 * @param protocol the number in their header; 0 for any
 */
public record PacketFilter(
    Optional<IpPrefix> source,
    int sourcePort,
    Optional<IpPrefix> destination,
    int destinationPort,
    int protocol) {

  private static final int ETHERTYPE_OFFSET = 12;
  private static final int ETHERNET_BYTES = 14;
  private static final int IPV4 = 0x0800;
  private static final int IPV6 = 0x86dd;

  private static final int IPV4_BYTES = 20;
  private static final int IPV4_FRAGMENT_MASK = 0x1fff;

  private static final int IPV6_BYTES = 40;
  private static final int HOP_BY_HOP = 0;
  private static final int ROUTING = 43;
  private static final int FRAGMENT = 44;
  private static final int DESTINATION_OPTIONS = 60;
  private static final int IPV6_FRAGMENT_MASK = 0xfff8;

  /** Most extension headers that are passed over. */
  private static final int MAX_EXTENSIONS = 8;

  /**
   * What filters ask of a packet.
   *
   * @param ports offset of the transport header; below 0 where there is none with ports
   */
  private record Headers(IpAddress source, IpAddress destination, int protocol, int ports) {}

  /**
   * Whether a frame holds such a packet.
   *
   * @param frame in the order of the network; only bytes {@code at} to {@code at + length} are read
   * @param at where its Ethernet header begins
   */
  public boolean matches(ByteBuffer frame, int at, int length) {
    Headers headers = read(frame, at, at + length);
    return headers != null
        && (protocol == 0 || protocol == headers.protocol)
        && source.map(prefix -> prefix.contains(headers.source)).orElse(true)
        && destination.map(prefix -> prefix.contains(headers.destination)).orElse(true)
        && isPort(sourcePort, frame, headers.ports, 0, at + length)
        && isPort(destinationPort, frame, headers.ports, 2, at + length);
  }

  private static boolean isPort(int wanted, ByteBuffer frame, int ports, int offset, int end) {
    return wanted == 0
        || (ports >= 0
            && ports + offset + 2 <= end
            && (frame.getShort(ports + offset) & 0xffff) == wanted);
  }

  private static @Nullable Headers read(ByteBuffer frame, int at, int end) {
    int ip = at + ETHERNET_BYTES;
    if (ip + IPV4_BYTES > end) {
      return null;
    }
    return switch (frame.getShort(at + ETHERTYPE_OFFSET) & 0xffff) {
      case IPV4 -> readIpv4(frame, ip);
      case IPV6 -> ip + IPV6_BYTES <= end ? readIpv6(frame, ip, end) : null;
      default -> null;
    };
  }

  private static Headers readIpv4(ByteBuffer frame, int ip) {
    int transport = ip + (frame.get(ip) & 0xf) * 4;
    boolean isFirst = (frame.getShort(ip + 6) & IPV4_FRAGMENT_MASK) == 0;
    int protocol = frame.get(ip + 9) & 0xff;
    return new Headers(
        address(frame, ip + 12, 4),
        address(frame, ip + 16, 4),
        protocol,
        isFirst && hasPorts(protocol) ? transport : -1);
  }

  private static Headers readIpv6(ByteBuffer frame, int ip, int end) {
    int protocol = frame.get(ip + 6) & 0xff;
    int next = ip + IPV6_BYTES;
    boolean isFirst = true;
    for (int i = 0; i < MAX_EXTENSIONS && isExtension(protocol) && next + 8 <= end; i++) {
      if (protocol == FRAGMENT) {
        isFirst &= (frame.getShort(next + 2) & IPV6_FRAGMENT_MASK) == 0;
      }
      int bytes = protocol == FRAGMENT ? 8 : 8 * ((frame.get(next + 1) & 0xff) + 1);
      protocol = frame.get(next) & 0xff;
      next += bytes;
    }
    return new Headers(
        address(frame, ip + 8, 16),
        address(frame, ip + 24, 16),
        protocol,
        isFirst && hasPorts(protocol) ? next : -1);
  }

  private static boolean isExtension(int protocol) {
    return switch (protocol) {
      case HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS -> true;
      default -> false;
    };
  }

  /** TCP, UDP, SCTP. */
  private static boolean hasPorts(int protocol) {
    return protocol == 6 || protocol == 17 || protocol == 132;
  }

  private static IpAddress address(ByteBuffer frame, int at, int bytes) {
    byte[] address = new byte[bytes];
    frame.get(at, address);
    return IpAddress.ofBytes(address);
  }
}
