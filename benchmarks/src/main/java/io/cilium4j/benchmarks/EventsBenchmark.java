// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.benchmarks.BenchNode.Pod;
import io.cilium4j.benchmarks.Traffic.Pair;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.observer.FlowMetrics;
import java.io.PrintStream;
import java.util.Locale;
import java.util.concurrent.atomic.LongAdder;

/**
 * What it costs a connection that its packets are reported: every one, without a limit, into the
 * ring of flows and counted by metrics. The connection has one CPU and the agent another; nodes
 * with and without reports take turns.
 */
final class EventsBenchmark {
  private static final int CLIENT = 300;
  private static final int SERVER = 301;
  private static final int ENTRIES = 1_000;
  private static final int TURNS = 4;
  private static final int RUNS = 4;
  private static final Tracing EVERYTHING = new Tracing(true, 0, Integer.MAX_VALUE);
  private static final String METRICS = "flow drop tcp port-distribution policy";
  private static final double NANOS_PER_SECOND = 1e9;

  private EventsBenchmark() {}

  /** What one turn gave. */
  private record Turn(double exchanges, double events, double lost) {}

  static void run(PrintStream out) {
    var table =
        new Table(
            "one connection",
            "exchanges/s, none told",
            "each packet told",
            "ratio",
            "events/s",
            "lost");
    for (IpFamily family : IpFamily.values()) {
      for (String metrics : new String[] {"", METRICS}) {
        measure(table, family, metrics);
      }
    }
    table.print(out);
  }

  private static void measure(Table table, IpFamily family, String metrics) {
    var quiet = new Samples();
    var told = new Samples();
    var ratio = new Samples();
    var events = new Samples();
    double lost = 0;
    for (int i = 0; i < TURNS; i++) {
      boolean isFirst = i % 2 == 0;
      Turn first = turn(isFirst ? Tracing.CHANGES : EVERYTHING, family, metrics);
      Turn second = turn(isFirst ? EVERYTHING : Tracing.CHANGES, family, metrics);
      Turn all = isFirst ? second : first;
      Turn none = isFirst ? first : second;
      quiet.add(none.exchanges());
      told.add(all.exchanges());
      ratio.add(all.exchanges() / none.exchanges());
      events.add(all.events());
      lost = Math.max(lost, all.lost());
    }
    table.row(
        family + (metrics.isEmpty() ? "" : ", counted by 5 metrics"),
        String.format(Locale.ROOT, "%,.0f", quiet.median()),
        String.format(Locale.ROOT, "%,.0f", told.median()),
        String.format(Locale.ROOT, "%.3f", ratio.median()),
        String.format(Locale.ROOT, "%,.0f", events.median()),
        String.format(Locale.ROOT, "%.4f", lost));
  }

  private static Turn turn(Tracing tracing, IpFamily family, String metrics) {
    FlowLog log = ObserverBenchmark.log();
    if (!metrics.isEmpty()) {
      log.listen(FlowMetrics.parse(metrics));
    }
    var suppressed = new LongAdder();
    try (var node = new BenchNode(tracing);
        var _ = node.datapath.subscribe(log);
        var _ = node.datapath.subscribe(flow -> suppressed.add(flow.suppressed()))) {
      Pod client = node.pod(2, CLIENT);
      Pod server = node.pod(3, SERVER);
      node.enforce(BenchNode.allowing(CLIENT, ENTRIES), server);
      var pair =
          new Pair(client.netns().getFirst(), server.netns().getFirst(), BenchNode.addresses(3));
      long before = log.reported();
      long begin = System.nanoTime();
      Samples exchanges = Traffic.exchanges(pair, family, RUNS);
      double seconds = (System.nanoTime() - begin) / NANOS_PER_SECOND;
      long reported = log.reported() - before;
      return new Turn(
          exchanges.median(),
          reported / seconds,
          suppressed.sum() / (double) Math.max(1, reported + suppressed.sum()));
    }
  }
}
