// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.demo.Report.Row;
import io.cilium4j.demo.Script.Line;
import io.cilium4j.demo.Script.Outcome;
import io.cilium4j.demo.Script.Pair;
import io.cilium4j.policy.Explanation;
import io.cilium4j.policy.PortProtocol;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;

/** What is shown on a stage: everybody tries everybody, before the policy and after. */
final class Show {

  /** How long the datapath's reports of what was just observed may take to arrive. */
  private static final Duration REPORT_PATIENCE = Duration.ofSeconds(2);

  /** How often is looked whether they have. */
  private static final Duration REPORT_LOOK = Duration.ofMillis(5);

  private final Stage stage;
  private final boolean packets;
  private final PrintStream out;

  /**
   * @param packets whether real packets can be sent, or else the engine is asked
   */
  Show(Stage stage, boolean packets, PrintStream out) {
    this.stage = stage;
    this.packets = packets;
    this.out = out;
  }

  /** Plays it; gives the number of rows that are not as expected. */
  int play(Policy policy) {
    List<Pair> pairs = Script.EXPECTED.stream().map(Line::pair).toList();
    List<Attempt> before = attempts(pairs);
    List<Row> unreachable =
        rows(before, pair -> Outcome.ALLOWED, List.of()).stream()
            .filter(row -> !row.isAsExpected())
            .toList();
    String reached = packets ? "reach" : "may reach";
    out.printf(
        "%nBefore the policy %d of %d pairs %s each other, over IPv4 and IPv6.%n",
        pairs.size() - unreachable.size(), pairs.size(), reached);
    if (!unreachable.isEmpty()) {
      new Report(out).table(heading(), unreachable);
    }
    int seen = stage.agent().flows().size();
    stage.apply(policy);
    out.printf("With %s:%n%n", policy.objects());
    List<Attempt> after = attempts(pairs);
    List<ReportedFlow> flows = flowsSince(seen, after);
    List<Row> rows = rows(after, pair -> expected(policy, pair), flows);
    var report = new Report(out);
    report.table(heading(), rows);
    if (packets) {
      out.printf("%nDrops, as the datapath reported them:%n%n");
      report.drops(flows, names());
    }
    List<Row> wrong = new ArrayList<>(unreachable);
    rows.stream().filter(row -> !row.isAsExpected()).forEach(wrong::add);
    out.println();
    for (Row row : wrong) {
      out.println(
          row.pair() + ": expected " + row.expected() + ", " + heading() + " " + row.observed());
    }
    if (wrong.isEmpty()) {
      out.printf("All %d pairs as expected.%n", rows.size());
    }
    int more = 0;
    if (packets && policy.isRule1() && wrong.isEmpty()) {
      more = (int) new Requests(stage, out).play();
    }
    return wrong.size() + more;
  }

  private String heading() {
    return packets ? "observed" : "asked";
  }

  /** What must come of rule1 is written in the script; of another policy only the engine knows. */
  private Outcome expected(Policy policy, Pair pair) {
    if (!policy.isRule1()) {
      return asked(pair);
    }
    return Script.EXPECTED.stream()
        .filter(line -> line.pair().equals(pair))
        .findFirst()
        .orElseThrow()
        .expected();
  }

  private List<Attempt> attempts(List<Pair> pairs) {
    if (packets) {
      return Attempts.tryAll(stage::pod, pairs);
    }
    List<Attempt> asked = new ArrayList<>();
    for (Pair pair : pairs) {
      for (IpFamily family : IpFamily.values()) {
        asked.add(
            new Attempt(
                pair,
                family,
                endpoint(pair.from()).address(family).orElseThrow(),
                endpoint(pair.to()).address(family).orElseThrow(),
                Optional.of(asked(pair)),
                ""));
      }
    }
    return asked;
  }

  private Outcome asked(Pair pair) {
    return explain(pair).stream().allMatch(each -> each.verdict() == Verdict.ALLOWED)
        ? Outcome.ALLOWED
        : Outcome.DROPPED;
  }

  private List<Explanation> explain(Pair pair) {
    return stage
        .agent()
        .explain(endpoint(pair.from()), endpoint(pair.to()), PortProtocol.tcp(Script.PORT));
  }

  private Endpoint endpoint(Role role) {
    return stage
        .agent()
        .endpoint(Role.NAMESPACE, role.podName())
        .orElseThrow(() -> new DemoException("pod " + role.podName() + " is gone"));
  }

  private Map<IpAddress, String> names() {
    Map<IpAddress, String> names = new HashMap<>();
    for (Role role : Role.values()) {
      endpoint(role).addresses().forEach(address -> names.put(address, role.podName()));
    }
    return names;
  }

  // ---- what the datapath reported ----

  /** The flows reported after the first {@code seen}, waiting until each drop has its report. */
  private List<ReportedFlow> flowsSince(int seen, List<Attempt> attempts) {
    long end = System.nanoTime() + REPORT_PATIENCE.toNanos();
    while (true) {
      List<ReportedFlow> all = stage.agent().flows();
      List<ReportedFlow> flows = all.subList(Math.min(seen, all.size()), all.size());
      boolean complete =
          !packets
              || attempts.stream()
                  .filter(each -> each.observed().equals(Optional.of(Outcome.DROPPED)))
                  .allMatch(each -> report(each, flows).isPresent());
      if (complete || System.nanoTime() - end > 0) {
        return flows;
      }
      LockSupport.parkNanos(REPORT_LOOK.toNanos());
    }
  }

  private static Optional<ReportedFlow> report(Attempt attempt, List<ReportedFlow> flows) {
    return flows.stream()
        .filter(each -> {
          Flow flow = each.flow();
          return flow.source().equals(attempt.source())
              && flow.destination().equals(attempt.destination())
              && flow.protocol() == Protocol.TCP.number()
              && flow.destinationPort() == Script.PORT;
        })
        .findFirst();
  }

  private List<Row> rows(
      List<Attempt> attempts, Function<Pair, Outcome> expected, List<ReportedFlow> flows) {
    Map<Pair, List<Attempt>> byPair = new LinkedHashMap<>();
    attempts.forEach(
        each -> byPair.computeIfAbsent(each.pair(), pair -> new ArrayList<>()).add(each));
    List<Row> rows = new ArrayList<>();
    byPair.forEach((pair, both) ->
        rows.add(new Row(pair, expected.apply(pair), both, decidedBy(pair, both, flows))));
    return rows;
  }

  /**
   * The rule as the datapath reported it; where it reports none, since none decided, the engine's.
   */
  private String decidedBy(Pair pair, List<Attempt> attempts, List<ReportedFlow> flows) {
    return attempts.stream()
        .flatMap(each -> report(each, flows).stream())
        .findFirst()
        .map(each -> each.rule().toString())
        .orElseGet(() ->
            explain(pair).stream()
                .filter(each -> each.verdict() != Verdict.ALLOWED)
                .findFirst()
                .orElse(explain(pair).getLast())
                .reason());
  }
}
