// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.IpFamily;
import io.cilium4j.demo.Script.Line;
import io.cilium4j.demo.Script.Outcome;
import io.cilium4j.demo.Script.Pair;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What is shown on a cluster: everybody tries everybody, before the policy and after. */
final class ClusterShow {

  private final Cluster cluster;
  private final PrintStream out;

  ClusterShow(Cluster cluster, PrintStream out) {
    this.cluster = cluster;
    this.out = out;
  }

  /** Plays rule1; gives the number of rows that are not as expected. */
  int play(Policy rule1) {
    out.printf(
        "%nRouting %s: node1 has tiefighter, xwing and curl, node2 has deathstar and httpbin.%n",
        cluster.routing());
    List<Line> allowed =
        Script.EXPECTED.stream().map(line -> new Line(line.pair(), Outcome.ALLOWED)).toList();
    List<Attempt> before = attempts();
    List<Line> unreachable = wrong(allowed, before);
    out.printf(
        "Before the policy %d of %d pairs reach each other, over IPv4 and IPv6.%n",
        allowed.size() - unreachable.size(), allowed.size());
    if (!unreachable.isEmpty()) {
      table(unreachable, before);
    }
    cluster.apply(rule1, Role.DEATHSTAR);
    out.printf("With %s:%n%n", rule1.objects());
    List<Attempt> after = attempts();
    table(Script.EXPECTED, after);
    List<Line> wrong = wrong(Script.EXPECTED, after);
    out.println();
    tell(unreachable, before);
    tell(wrong, after);
    int all = unreachable.size() + wrong.size();
    if (all == 0) {
      out.printf("All %d pairs as expected.%n", Script.EXPECTED.size());
    }
    return all;
  }

  private List<Attempt> attempts() {
    return Attempts.tryAll(cluster::pod, Script.EXPECTED.stream().map(Line::pair).toList());
  }

  private void tell(List<Line> wrong, List<Attempt> attempts) {
    for (Line line : wrong) {
      out.printf(
          "%s by %s: expected %s, observed %s over IPv4, %s over IPv6%n",
          line.pair(),
          cluster.routing(),
          line.expected(),
          of(line.pair(), IpFamily.IPV4, attempts).shown(),
          of(line.pair(), IpFamily.IPV6, attempts).shown());
    }
  }

  private static List<Line> wrong(List<Line> lines, List<Attempt> attempts) {
    return lines.stream().filter(line -> !isAsExpected(line, attempts)).toList();
  }

  private static boolean isAsExpected(Line line, List<Attempt> attempts) {
    return attempts.stream()
        .filter(each -> each.pair().equals(line.pair()))
        .allMatch(each -> each.observed().equals(Optional.of(line.expected())));
  }

  private static Attempt of(Pair pair, IpFamily family, List<Attempt> attempts) {
    return attempts.stream()
        .filter(each -> each.pair().equals(pair) && each.family() == family)
        .findFirst()
        .orElseThrow();
  }

  private void table(List<Line> lines, List<Attempt> attempts) {
    List<List<String>> cells = new ArrayList<>();
    cells.add(List.of("from", "on", "to", "on", "expected", "IPv4", "IPv6"));
    for (Line line : lines) {
      Role from = line.pair().from();
      Role to = line.pair().to();
      cells.add(
          List.of(
              from.podName(),
              DemoNode.name(from.node()),
              to.podName(),
              DemoNode.name(to.node()),
              line.expected().toString(),
              of(line.pair(), IpFamily.IPV4, attempts).shown(),
              of(line.pair(), IpFamily.IPV6, attempts).shown()
                  + (isAsExpected(line, attempts) ? "" : "  <-- not as expected")));
    }
    new Report(out).print(cells);
  }
}
