// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.benchmarks.BenchNode.Pod;
import io.cilium4j.benchmarks.Traffic.Pair;
import java.io.PrintStream;

/** One TCP connection between two pods of one node, beside one that plain routing carries. */
final class ThroughputBenchmark {
  private static final int ENTRIES = 10_000;
  private static final int CLIENT = 300;
  private static final int SERVER = 301;

  private ThroughputBenchmark() {}

  static void run(PrintStream out) {
    try (var node = new BenchNode();
        var plain = new PlainPods(node)) {
      Pod client = node.pod(2, CLIENT);
      Pod server = node.pod(3, SERVER);
      node.enforce(BenchNode.allowing(CLIENT, ENTRIES), server);
      var ours =
          new Pair(client.netns().getFirst(), server.netns().getFirst(), BenchNode.addresses(3));
      var theirs = new Pair(plain.pod(node, 12), plain.pod(node, 13), BenchNode.addresses(13));
      var table =
          new Table("TCP between two pods", "plain routing", "ours", "ratio", "95 % interval");
      Traffic.compare(table, "", theirs, ours);
      table.print(out);
    }
  }
}
