// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

/**
 * Says when flows that are over are looked for, and looks, in steps that hold up no packet for
 * long. The more is found, the sooner comes the next time.
 */
final class FlowSweep {

  private static final long SECOND_NANOS = 1_000_000_000L;

  /** The shortest time between two rounds, and the longest. */
  static final long MIN_INTERVAL_NANOS = 30 * SECOND_NANOS;

  private static final long MAX_INTERVAL_NANOS = 300 * SECOND_NANOS;

  private final Conntrack[] tables;
  private long dueNanos;
  private long intervalNanos = MIN_INTERVAL_NANOS;

  /** The table that is swept next, and what this round has removed. */
  private int table;

  private int removed;

  FlowSweep(long nowNanos, Conntrack... tables) {
    this.dueNanos = nowNanos + intervalNanos;
    this.tables = tables;
  }

  /**
   * Does one step if one is due.
   *
   * @return in how many nanoseconds the next one is
   */
  long step(long nowNanos) {
    if (nowNanos - dueNanos < 0) {
      return dueNanos - nowNanos;
    }
    int before = tables[table].size();
    boolean done = tables[table].collectSome(nowNanos);
    removed += before - tables[table].size();
    if (done) {
      table++;
    }
    return table < tables.length ? 0 : endRound(nowNanos);
  }

  private long endRound(long nowNanos) {
    int left = 0;
    for (Conntrack each : tables) {
      left += each.size();
    }
    intervalNanos =
        removed > left / 4
            ? Math.max(MIN_INTERVAL_NANOS, intervalNanos / 2)
            : Math.min(MAX_INTERVAL_NANOS, intervalNanos * 2);
    dueNanos = nowNanos + intervalNanos;
    table = 0;
    removed = 0;
    return intervalNanos;
  }
}
