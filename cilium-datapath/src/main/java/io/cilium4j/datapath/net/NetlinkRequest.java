// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * A netlink message being written. All numbers are in the machine's byte order, addresses in that
 * of the network, and every part starts at a multiple of four bytes.
 *
 * <pre>
 *   nlmsghdr, 16 bytes    length u32 | type u16 | flags u16 | sequence u32 | port u32
 *   family header         its size depends on the type
 *   attributes            length u16 | type u16 | value | padding; a value may hold attributes
 * </pre>
 */
final class NetlinkRequest {

  /** {@code NLM_F_REQUEST}: a request, to the kernel. */
  static final int REQUEST = 0x1;

  /** {@code NLM_F_ACK}: answer even when all went well. */
  static final int ACK = 0x4;

  /** {@code NLM_F_ROOT | NLM_F_MATCH}: all objects. */
  static final int DUMP = 0x300;

  /** {@code NLM_F_REPLACE}: take the place of what is there. */
  static final int REPLACE = 0x100;

  /** {@code NLM_F_EXCL}: fail if it is there. */
  static final int EXCLUSIVE = 0x200;

  /** {@code NLM_F_CREATE}: make it if it is not there. */
  static final int CREATE = 0x400;

  /** Size of {@code nlmsghdr}. */
  static final int HEADER_BYTES = 16;

  /** Where the flags and the sequence number stand in it. */
  private static final int FLAGS_OFFSET = 6;

  private static final int SEQUENCE_OFFSET = 8;

  /** Size of an attribute's length and type. */
  private static final int ATTRIBUTE_BYTES = 4;

  /** {@code NLA_F_NESTED}: the value holds attributes. */
  private static final int NESTED = 0x8000;

  /** More than any request of ours takes: names and addresses are short, and few. */
  private static final int MAX_BYTES = 1024;

  /** First and last message of a batch of netfilter's. */
  private static final int BATCH_BEGIN = 0x10;

  private static final int BATCH_END = 0x11;

  /** Size of such a message: nlmsghdr, and family u8, version u8, subsystem u16 of the network. */
  private static final int BATCH_BYTES = HEADER_BYTES + 4;

  private final String name;
  private final String object;

  /** The subsystem of netfilter that takes messages in batches only; 0 for others. */
  private int batchSubsystem;

  private final ByteBuffer buffer = ByteBuffer.allocate(MAX_BYTES).order(ByteOrder.nativeOrder());

  /**
   * Starts a message.
   *
   * @param type {@code RTM_…}
   * @param flags {@code NLM_F_…} that belong to the request's meaning
   * @param name the type's name, for errors
   * @param object what it is about, for errors
   */
  NetlinkRequest(int type, int flags, String name, String object) {
    this.name = name;
    this.object = object;
    buffer.putInt(0).putShort((short) type).putShort((short) (flags | REQUEST));
    buffer.putInt(0).putInt(0);
  }

  String name() {
    return name;
  }

  String object() {
    return object;
  }

  /** Has the message sent as a batch of its own, as netfilter wants changes. */
  NetlinkRequest inBatch(int subsystem) {
    batchSubsystem = subsystem;
    return this;
  }

  NetlinkRequest u8(int value) {
    buffer.put((byte) value);
    return this;
  }

  NetlinkRequest u16(int value) {
    buffer.putShort((short) value);
    return this;
  }

  NetlinkRequest u32(int value) {
    buffer.putInt(value);
    return this;
  }

  /** An attribute that holds a number. */
  NetlinkRequest u32(int type, int value) {
    return attribute(type, 4).u32(value);
  }

  /** An attribute that holds a number in the byte order of the network. */
  NetlinkRequest be32(int type, int value) {
    return bytes(type, ByteBuffer.allocate(4).putInt(value).array());
  }

  /** An attribute that holds an address. */
  NetlinkRequest address(int type, IpAddress address) {
    return bytes(type, address.bytes());
  }

  /** An attribute that holds text, with the zero that ends it. */
  NetlinkRequest text(int type, String value) {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    attribute(type, bytes.length + 1);
    buffer.put(bytes).put((byte) 0);
    return pad();
  }

  /** An attribute that holds bytes. */
  NetlinkRequest bytes(int type, byte[] value) {
    attribute(type, value.length);
    buffer.put(value);
    return pad();
  }

  /** Starts an attribute that holds others; to be ended with what this gives. */
  int begin(int type) {
    int start = buffer.position();
    attribute(type | NESTED, 0);
    return start;
  }

  /** Ends an attribute that holds others. */
  NetlinkRequest end(int start) {
    buffer.putShort(start, (short) (buffer.position() - start));
    return this;
  }

  /** The whole message, with how it is to be answered ({@link #ACK} or {@link #DUMP}). */
  byte[] encode(int sequence, int answer) {
    buffer.putInt(0, buffer.position()).putInt(SEQUENCE_OFFSET, sequence);
    buffer.putShort(FLAGS_OFFSET, (short) (buffer.getShort(FLAGS_OFFSET) | answer));
    if (batchSubsystem == 0) {
      var bytes = new byte[buffer.position()];
      buffer.get(0, bytes);
      return bytes;
    }
    ByteBuffer batch =
        ByteBuffer.allocate(buffer.position() + 2 * BATCH_BYTES).order(ByteOrder.nativeOrder());
    batchEdge(batch, BATCH_BEGIN, sequence);
    batch.put(buffer.duplicate().flip());
    batchEdge(batch, BATCH_END, sequence);
    return batch.array();
  }

  private void batchEdge(ByteBuffer batch, int type, int sequence) {
    batch.putInt(BATCH_BYTES).putShort((short) type).putShort((short) REQUEST);
    batch.putInt(sequence).putInt(0);
    batch.put((byte) 0).put((byte) 0);
    batch.put((byte) (batchSubsystem >>> 8)).put((byte) batchSubsystem);
  }

  private NetlinkRequest attribute(int type, int valueBytes) {
    return u16(ATTRIBUTE_BYTES + valueBytes).u16(type);
  }

  private NetlinkRequest pad() {
    while (buffer.position() % 4 != 0) {
      buffer.put((byte) 0);
    }
    return this;
  }
}
