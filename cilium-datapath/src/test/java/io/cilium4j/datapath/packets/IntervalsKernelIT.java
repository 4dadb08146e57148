// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A flow that goes on is reported once in each interval. */
class IntervalsKernelIT extends PacketTests {

  private static final int INTERVAL_SECONDS = 2;
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @Override
  Tracing tracing() {
    return Tracing.each(INTERVAL_SECONDS);
  }

  @ParameterizedTest
  @EnumSource
  void flow_thatGoesOn_isReportedOnceAnInterval(IpFamily family) {
    int port = nextPort();
    long begin = System.nanoTime();
    assertTrue(node.passes(node.a, node.b, family, frames -> frames.udp(port, 53)));
    int packets = 1;
    while (reported(port).size() < 3) {
      assertTrue(System.nanoTime() - begin < PATIENCE.toNanos(), "reported: " + reported(port));
      assertTrue(node.passes(node.a, node.b, family, frames -> frames.udp(port, 53)));
      packets++;
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    List<Life> lives = reported(port);
    assertEquals(List.of(Life.NEW, Life.ESTABLISHED, Life.ESTABLISHED), lives);
    assertTrue(seconds > INTERVAL_SECONDS, seconds + " s between three reports");
    assertTrue(packets > 3, packets + " packets");
  }

  private List<Life> reported(int port) {
    return node.events.stream()
        .filter(each -> each.sourcePort() == port)
        .flatMap(each -> each.trace().stream())
        .map(each -> each.life())
        .toList();
  }
}
