// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.spi.FlowSource.Subscription;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The first packet of a flow, with a tuple that no run before had and a full conntrack, so that
 * each insert also evicts: without policy, with policies of several sizes, and dropped. All in
 * turns, so that what disturbs one disturbs all.
 */
final class NewFlowBenchmark {
  private static final int ROUNDS = 12;
  private static final int RUNS = 16_384;

  /** Identity that the policy of a drop lets in, in the place of the client's. */
  private static final int SOMEBODY = 999;

  private NewFlowBenchmark() {}

  static void run(PrintStream out) {
    try (var rotation = Rotation.openWithoutShares()) {
      Map<String, PolicyMapState> policies = new LinkedHashMap<>();
      policies.put("everything allowed", PolicyMapState.ALLOW_ALL);
      for (int entries : new int[] {10, 1_000, 10_000, 40_000}) {
        policies.put(entries + " entries", BenchNode.allowing(Rotation.CLIENT, entries));
      }
      policies.put("dropped, 10000 entries", BenchNode.allowing(SOMEBODY, 10_000));
      for (IpFamily family : IpFamily.values()) {
        byte[] frame = rotation.frame(family, Frames.SYN);
        Map<String, Samples> rows = new LinkedHashMap<>();
        rotation.enforce(PolicyMapState.ALLOW_ALL);
        rotation.start(Rotation.ALL_TUPLES);
        rotation.insert.nanos(frame, Rotation.ALL_TUPLES / 2, Clock.REDIRECTED);
        for (int round = 0; round < ROUNDS; round++) {
          add(rows, "no policy", rotation.nanos(rotation.insert, frame, RUNS, Clock.REDIRECTED));
          for (var policy : policies.entrySet()) {
            rotation.enforce(policy.getValue());
            boolean dropped = policy.getKey().startsWith("dropped");
            int expected = dropped ? Clock.DROPPED : Clock.REDIRECTED;
            add(
                rows,
                policy.getKey() + ", reader off",
                rotation.nanos(rotation.decide, frame, RUNS, expected));
            Subscription events = rotation.node.datapath.subscribe(flow -> {});
            add(
                rows,
                policy.getKey() + ", reader on",
                rotation.nanos(rotation.decide, frame, RUNS, expected));
            events.close();
          }
        }
        Samples base = rows.values().iterator().next();
        var table =
            new Table("new flow, " + family + ", ns a packet", "least / median", "to no policy");
        rows.forEach((name, samples) ->
            table.row(
                name,
                samples.leastAndMedian(),
                String.format(Locale.ROOT, "%.2f", samples.median() / base.median())));
        table.print(out);
      }
    }
  }

  private static void add(Map<String, Samples> rows, String row, double nanos) {
    rows.computeIfAbsent(row, name -> new Samples()).add(nanos);
  }
}
