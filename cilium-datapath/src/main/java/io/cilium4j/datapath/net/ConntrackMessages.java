// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.KernelConntrack.Connection;
import io.cilium4j.datapath.net.KernelConntrack.Tuple;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Codec of conntrack's messages: {@code nfgenmsg} (family u8, version u8, resource u16) and the
 * attributes of linux/netfilter/nfnetlink_conntrack.h, whose numbers are in the byte order of the
 * network.
 */
final class ConntrackMessages {

  private static final int SUBSYSTEM = 1;
  private static final int GET = 1;
  private static final int DELETE = 2;

  /** {@code AF_INET}, {@code AF_INET6}. */
  private static final int INET = 2;

  private static final int INET6 = 10;
  private static final int GENERIC_HEADER_BYTES = 4;

  private static final int TUPLE_ORIGINAL = 1;
  private static final int TUPLE_REPLY = 2;
  private static final int STATUS = 3;
  private static final int TIMEOUT = 7;
  private static final int ID = 12;

  private static final int TUPLE_IP = 1;
  private static final int TUPLE_PROTOCOL = 2;
  private static final int IPV4_SOURCE = 1;
  private static final int IPV4_DESTINATION = 2;
  private static final int IPV6_SOURCE = 3;
  private static final int IPV6_DESTINATION = 4;
  private static final int PROTOCOL_NUMBER = 1;
  private static final int SOURCE_PORT = 2;
  private static final int DESTINATION_PORT = 3;

  /** {@code IPS_SRC_NAT}, {@code IPS_DST_NAT}. */
  private static final int SOURCE_TRANSLATED = 1 << 4;

  private static final int DESTINATION_TRANSLATED = 1 << 5;

  private ConntrackMessages() {}

  private static int number(IpFamily family) {
    return family == IpFamily.IPV4 ? INET : INET6;
  }

  private static NetlinkRequest header(int message, IpFamily family, String name, String object) {
    return new NetlinkRequest(SUBSYSTEM << 8 | message, 0, name, object)
        .u8(number(family))
        .u8(0)
        .u16(0);
  }

  /** All connections of a family. */
  static NetlinkRequest list(IpFamily family) {
    return header(GET, family, "IPCTNL_MSG_CT_GET", "connections of " + family);
  }

  /** Forgets this very connection; ENOENT if it is gone. */
  static NetlinkRequest delete(Connection connection) {
    Tuple tuple = connection.original();
    boolean isV4 = tuple.source().isV4();
    NetlinkRequest request =
        header(DELETE, tuple.source().family(), "IPCTNL_MSG_CT_DELETE", "connection " + connection);
    int whole = request.begin(TUPLE_ORIGINAL);
    int addresses = request.begin(TUPLE_IP);
    request.address(isV4 ? IPV4_SOURCE : IPV6_SOURCE, tuple.source());
    request.address(isV4 ? IPV4_DESTINATION : IPV6_DESTINATION, tuple.destination());
    request.end(addresses);
    int transport = request.begin(TUPLE_PROTOCOL);
    request.bytes(PROTOCOL_NUMBER, new byte[] {(byte) connection.protocol()});
    request.bytes(SOURCE_PORT, be16(tuple.sourcePort()));
    request.bytes(DESTINATION_PORT, be16(tuple.destinationPort()));
    return request.end(transport).end(whole).be32(ID, connection.id());
  }

  private static byte[] be16(int value) {
    return new byte[] {(byte) (value >>> 8), (byte) value};
  }

  /** A connection of a protocol with ports; null for another. */
  static @Nullable Connection decode(ByteBuffer payload) {
    if (payload.remaining() < GENERIC_HEADER_BYTES) {
      throw new IllegalArgumentException("conntrack message of " + payload.remaining() + " bytes");
    }
    payload.position(payload.position() + GENERIC_HEADER_BYTES);
    NetlinkAttributes attributes = NetlinkAttributes.read(payload);
    NetlinkAttributes original = attributes.nested(TUPLE_ORIGINAL);
    int protocol =
        original
            .nested(TUPLE_PROTOCOL)
            .get(PROTOCOL_NUMBER)
            .map(value -> value.get(0) & 0xff)
            .orElse(0);
    Optional<Tuple> there = tuple(original);
    Optional<Tuple> back = tuple(attributes.nested(TUPLE_REPLY));
    if (there.isEmpty() || back.isEmpty()) {
      return null;
    }
    int status = be32(attributes, STATUS);
    return new Connection(
        protocol,
        there.get(),
        back.get(),
        (status & SOURCE_TRANSLATED) != 0,
        (status & DESTINATION_TRANSLATED) != 0,
        be32(attributes, TIMEOUT),
        be32(attributes, ID));
  }

  private static Optional<Tuple> tuple(NetlinkAttributes tuple) {
    NetlinkAttributes addresses = tuple.nested(TUPLE_IP);
    NetlinkAttributes transport = tuple.nested(TUPLE_PROTOCOL);
    Optional<IpAddress> source =
        addresses.address(IPV4_SOURCE).or(() -> addresses.address(IPV6_SOURCE));
    Optional<IpAddress> destination =
        addresses.address(IPV4_DESTINATION).or(() -> addresses.address(IPV6_DESTINATION));
    Optional<Integer> sourcePort = be16(transport, SOURCE_PORT);
    Optional<Integer> destinationPort = be16(transport, DESTINATION_PORT);
    return source.isPresent()
            && destination.isPresent()
            && sourcePort.isPresent()
            && destinationPort.isPresent()
        ? Optional.of(
            new Tuple(source.get(), sourcePort.get(), destination.get(), destinationPort.get()))
        : Optional.empty();
  }

  private static Optional<Integer> be16(NetlinkAttributes attributes, int type) {
    return attributes
        .get(type)
        .filter(value -> value.remaining() >= 2)
        .map(value -> value.duplicate().order(ByteOrder.BIG_ENDIAN).getShort(0) & 0xffff);
  }

  private static int be32(NetlinkAttributes attributes, int type) {
    return attributes
        .get(type)
        .filter(value -> value.remaining() >= 4)
        .map(value -> value.duplicate().order(ByteOrder.BIG_ENDIAN).getInt(0))
        .orElse(0);
  }
}
