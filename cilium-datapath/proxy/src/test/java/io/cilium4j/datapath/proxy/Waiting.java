// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Waits for what must come. */
final class Waiting {
  private static final long PATIENCE_NANOS = Duration.ofSeconds(20).toNanos();

  private Waiting() {}

  /** Returns once something is so; fails if it does not come. */
  static void await(String what, BooleanSupplier isSo) {
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (!isSo.getAsBoolean()) {
      assertTrue(System.nanoTime() - end < 0, () -> "waited in vain for " + what);
      LockSupport.parkNanos(1_000_000);
    }
  }
}
