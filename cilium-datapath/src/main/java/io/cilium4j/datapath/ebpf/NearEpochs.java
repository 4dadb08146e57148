// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.bpf.MapMemory;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The counters of {@code lib/epoch.h} that stand for what is known of an address. A verdict is
 * stamped with the epoch and the counters of both its addresses; one that moves makes those
 * verdicts stale and no others but for addresses that share a counter by chance.
 */
final class NearEpochs implements AutoCloseable {

  private static final int BITS = 10;

  /** How many counters there are. */
  static final int COUNTERS = 1 << BITS;

  /** 2^64 divided by the golden ratio: spreads what differs in a few bits only. */
  private static final long SPREAD = 0x9e3779b97f4a7c15L;

  private static final VarHandle COUNTER = ValueLayout.JAVA_INT.varHandle();

  private final MapMemory memory;

  /** Takes over the memory of {@code cilium_epoch_near}. */
  NearEpochs(MapMemory memory) {
    this.memory = memory;
  }

  /**
   * Makes all verdicts about an address stale, after what they depend on was written: a packet that
   * has read the counter before sees that it moved, and one that reads it from now on finds what
   * was written.
   */
  void move(IpAddress address) {
    move(index(address));
  }

  /** Makes every verdict stale, as a move of the epoch does. */
  void moveAll() {
    for (int i = 0; i < memory.size(); i++) {
      move(i);
    }
  }

  private void move(int index) {
    int _ = (int) COUNTER.getAndAdd(memory.element(index), 0L, 1);
  }

  /** The counter of an address. */
  static int index(IpAddress address) {
    return index(address, BITS);
  }

  /**
   * The upper bits of an address's hash, as {@code address_hash} in C, which reads words as they
   * stand.
   */
  static int index(IpAddress address, int bits) {
    long mixed = asRead(address.high()) * SPREAD + asRead(address.low());
    return (int) ((mixed * SPREAD) >>> (Long.SIZE - bits));
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

  @Override
  public void close() {
    memory.close();
  }
}
