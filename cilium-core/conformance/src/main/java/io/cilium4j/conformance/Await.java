// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import java.time.Duration;
import java.util.function.Predicate;

/** Waiting for tables: woken by each change, never by a clock. */
final class Await {

  /** Far more than any implementation needs; only a failing test waits this long. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private Await() {}

  /** The first state of the table in which the condition holds. */
  static <K, V> Snapshot<K, V> until(
      Table<K, V> table, String what, Predicate<Snapshot<K, V>> condition) {
    long endNanos = System.nanoTime() + PATIENCE.toNanos();
    try (Watch<K, V> watch = table.watch()) {
      while (true) {
        long leftNanos = endNanos - System.nanoTime();
        Changes<K, V> changes = watch.take(Duration.ofNanos(Math.max(0, leftNanos)));
        if (condition.test(changes.snapshot())) {
          return changes.snapshot();
        }
        if (leftNanos <= 0) {
          return fail(
              what + ": not within " + PATIENCE + "; rows " + changes.snapshot().stream().toList());
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return fail(what + ": interrupted", e);
    }
  }

  static void initialised(Table<?, ?> table) {
    try {
      assertTrue(table.awaitInitialised(PATIENCE), () -> table + " is not initialised");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      fail(table + ": interrupted", e);
    }
  }
}
