// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.demo.Script.Outcome;
import io.cilium4j.demo.Script.Pair;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Prints what came of the attempts: one table, and the drops as the datapath reported them. */
final class Report {

  /**
   * A row of the table.
   *
   * @param pair who tried to reach whom
   * @param expected what must come of it
   * @param attempts over IPv4 and over IPv6
   * @param decidedBy the rule that decided, or why none did
   */
  record Row(Pair pair, Outcome expected, List<Attempt> attempts, String decidedBy) {

    boolean isAsExpected() {
      return attempts.stream().allMatch(each -> each.observed().equals(Optional.of(expected)));
    }

    /** One word where both families agree. */
    String observed() {
      List<String> outcomes = attempts.stream().map(Attempt::shown).distinct().toList();
      if (outcomes.size() == 1) {
        return outcomes.getFirst();
      }
      return String.join(
          ", ", attempts.stream().map(each -> familyOf(each) + " " + each.shown()).toList());
    }

    private static String familyOf(Attempt attempt) {
      return attempt.family() == io.cilium4j.core.IpFamily.IPV4 ? "IPv4" : "IPv6";
    }
  }

  private final PrintStream out;

  Report(PrintStream out) {
    this.out = out;
  }

  /**
   * Prints the table.
   *
   * @param observed the heading of what came of the attempts: whether they were made or asked for
   */
  void table(String observed, List<Row> rows) {
    List<List<String>> cells = new ArrayList<>();
    cells.add(List.of("from", "to", "expected", observed, "decided by"));
    for (Row row : rows) {
      cells.add(
          List.of(
              row.pair().from().podName(),
              row.pair().to().podName(),
              row.expected().toString(),
              row.observed() + (row.isAsExpected() ? "" : "  <-- not as expected"),
              row.decidedBy()));
    }
    print(cells);
  }

  /** Prints the drops, equal ones once. */
  void drops(List<ReportedFlow> flows, Map<IpAddress, String> names) {
    Map<List<String>, Long> counts = new LinkedHashMap<>();
    for (ReportedFlow reported : flows) {
      if (reported.flow().verdict() == Verdict.DENIED) {
        counts.merge(dropCells(reported, names), 1 + reported.flow().suppressed(), Long::sum);
      }
    }
    List<List<String>> cells = new ArrayList<>();
    cells.add(
        List.of("source", "destination", "proto", "reason", "direction", "decided by", "times"));
    counts.forEach((drop, times) -> {
      List<String> line = new ArrayList<>(drop);
      line.add(times.toString());
      cells.add(line);
    });
    print(cells);
  }

  private static List<String> dropCells(ReportedFlow reported, Map<IpAddress, String> names) {
    Flow flow = reported.flow();
    return List.of(
        end(flow.source(), flow.sourcePort(), flow.sourceIdentity(), names),
        end(flow.destination(), flow.destinationPort(), flow.destinationIdentity(), names),
        Protocol.nameOf(flow.protocol()),
        flow.drop().map(Object::toString).orElse("unknown"),
        flow.direction().name().toLowerCase(Locale.ROOT),
        reported.rule().toString());
  }

  private static String end(
      IpAddress address, int port, int identity, Map<IpAddress, String> names) {
    String host = address.isV4() ? address.toString() : "[" + address + "]";
    return names.getOrDefault(address, "?") + " " + host + ":" + port + " (" + identity + ")";
  }

  /** Prints lines of cells, the headings first, in columns. */
  void print(List<List<String>> cells) {
    int columns = cells.getFirst().size();
    int[] widths = new int[columns];
    for (List<String> line : cells) {
      for (int column = 0; column < columns; column++) {
        widths[column] = Math.max(widths[column], line.get(column).length());
      }
    }
    for (List<String> line : cells) {
      var text = new StringBuilder("  ");
      for (int column = 0; column < columns; column++) {
        String cell = line.get(column);
        text.append(cell).append(" ".repeat(widths[column] - cell.length() + 2));
      }
      out.println(text.toString().stripTrailing());
    }
  }
}
