// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.FlowSource.Traffic;
import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout.PathElement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A number that the programs send and Java has no name for is never shown as another reason. */
class ReasonNumbersTest {

  private static final int UNKNOWN = 249;

  @Test
  void read_eventWithAnUnknownReason_keepsTheNumber() {
    try (Arena arena = Arena.ofConfined()) {
      var event = arena.allocate(EventCodec.LAYOUT);
      long at = EventCodec.LAYOUT.byteOffset(PathElement.groupElement("reason"));
      event.set(Fields.U8, at, (byte) UNKNOWN);
      assertEquals("249", EventCodec.read(event).drop().orElseThrow().toString());
    }
  }

  @Test
  void add_counterOfAnUnknownReason_keepsTheNumber() {
    List<Traffic> traffic = new ArrayList<>();
    MetricsRecord.add(
        UNKNOWN * 2 + 1, List.of(new MetricsRecord(1, 60), new MetricsRecord(2, 120)), traffic);
    MetricsRecord.add(UNKNOWN * 2, List.of(new MetricsRecord(0, 0)), traffic);
    MetricsRecord.add(0, List.of(new MetricsRecord(5, 300)), traffic);
    assertEquals(
        List.of(
            new Traffic(Optional.of(new DropReason(UNKNOWN)), TrafficDirection.EGRESS, 3, 180),
            new Traffic(Optional.empty(), TrafficDirection.INGRESS, 5, 300)),
        traffic);
  }
}
