// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.state;

import io.cilium4j.agent.AgentException;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Waiting for what tables are to hold. */
public final class Tables {
  private Tables() {}

  /**
   * Waits until something is so, which only a change of the table can bring about.
   *
   * @return false if it is not by the end of {@code atMost}
   */
  public static <K, V> boolean await(
      Table<K, V> table, BooleanSupplier condition, Duration atMost) {
    if (condition.getAsBoolean()) {
      return true;
    }
    long end = System.nanoTime() + atMost.toNanos();
    try (Watch<K, V> watch = table.watch(() -> {})) {
      var _ = watch.poll();
      while (!condition.getAsBoolean()) {
        long left = end - System.nanoTime();
        if (left <= 0) {
          return false;
        }
        var _ = watch.take(Duration.ofNanos(left));
      }
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AgentException("the agent is stopping", e);
    }
  }
}
