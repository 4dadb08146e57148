// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.MacAddress;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The kinds of field that the structs of {@code lib/maps.h} are made of, each with its byte order.
 */
final class Fields {

  /** {@code __u64}, in the machine's order. */
  static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  /** {@code __u32}, in the machine's order. */
  static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;

  /** {@code __be32}. */
  static final ValueLayout.OfInt BE32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);

  /** {@code __u16}, in the machine's order. */
  static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT;

  /** {@code __be16}. */
  static final ValueLayout.OfShort BE16 = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN);

  static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;

  /** Half of a {@code struct ip_addr}. */
  static final ValueLayout.OfLong BE64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private static final ValueLayout.OfInt BE32_UNALIGNED =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** Where an IPv4 address stands in {@code struct ip_addr}: in the last of its four words. */
  private static final int IPV4_OFFSET = 12;

  private Fields() {}

  /** {@code struct ip_addr}; aligned to 8, as its C twin is by {@code half}. */
  static MemoryLayout address(String name) {
    return MemoryLayout.sequenceLayout(2, U64).withName(name);
  }

  /** An Ethernet address. */
  static MemoryLayout mac(String name) {
    return MemoryLayout.sequenceLayout(6, U8).withName(name);
  }

  static MemoryLayout pad(String name, int bytes) {
    return MemoryLayout.sequenceLayout(bytes, U8).withName(name);
  }

  static long offset(MemoryLayout struct, String field) {
    return struct.byteOffset(groupElement(field));
  }

  /** Writes a {@code struct ip_addr}; the segment is zero before. */
  static void putAddress(MemorySegment to, long offset, IpAddress address) {
    if (address.isV4()) {
      to.set(BE32_UNALIGNED, offset + IPV4_OFFSET, (int) address.low());
    } else {
      to.set(BE64, offset, address.high());
      to.set(BE64, offset + 8, address.low());
    }
  }

  /** Writes an address left-aligned, as the key of a trie is compared from its first bit on. */
  static void putLeftAligned(MemorySegment to, long offset, IpAddress address) {
    if (address.isV4()) {
      to.set(BE32_UNALIGNED, offset, (int) address.low());
    } else {
      putAddress(to, offset, address);
    }
  }

  static IpAddress getAddress(MemorySegment from, long offset, IpFamily family) {
    return family == IpFamily.IPV4
        ? IpAddress.ofV4(from.get(BE32_UNALIGNED, offset + IPV4_OFFSET))
        : new IpAddress(IpFamily.IPV6, from.get(BE64, offset), from.get(BE64, offset + 8));
  }

  static IpAddress getLeftAligned(MemorySegment from, long offset, IpFamily family) {
    return family == IpFamily.IPV4
        ? IpAddress.ofV4(from.get(BE32_UNALIGNED, offset))
        : getAddress(from, offset, family);
  }

  static void putMac(MemorySegment to, long offset, MacAddress mac) {
    MemorySegment.copy(mac.bytes(), 0, to, ValueLayout.JAVA_BYTE, offset, 6);
  }

  static MacAddress getMac(MemorySegment from, long offset) {
    return MacAddress.ofBytes(from.asSlice(offset, 6).toArray(ValueLayout.JAVA_BYTE));
  }

  /** The number that stands for a family in keys and events. */
  static int number(IpFamily family) {
    return family == IpFamily.IPV4 ? 4 : 6;
  }

  static IpFamily family(int number) {
    return switch (number) {
      case 4 -> IpFamily.IPV4;
      case 6 -> IpFamily.IPV6;
      default -> throw new IllegalArgumentException("address family " + number + ": wanted 4 or 6");
    };
  }
}
