// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import java.io.BufferedReader;
import java.io.IOException;
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
final class Traffic {
  private static final int PAIRS = 20;
  private static final int MILLIS = 300;

  /** Both ends on one CPU, which then does all the work; or an end each. */
  private static final String[][] CPUS = {{"1", "1"}, {"0", "1"}};

  private static final String[] KINDS = {"rr", "stream"};

  /**
   * Two pods and a server that waits in the second.
   *
   * @param addresses the second's, one a family
   */
  record Pair(Netns client, Netns server, List<IpAddress> addresses) {
    IpAddress address(IpFamily family) {
      return addresses.stream()
          .filter(address -> address.family() == family)
          .findFirst()
          .orElseThrow();
    }
  }

  private Traffic() {}

  /**
   * Adds a row for each kind of traffic and family.
   *
   * @param what what the connection goes over, for the rows
   */
  static void compare(Table table, String what, Pair theirs, Pair ours) {
    String program = System.getProperty("traffic", "target/traffic");
    for (String[] cpus : CPUS) {
      List<Process> servers = new ArrayList<>();
      try {
        for (Pair pair : List.of(ours, theirs)) {
          servers.add(serve(pair, cpus[1], program));
        }
        for (String kind : KINDS) {
          for (IpFamily family : IpFamily.values()) {
            String unit = kind.equals("rr") ? "exchanges/s, " : "Mbit/s, ";
            String where =
                cpus[0].equals(cpus[1]) ? ", both ends on one CPU" : ", a CPU for each end";
            measure(
                table,
                what + unit + family + where,
                theirs,
                ours,
                pair -> client(pair, cpus[0], program, kind, family));
          }
        }
      } finally {
        servers.forEach(Process::destroy);
      }
    }
  }

  /** Exchanges a second of one connection, both ends of which have CPU 1 to themselves. */
  static Samples exchanges(Pair pair, IpFamily family, int runs) {
    String program = System.getProperty("traffic", "target/traffic");
    var samples = new Samples();
    Process server = serve(pair, CPUS[0][1], program);
    try {
      for (int i = 0; i < runs; i++) {
        samples.add(client(pair, CPUS[0][0], program, KINDS[0], family));
      }
    } finally {
      server.destroy();
    }
    return samples;
  }

  /** One run of traffic over a pair of pods; the rate. */
  private interface Run {
    double over(Pair pair);
  }

  private static void measure(Table table, String row, Pair theirs, Pair ours, Run run) {
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
        row,
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

  /**
   * A program inside a namespace. Not by a thread inside: what the JDK starts to wait for a process
   * would live there as well.
   */
  static ProcessBuilder inside(Netns where, List<String> command) {
    List<String> words = new ArrayList<>(List.of("nsenter", "--net=" + where.path(), "--"));
    words.addAll(command);
    return new ProcessBuilder(words);
  }

  private static Process start(Netns where, String... command) {
    try {
      return inside(where, List.of(command)).redirectError(Redirect.INHERIT).start();
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
