// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.lb;

import java.nio.ByteOrder;

/**
 * Which of a service's backends a flow gets: a number made of nothing but what the client sends, so
 * that a flow finds its backend again whatever was forgotten. The same as {@code lb_hash} in {@code
 * lib/lb.h}, which reads eight bytes of an address as the machine does.
 *
 * <p>Addresses come as in {@link io.cilium4j.core.IpAddress}: an IPv4 address in the low 32 bits of
 * the low half.
 */
public final class FlowHash {

  /** 2^64 divided by the golden ratio. */
  private static final long SPREAD = 0x9e37_79b9_7f4a_7c15L;

  private long hash;

  private FlowHash() {}

  /** Begins with the sender's address. */
  public static FlowHash from(long high, long low) {
    return new FlowHash().address(high, low);
  }

  /** Goes on with the receiver's address. */
  public FlowHash to(long high, long low) {
    return address(high, low);
  }

  /**
   * Ends with what is behind the addresses.
   *
   * @return all 32 bits of the hash
   */
  public int of(int protocol, int sourcePort, int destinationPort) {
    mix(((long) sourcePort << 24) | ((long) destinationPort << 8) | protocol);
    return (int) hash;
  }

  /** The place of a hash among so many: evenly, and without a division. */
  public static int slot(int hash, int count) {
    return (int) ((Integer.toUnsignedLong(hash) * count) >>> Integer.SIZE);
  }

  private FlowHash address(long high, long low) {
    mix(asRead(high));
    mix(asRead(low));
    return this;
  }

  private void mix(long word) {
    long mixed = (hash ^ word) * SPREAD;
    hash = mixed ^ (mixed >>> 32);
  }

  private static long asRead(long bigEndian) {
    return ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN
        ? bigEndian
        : Long.reverseBytes(bigEndian);
  }
}
