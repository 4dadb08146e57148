// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Writes one value of a struct as Go's encoding/gob does: a length, the type's number, and of each
 * field that is not zero how far it is behind the one before it and its value.
 *
 * <p>A stream begins with the type's definition, which its owner has as bytes.
 */
final class GobWriter {

  /** Up to this a number is its own byte; others are preceded by their length. */
  private static final int MAX_SHORT = 0x7f;

  private final ByteArrayOutputStream fields = new ByteArrayOutputStream();
  private final int type;
  private int lastField = -1;

  /**
   * A value without a field.
   *
   * @param type the type's number in the stream; gob gives the first one 65
   */
  GobWriter(int type) {
    this.type = type;
  }

  /** A field without a sign. */
  GobWriter unsigned(int field, long value) {
    if (value != 0) {
      begin(field);
      number(fields, value);
    }
    return this;
  }

  /** A field with a sign, which gob keeps in the lowest bit. */
  GobWriter signed(int field, long value) {
    return unsigned(field, value < 0 ? (~value << 1) | 1 : value << 1);
  }

  /** A field of bytes. */
  GobWriter bytes(int field, byte[] value) {
    if (value.length > 0) {
      begin(field);
      number(fields, value.length);
      fields.writeBytes(value);
    }
    return this;
  }

  /** A field of text. */
  GobWriter text(int field, String value) {
    return bytes(field, value.getBytes(StandardCharsets.UTF_8));
  }

  private void begin(int field) {
    number(fields, field - lastField);
    lastField = field;
  }

  /** The value as a message. */
  byte[] message() {
    var content = new ByteArrayOutputStream();
    number(content, (long) type << 1);
    content.writeBytes(fields.toByteArray());
    content.write(0);
    var message = new ByteArrayOutputStream();
    number(message, content.size());
    message.writeBytes(content.toByteArray());
    return message.toByteArray();
  }

  private static void number(ByteArrayOutputStream to, long value) {
    if (value >= 0 && value <= MAX_SHORT) {
      to.write((int) value);
      return;
    }
    int length = (Long.SIZE - Long.numberOfLeadingZeros(value) + Byte.SIZE - 1) / Byte.SIZE;
    to.write(-length);
    for (int i = length - 1; i >= 0; i--) {
      to.write((int) (value >>> (i * Byte.SIZE)));
    }
  }
}
