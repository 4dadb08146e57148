// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon.log;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * How many lines of one kind are written: a client that does the same thing a thousand times must
 * not fill a disk. Lines are of one kind if they have the same pattern. Safe for use by several
 * threads.
 */
final class LineRate {
  /** Most lines of a kind in one {@link #PERIOD}. */
  static final int MAX_LINES = 50;

  static final Duration PERIOD = Duration.ofSeconds(10);

  /** Most kinds that are told apart; there are some hundred in the program. */
  private static final int MAX_KINDS = 2_000;

  private static final class Kind {
    private long sinceNanos;
    private int lines;
    private int leftOut;
  }

  private final LongSupplier nanoTime;
  private final Map<String, Kind> kinds = new HashMap<>();

  LineRate(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /**
   * Whether a line may be written.
   *
   * @return how many of its kind were left out before it, or -1 if it is left out itself
   */
  synchronized int take(String pattern) {
    long now = nanoTime.getAsLong();
    if (kinds.size() >= MAX_KINDS) {
      kinds.clear();
    }
    Kind kind = kinds.computeIfAbsent(pattern, _ -> new Kind());
    if (kind.lines == 0 || now - kind.sinceNanos >= PERIOD.toNanos()) {
      kind.sinceNanos = now;
      kind.lines = 0;
    }
    if (kind.lines >= MAX_LINES) {
      kind.leftOut++;
      return -1;
    }
    kind.lines++;
    int leftOut = kind.leftOut;
    kind.leftOut = 0;
    return leftOut;
  }
}
