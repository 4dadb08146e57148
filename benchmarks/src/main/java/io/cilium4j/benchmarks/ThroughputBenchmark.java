// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.benchmarks.BenchNode.Pod;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One TCP connection between two pods, with our programs and without, in alternation: a pair is one
 * run of each, one right after the other, and counts as their ratio. The traffic comes from {@code
 * src/main/c/traffic.c}, pinned to CPUs.
 */
final class ThroughputBenchmark {
  private static final int PAIRS = 30;
  private static final int MILLIS = 300;
  private static final int ENTRIES = 10_000;
  private static final int CLIENT = 300;
  private static final int SERVER = 301;

  /** Both ends on one CPU, which then does all the work; or an end each. */
  private static final String[][] CPUS = {{"1", "1"}, {"0", "1"}};

  private static final String[] KINDS = {"rr", "stream"};

  /** Two pods and a server that waits in the second. */
  private record Pair(Netns client, Netns server, int serverId) {
    IpAddress address(IpFamily family) {
      return BenchNode.addresses(serverId).stream()
          .filter(address -> address.family() == family)
          .findFirst()
          .orElseThrow();
    }
  }

  private ThroughputBenchmark() {}

  static void run(PrintStream out) {
    String program = System.getProperty("traffic", "target/traffic");
    try (var node = new BenchNode();
        var plain = new PlainPods(node)) {
      Pod client = node.pod(2, CLIENT);
      Pod server = node.pod(3, SERVER);
      node.enforce(BenchNode.allowing(CLIENT, ENTRIES), server);
      var ours = new Pair(client.netns().getFirst(), server.netns().getFirst(), 3);
      var theirs = new Pair(plain.pod(node, 12), plain.pod(node, 13), 13);
      var table =
          new Table("TCP between two pods", "plain routing", "ours", "ratio", "95 % interval");
      for (String[] cpus : CPUS) {
        List<Process> servers = new ArrayList<>();
        try {
          for (Pair pair : List.of(ours, theirs)) {
            servers.add(serve(pair, cpus[1], program));
          }
          for (String kind : KINDS) {
            for (IpFamily family : IpFamily.values()) {
              measure(
                  table,
                  kind,
                  family,
                  cpus[0].equals(cpus[1]),
                  theirs,
                  ours,
                  pair -> client(pair, cpus[0], program, kind, family));
            }
          }
        } finally {
          servers.forEach(Process::destroy);
        }
      }
      table.print(out);
    }
  }

  /** One run of traffic over a pair of pods; the rate. */
  private interface Run {
    double over(Pair pair);
  }

  private static void measure(
      Table table,
      String kind,
      IpFamily family,
      boolean together,
      Pair theirs,
      Pair ours,
      Run run) {
    var plain = new Samples();
    var own = new Samples();
    var ratio = new Samples();
    run.over(theirs);
    run.over(ours);
    for (int i = 0; i < PAIRS; i++) {
      // Who goes first changes, so that a trend of the machine favours neither.
      double first = run.over(i % 2 == 0 ? theirs : ours);
      double second = run.over(i % 2 == 0 ? ours : theirs);
      plain.add(i % 2 == 0 ? first : second);
      own.add(i % 2 == 0 ? second : first);
      ratio.add(i % 2 == 0 ? second / first : first / second);
    }
    double[] interval = ratio.medianInterval();
    table.row(
        (kind.equals("rr") ? "exchanges/s, " : "Mbit/s, ")
            + family
            + (together ? ", both ends on one CPU" : ", a CPU for each end"),
        String.format(Locale.ROOT, "%,.0f", plain.median()),
        String.format(Locale.ROOT, "%,.0f", own.median()),
        String.format(Locale.ROOT, "%.3f", ratio.median()),
        String.format(Locale.ROOT, "%.3f to %.3f", interval[0], interval[1]));
  }

  private static Process serve(Pair pair, String cpu, String program) {
    String port = String.valueOf(BenchNode.PORT);
    Process server = start(pair.server(), "taskset", "-c", cpu, program, "serve", port);
    if (!"ready".equals(firstLine(server))) {
      throw new IllegalStateException("the server did not start in " + pair.server());
    }
    return server;
  }

  private static double client(
      Pair pair, String cpu, String program, String kind, IpFamily family) {
    Process client =
        start(
            pair.client(),
            "taskset",
            "-c",
            cpu,
            program,
            kind,
            pair.address(family).toString(),
            String.valueOf(BenchNode.PORT),
            String.valueOf(MILLIS));
    return Double.parseDouble(firstLine(client));
  }

  private static Process start(Netns where, String... command) {
    try {
      return where.call(() -> new ProcessBuilder(command).redirectError(Redirect.INHERIT).start());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String firstLine(Process process) {
    try {
      // Not closed: a server goes on after its first line.
      var lines = new BufferedReader(process.inputReader(StandardCharsets.UTF_8));
      String line = lines.readLine();
      return line == null ? "" : line;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
