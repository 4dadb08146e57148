// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * An IPv4 or IPv6 address as a number. Parsing never asks a name service.
 *
 * <p>IPv4 addresses stand in the low 32 bits of {@code low}. An IPv4-mapped IPv6 address ({@code
 * ::ffff:a.b.c.d}) is read as the IPv4 address it maps, as the kernel's sockets do, so that no rule
 * for one spelling can be passed by writing the other.
 *
 * @param family the family
 * @param high the upper 64 bits; 0 for IPv4
 * @param low the lower 64 bits; for IPv4 the address as an unsigned 32-bit number
 */
public record IpAddress(IpFamily family, long high, long low) implements Comparable<IpAddress> {

  private static final long IPV4_MASK = 0xffff_ffffL;

  /** Longest text that can be an address, in characters (IPv6 with an embedded IPv4). */
  private static final int MAX_TEXT_CHARS = 45;

  public IpAddress {
    if (family == IpFamily.IPV4 && (high != 0 || (low & ~IPV4_MASK) != 0)) {
      throw new IllegalArgumentException("IPv4 address out of 32 bits: " + high + ", " + low);
    }
  }

  /** The IPv4 address of this number. */
  public static IpAddress ofV4(int bits) {
    return new IpAddress(IpFamily.IPV4, 0, bits & IPV4_MASK);
  }

  /** The address of 4 or 16 bytes in network order. */
  public static IpAddress ofBytes(byte[] networkOrder) {
    ByteBuffer buffer = ByteBuffer.wrap(networkOrder);
    return switch (networkOrder.length) {
      case 4 -> ofV4(buffer.getInt());
      case 16 -> {
        long high = buffer.getLong();
        long low = buffer.getLong();
        yield high == 0 && (low >>> 32) == 0xffffL
            ? ofV4((int) low)
            : new IpAddress(IpFamily.IPV6, high, low);
      }
      default ->
          throw new IllegalArgumentException(
              "address of " + networkOrder.length + " bytes: wanted 4 or 16");
    };
  }

  /** The address of a JDK address; a scope id is not part of it. */
  public static IpAddress of(InetAddress address) {
    return ofBytes(address.getAddress());
  }

  /** Reads a dotted IPv4 or an IPv6 literal; no host name, no scope id, no brackets. */
  public static IpAddress parse(String text) {
    try {
      if (text.length() > MAX_TEXT_CHARS || text.indexOf('%') >= 0 || text.indexOf('[') >= 0) {
        throw new IllegalArgumentException(text);
      }
      if (text.indexOf(':') >= 0) {
        return of(InetAddress.ofLiteral(text));
      }
      return ofV4(parseDotted(text));
    } catch (IllegalArgumentException e) {
      String shown = text.length() > MAX_TEXT_CHARS ? text.substring(0, MAX_TEXT_CHARS) : text;
      throw new IllegalArgumentException(
          "address \"" + shown + "\": wanted an IPv4 or IPv6 address", e);
    }
  }

  /** As {@link #parse}, with absence in place of an exception. */
  public static Optional<IpAddress> tryParse(String text) {
    try {
      return Optional.of(parse(text));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /** Four decimal bytes and nothing else: 10.1, 010.0.0.1 and 0x0a.0.0.1 are no addresses. */
  private static int parseDotted(String text) {
    int bits = 0;
    int start = 0;
    for (int part = 0; part < 4; part++) {
      int end = part < 3 ? text.indexOf('.', start) : text.length();
      int length = end - start;
      if (length < 1 || length > 3 || (length > 1 && text.charAt(start) == '0')) {
        throw new IllegalArgumentException(text);
      }
      int value = 0;
      for (int i = start; i < end; i++) {
        char digit = text.charAt(i);
        if (digit < '0' || digit > '9') {
          throw new IllegalArgumentException(text);
        }
        value = value * 10 + (digit - '0');
      }
      if (value > 255) {
        throw new IllegalArgumentException(text);
      }
      bits = (bits << 8) | value;
      start = end + 1;
    }
    return bits;
  }

  /** The bytes in network order, 4 or 16 of them. */
  public byte[] bytes() {
    return family == IpFamily.IPV4
        ? ByteBuffer.allocate(4).putInt((int) low).array()
        : ByteBuffer.allocate(16).putLong(high).putLong(low).array();
  }

  /** The JDK's form of this address. */
  public InetAddress toInetAddress() {
    try {
      return InetAddress.getByAddress(bytes());
    } catch (UnknownHostException e) {
      throw new AssertionError("4 or 16 bytes are always an address", e);
    }
  }

  /** The address that lies {@code distance} behind this one, within the family; it wraps around. */
  public IpAddress plus(long distance) {
    if (family == IpFamily.IPV4) {
      return ofV4((int) (low + distance));
    }
    long sum = low + distance;
    long carry = distance >= 0 && Long.compareUnsigned(sum, low) < 0 ? 1 : 0;
    long borrow = distance < 0 && Long.compareUnsigned(sum, low) > 0 ? 1 : 0;
    return new IpAddress(family, high + carry - borrow, sum);
  }

  /** IPv4 before IPv6, then by number. */
  @Override
  public int compareTo(IpAddress other) {
    if (family != other.family) {
      return family.compareTo(other.family);
    }
    int byHigh = Long.compareUnsigned(high, other.high);
    return byHigh != 0 ? byHigh : Long.compareUnsigned(low, other.low);
  }

  /** Dotted for IPv4, the shortest form of RFC 5952 for IPv6. */
  @Override
  public String toString() {
    return family == IpFamily.IPV4 ? dotted() : compressed();
  }

  private String dotted() {
    int bits = (int) low;
    return (bits >>> 24)
        + "."
        + ((bits >>> 16) & 255)
        + "."
        + ((bits >>> 8) & 255)
        + "."
        + (bits & 255);
  }

  private String compressed() {
    int bestStart = -1;
    int bestLength = 1;
    for (int start = 0; start < 8; start++) {
      int end = start;
      while (end < 8 && group(end) == 0) {
        end++;
      }
      if (end - start > bestLength) {
        bestStart = start;
        bestLength = end - start;
      }
    }
    var text = new StringBuilder(39);
    for (int i = 0; i < 8; i++) {
      if (i == bestStart) {
        text.append("::");
        i += bestLength - 1;
      } else {
        if (!text.isEmpty() && text.charAt(text.length() - 1) != ':') {
          text.append(':');
        }
        text.append(Integer.toHexString(group(i)));
      }
    }
    return text.toString();
  }

  private int group(int index) {
    long half = index < 4 ? high : low;
    return (int) ((half >>> (48 - 16 * (index & 3))) & 0xffff);
  }

  /** Whether this is an IPv4 address. */
  public boolean isV4() {
    return family == IpFamily.IPV4;
  }
}
