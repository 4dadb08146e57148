// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * The attributes of a message from the kernel, by type; the last of a type counts. Lengths are
 * checked: a message cut short gives {@link IllegalArgumentException}, never a read beyond its end.
 * The values look into the buffer of the message and are to be read before the next one comes.
 */
final class NetlinkAttributes {

  /** {@code NLA_TYPE_MASK}: the type without the marks for nesting and byte order. */
  private static final int TYPE_MASK = 0x3fff;

  private final Map<Integer, ByteBuffer> values = new HashMap<>();

  /** Reads all from the buffer's position to its limit. */
  static NetlinkAttributes read(ByteBuffer buffer) {
    var attributes = new NetlinkAttributes();
    each(buffer, attributes.values::put);
    return attributes;
  }

  /** The values of a list, all of whose attributes are of one type. */
  static List<ByteBuffer> list(ByteBuffer buffer) {
    List<ByteBuffer> list = new ArrayList<>();
    each(buffer, (_, value) -> list.add(value));
    return list;
  }

  private static void each(ByteBuffer buffer, BiConsumer<Integer, ByteBuffer> consumer) {
    int position = buffer.position();
    while (buffer.limit() - position >= 4) {
      int length = Short.toUnsignedInt(buffer.getShort(position));
      int type = buffer.getShort(position + 2) & TYPE_MASK;
      if (length < 4 || length > buffer.limit() - position) {
        throw new IllegalArgumentException(
            "netlink attribute " + type + " of " + length + " bytes at " + position);
      }
      consumer.accept(type, buffer.slice(position + 4, length - 4).order(ByteOrder.nativeOrder()));
      position += align(length);
    }
  }

  /** The next multiple of four. */
  static int align(int length) {
    return (length + 3) & ~3;
  }

  Optional<ByteBuffer> get(int type) {
    return Optional.ofNullable(values.get(type));
  }

  /** A number of four bytes, or what to take in its absence. */
  int u32(int type, int absent) {
    return get(type)
        .filter(value -> value.remaining() >= 4)
        .map(value -> value.getInt(0))
        .orElse(absent);
  }

  /** Text up to its zero, or empty. */
  String text(int type) {
    return get(type)
        .map(value -> {
          String text = StandardCharsets.UTF_8.decode(value.duplicate()).toString();
          int end = text.indexOf('\0');
          return end < 0 ? text : text.substring(0, end);
        })
        .orElse("");
  }

  /** The bytes of a value. */
  Optional<byte[]> bytes(int type) {
    return get(type)
        .map(value -> {
          var bytes = new byte[value.remaining()];
          value.get(0, bytes);
          return bytes;
        });
  }

  /** An address of either family. */
  Optional<IpAddress> address(int type) {
    return bytes(type)
        .filter(bytes -> bytes.length == 4 || bytes.length == 16)
        .map(IpAddress::ofBytes);
  }

  /** The attributes within a value. */
  NetlinkAttributes nested(int type) {
    return get(type).map(NetlinkAttributes::read).orElseGet(NetlinkAttributes::new);
  }
}
