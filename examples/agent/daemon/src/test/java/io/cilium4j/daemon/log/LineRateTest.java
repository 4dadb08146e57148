// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon.log;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class LineRateTest {
  private long now;
  private final LineRate rate = new LineRate(() -> now);

  @Test
  void take_manyOfOneKind_areLeftOutAndCounted() {
    for (int i = 0; i < LineRate.MAX_LINES; i++) {
      assertEquals(0, rate.take("connection refused open={}"));
    }
    for (int i = 0; i < 820; i++) {
      assertEquals(-1, rate.take("connection refused open={}"));
    }
    assertEquals(0, rate.take("another kind"));
    now += LineRate.PERIOD.toNanos();
    assertEquals(820, rate.take("connection refused open={}"));
    assertEquals(0, rate.take("connection refused open={}"));
  }
}
