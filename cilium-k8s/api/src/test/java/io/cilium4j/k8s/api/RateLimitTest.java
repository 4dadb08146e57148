// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class RateLimitTest {
  private long nowNanos;

  private static final long SECOND = Duration.ofSeconds(1).toNanos();

  private static void assertNear(long wanted, long found) {
    assertTrue(Math.abs(wanted - found) <= 1_000, () -> found + ", wanted " + wanted);
  }

  @Test
  void take_burst_thenAtTheRate() {
    var limit = new RateLimit(10, 3, () -> nowNanos);
    for (int i = 0; i < 3; i++) {
      assertEquals(0, limit.take(SECOND));
    }
    assertNear(SECOND / 10, limit.take(SECOND));
    assertNear(2 * SECOND / 10, limit.take(SECOND)); // behind the one that waits
    nowNanos += SECOND;
    assertEquals(0, limit.take(SECOND));
  }

  @Test
  void take_tooLate_takesNothing() {
    var limit = new RateLimit(1, 1, () -> nowNanos);
    assertEquals(0, limit.take(0));
    assertTrue(limit.take(SECOND / 2) < 0);
    assertTrue(limit.take(SECOND / 2) < 0);
    assertNear(SECOND, limit.take(SECOND));
  }

  @Test
  void take_longPause_givesNoMoreThanTheBurst() {
    var limit = new RateLimit(100, 2, () -> nowNanos);
    nowNanos += 3600 * SECOND;
    assertEquals(0, limit.take(SECOND));
    assertEquals(0, limit.take(SECOND));
    assertTrue(limit.take(SECOND) > 0);
  }
}
