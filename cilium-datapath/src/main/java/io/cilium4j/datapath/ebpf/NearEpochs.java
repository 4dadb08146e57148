// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import java.nio.ByteOrder;

/**
 * The counters of {@code lib/epoch.h} that stand for what is known of an address. A verdict is
 * stamped with the epoch and the counters of both its addresses; one that moves makes those
 * verdicts stale and no others but for addresses that share a counter by chance.
 */
final class NearEpochs {

  private static final int BITS = 10;

  /** How many counters there are. */
  static final int COUNTERS = 1 << BITS;

  /** 2^64 divided by the golden ratio: spreads what differs in a few bits only. */
  private static final long SPREAD = 0x9e3779b97f4a7c15L;

  private NearEpochs() {}

  /** The counter of an address; as {@code near_index} in C, which reads words as they stand. */
  static int index(IpAddress address) {
    long mixed = asRead(address.high()) * SPREAD + asRead(address.low());
    return (int) ((mixed * SPREAD) >>> (Long.SIZE - BITS));
  }

  private static long asRead(long bigEndian) {
    return ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN
        ? bigEndian
        : Long.reverseBytes(bigEndian);
  }

  /**
   * What a verdict about two addresses is stamped with: it holds as long as this stays the same.
   */
  static long stamp(long epoch, int counters) {
    return Integer.toUnsignedLong((int) epoch) | ((long) counters << Integer.SIZE);
  }
}
