// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.IpAddress;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** DNS messages, byte by byte, also such as nobody sends who means well. */
final class DnsTestMessages {
  private DnsTestMessages() {}

  /** A name as it stands in messages. */
  static byte[] name(String text) {
    var out = new ByteArrayOutputStream();
    for (String label : text.isEmpty() ? new String[0] : text.split("\\.")) {
      label(out, label.getBytes(StandardCharsets.ISO_8859_1));
    }
    out.write(0);
    return out.toByteArray();
  }

  /** A label of any bytes, dots among them. */
  static void label(ByteArrayOutputStream to, byte[] label) {
    to.write(label.length);
    to.writeBytes(label);
  }

  static byte[] query(int id, byte[] name, int type) {
    return ByteBuffer.allocate(12 + name.length + 4)
        .putShort((short) id)
        .putShort((short) 0x0100)
        .putShort((short) 1)
        .putShort((short) 0)
        .putInt(0)
        .put(name)
        .putShort((short) type)
        .putShort((short) 1)
        .array();
  }

  static byte[] query(String name) {
    return query(7, name(name), DnsMessages.A);
  }

  static byte[] record(byte[] owner, int type, int seconds, byte[] data) {
    return ByteBuffer.allocate(owner.length + 10 + data.length)
        .put(owner)
        .putShort((short) type)
        .putShort((short) 1)
        .putInt(seconds)
        .putShort((short) data.length)
        .put(data)
        .array();
  }

  static byte[] address(String owner, int seconds, String address) {
    IpAddress parsed = IpAddress.parse(address);
    int type = parsed.isV4() ? DnsMessages.A : DnsMessages.AAAA;
    return record(name(owner), type, seconds, parsed.bytes());
  }

  static byte[] cname(String owner, int seconds, String target) {
    return record(name(owner), DnsMessages.CNAME, seconds, name(target));
  }

  /** The answer to a query, with records. */
  static byte[] answer(byte[] query, int rcode, byte[]... records) {
    var out = new ByteArrayOutputStream();
    byte[] head = query.clone();
    head[2] |= (byte) 0x80;
    head[3] = (byte) (0x80 | rcode);
    head[7] = (byte) records.length;
    head[11] = 0;
    out.writeBytes(head);
    for (byte[] record : records) {
      out.writeBytes(record);
    }
    return out.toByteArray();
  }
}
