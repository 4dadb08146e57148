// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.HexFormat;

/**
 * An Ethernet address.
 *
 * @param bits the 48 bits, first byte uppermost
 */
public record MacAddress(long bits) {

  /** What stands where there is no device. */
  public static final MacAddress NONE = new MacAddress(0);

  private static final HexFormat TEXT = HexFormat.ofDelimiter(":");

  public MacAddress {
    if (bits >>> 48 != 0) {
      throw new IllegalArgumentException("Ethernet address out of 48 bits: " + bits);
    }
  }

  /** The address of six bytes. */
  public static MacAddress ofBytes(byte[] bytes) {
    if (bytes.length != 6) {
      throw new IllegalArgumentException(
          "Ethernet address of " + bytes.length + " bytes: wanted 6");
    }
    long bits = 0;
    for (byte b : bytes) {
      bits = (bits << 8) | (b & 0xff);
    }
    return new MacAddress(bits);
  }

  /** Reads six bytes of two hexadecimal digits between colons. */
  public static MacAddress parse(String text) {
    try {
      return ofBytes(TEXT.parseHex(text));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "Ethernet address \"" + text + "\": wanted 01:23:45:67:89:ab", e);
    }
  }

  /** Whether one device may have it: it is not zero, and of no group. */
  public boolean isOfADevice() {
    return bits != 0 && (bits >>> 40 & 1) == 0;
  }

  /** The six bytes, in the order of the wire. */
  public byte[] bytes() {
    var bytes = new byte[6];
    for (int i = 0; i < 6; i++) {
      bytes[i] = (byte) (bits >>> (40 - 8 * i));
    }
    return bytes;
  }

  @Override
  public String toString() {
    return TEXT.formatHex(bytes());
  }
}
