// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import java.security.SecureRandom;

/**
 * What tells a flow from others: its two ends, an end being (address, port), its protocol, and for
 * ICMP which end asks. The ends stand in numerical order, so that both directions have the same
 * key: the smaller one is {@code A}.
 *
 * <p>Since the asker is part of it, a request never passes as an answer, and two hosts that ask
 * each other with the same identifier have two flows.
 *
 * <p>Mutable, so that a look-up can use one object for all packets.
 */
class FlowKey {

  private static final long[] MULTIPLIERS = new SecureRandom().longs(5).map(n -> n | 1).toArray();

  private long highA;
  private long lowA;
  private long highB;
  private long lowB;

  /** A's port in bits 47 to 32, B's in 31 to 16, the protocol in 15 to 8, the asker in 7 to 0. */
  private long rest;

  private int hash;

  FlowKey() {}

  FlowKey(FlowKey that) {
    highA = that.highA;
    lowA = that.lowA;
    highB = that.highB;
    lowB = that.lowB;
    rest = that.rest;
    hash = that.hash;
  }

  /** Takes the packet's key; true where the packet's source is end A. */
  final boolean set(Packet packet) {
    boolean sourceIsA = sourceIsSmaller(packet);
    long portA = sourceIsA ? packet.sourcePort : packet.destinationPort;
    long portB = sourceIsA ? packet.destinationPort : packet.sourcePort;
    highA = sourceIsA ? packet.sourceHigh : packet.destinationHigh;
    lowA = sourceIsA ? packet.sourceLow : packet.destinationLow;
    highB = sourceIsA ? packet.destinationHigh : packet.sourceHigh;
    lowB = sourceIsA ? packet.destinationLow : packet.sourceLow;
    rest = (portA << 32) | (portB << 16) | ((long) packet.protocol << 8) | asker(packet, sourceIsA);
    hash = mix();
    return sourceIsA;
  }

  /** 0 where nobody asks, else 1 for end A and 2 for end B. */
  private static int asker(Packet packet, boolean sourceIsA) {
    if (packet.icmp == IcmpKind.NONE) {
      return 0;
    }
    return packet.isSourceAsking() == sourceIsA ? 1 : 2;
  }

  private static boolean sourceIsSmaller(Packet packet) {
    int order = Long.compareUnsigned(packet.sourceHigh, packet.destinationHigh);
    if (order == 0) {
      order = Long.compareUnsigned(packet.sourceLow, packet.destinationLow);
    }
    return order == 0 ? packet.sourcePort <= packet.destinationPort : order < 0;
  }

  final boolean matches(FlowKey that) {
    return rest == that.rest
        && lowA == that.lowA
        && lowB == that.lowB
        && highA == that.highA
        && highB == that.highB;
  }

  /**
   * Multiply-shift with multipliers that nobody outside knows: peers choose addresses and ports,
   * and could otherwise choose them so that all land in one bucket.
   */
  private int mix() {
    long sum = highA * MULTIPLIERS[0] + lowA * MULTIPLIERS[1];
    sum += highB * MULTIPLIERS[2] + lowB * MULTIPLIERS[3];
    sum += rest * MULTIPLIERS[4];
    return (int) (sum >>> 32);
  }

  final int hash() {
    return hash;
  }

  /** The address of an end. */
  final IpAddress address(IpFamily family, boolean endA) {
    return new IpAddress(family, endA ? highA : highB, endA ? lowA : lowB);
  }

  final int protocol() {
    return (int) (rest >>> 8) & 0xff;
  }
}
