// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.spi.DatapathProvider.Config;
import java.util.concurrent.atomic.AtomicLong;

/** Opens memory datapaths whose time a test moves on; it also passes. */
public final class MovedClock {

  private static final AtomicLong AHEAD_NANOS = new AtomicLong();

  private MovedClock() {}

  public static MemoryDatapath open(Config config) {
    var datapath = new MemoryDatapath(config, () -> System.nanoTime() + AHEAD_NANOS.get());
    datapath.resume();
    return datapath;
  }

  /** Moves the time of all of them. */
  public static void add(int seconds) {
    AHEAD_NANOS.addAndGet(seconds * 1_000_000_000L);
  }
}
