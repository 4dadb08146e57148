// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.IpFamily;
import java.io.PrintStream;
import java.util.Locale;

/**
 * Many established flows at once, one packet of each in turn: what a packet costs when its entry in
 * conntrack is further and further from the processor.
 */
final class FlowsBenchmark {
  private static final int[] FLOWS = {1, 16, 256, 1_024, 4_096, 16_384, 32_768, 65_536};
  private static final int ENTRIES = 10_000;
  private static final int ROUNDS = 5;
  private static final int BATCHES = 10;
  private static final int RUNS = 65_536;

  private FlowsBenchmark() {}

  static void run(PrintStream out) {
    try (var rotation = new Rotation()) {
      rotation.enforce(BenchNode.allowing(Rotation.CLIENT, ENTRIES));
      Samples[][] samples = new Samples[FLOWS.length][2];
      for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < FLOWS.length; i++) {
          for (IpFamily family : IpFamily.values()) {
            byte[] frame = rotation.frame(family, Frames.ACK);
            rotation.start(FLOWS[i]);
            rotation.decide.nanos(frame, FLOWS[i], Clock.REDIRECTED);
            int column = family.ordinal();
            if (samples[i][column] == null) {
              samples[i][column] = new Samples();
            }
            for (int batch = 0; batch < BATCHES; batch++) {
              samples[i][column].add(
                  rotation.nanos(rotation.decide, frame, RUNS, Clock.REDIRECTED));
            }
          }
        }
      }
      var table = new Table("concurrent flows, ns a packet: least / median", "IPv4", "IPv6");
      for (int i = 0; i < FLOWS.length; i++) {
        table.row(
            String.format(Locale.ROOT, "%,d", FLOWS[i]),
            samples[i][0].leastAndMedian(),
            samples[i][1].leastAndMedian());
      }
      table.print(out);
    }
  }
}
