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
    try (var rotation = Rotation.open()) {
      rotation.enforce(BenchNode.allowing(Rotation.CLIENT, ENTRIES));
      var table = new FamilyTable();
      for (int round = 0; round < ROUNDS; round++) {
        for (int flows : FLOWS) {
          for (IpFamily family : IpFamily.values()) {
            byte[] frame = rotation.frame(family, Frames.ACK);
            rotation.start(flows);
            rotation.decide.nanos(frame, flows, Clock.REDIRECTED);
            for (int batch = 0; batch < BATCHES; batch++) {
              table.add(
                  String.format(Locale.ROOT, "%,d", flows),
                  family,
                  rotation.nanos(rotation.decide, frame, RUNS, Clock.REDIRECTED));
            }
          }
        }
      }
      table.print("concurrent flows, ns a packet", out);
    }
  }
}
