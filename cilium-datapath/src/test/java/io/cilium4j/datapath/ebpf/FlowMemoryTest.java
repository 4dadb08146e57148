// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMatch;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.FlowParty;
import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What the flows cost that are kept, as the programs report them. */
class FlowMemoryTest {
  private static final int PODS = 1_000;
  private static final long MOST_BYTES = 25_000_000;

  /** What the measure itself may be wrong by. */
  private static final long NOISE_BYTES = 1_500_000;

  private final Map<Integer, Labels> labels =
      IntStream.range(0, PODS)
          .boxed()
          .collect(Collectors.toMap(each -> 1_000 + each, each -> Labels.parse("k8s:app=" + each)));

  private final FlowLog log =
      new FlowLog(
          cookie -> Optional.of(new RuleOrigin(cookie, "NetworkPolicy/a/b", "spec.ingress[0]")),
          _ -> PolicyMatch.L3_ONLY,
          end ->
              new FlowParty(
                  end.endpointId(),
                  end.identity(),
                  labels.getOrDefault(end.identity(), Labels.EMPTY),
                  "default",
                  "pod" + end.identity()),
          _ -> true,
          FlowLog.MAX_CAPACITY);

  @Test
  void ring_thatIsFull_takesLittleAndNoMoreUnderLoad() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment event = arena.allocate(EventCodec.LAYOUT);
      report(event, 1);
      long empty = used();
      report(event, FlowLog.MAX_CAPACITY);
      long full = used();
      assertTrue(full - empty <= MOST_BYTES, () -> "full: " + (full - empty) + " bytes");
      report(event, 5 * FlowLog.MAX_CAPACITY);
      long later = used();
      assertTrue(later - full <= NOISE_BYTES, () -> "under load: " + (later - full) + " more");
    }
    assertEquals(FlowLog.MAX_CAPACITY, log.flows().size());
  }

  /** Packets that pass between pods, each pair of which has stations of its own. */
  private void report(MemorySegment event, int count) {
    for (int i = 0; i < count; i++) {
      int from = i % PODS;
      int to = (i / 7) % PODS;
      event.set(Fields.U64, at("time_nanos"), System.nanoTime());
      event.set(Fields.U32, at("source_identity"), 1_000 + from);
      event.set(Fields.U32, at("destination_identity"), 1_000 + to);
      event.set(Fields.U32, at("endpoint"), 1 + to);
      event.set(Fields.BE16, at("source_port"), (short) i);
      event.set(Fields.BE16, at("destination_port"), (short) 80);
      event.set(Fields.U8, at("protocol"), (byte) 6);
      event.set(Fields.U8, at("family"), (byte) 4);
      event.set(Fields.U8, at("verdict"), (byte) 1);
      event.set(Fields.U8, at("point"), (byte) 1);
      event.set(Fields.BE64, at("mac"), (long) from << Short.SIZE);
      Fields.putAddress(event, at("source"), IpAddress.parse("10.0.0.0").plus(from));
      Fields.putAddress(event, at("destination"), IpAddress.parse("10.0.0.0").plus(to));
      log.accept(EventCodec.read(event));
    }
  }

  private static long at(String field) {
    return EventCodec.LAYOUT.byteOffset(PathElement.groupElement(field));
  }

  /** Bytes of the heap that something holds. */
  private static long used() {
    long least = Long.MAX_VALUE;
    for (int i = 0; i < 4; i++) {
      System.gc();
      Runtime runtime = Runtime.getRuntime();
      least = Math.min(least, runtime.totalMemory() - runtime.freeMemory());
    }
    return least;
  }
}
