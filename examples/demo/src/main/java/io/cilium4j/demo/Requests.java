// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.flow.HttpAccess;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.demo.Script.RequestLine;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/** The second act: the policy asks what is requested, and the proxy decides each request. */
final class Requests {

  /** How long the report of what was just observed may take to arrive. */
  private static final Duration REPORT_PATIENCE = Duration.ofSeconds(2);

  private static final Duration REPORT_LOOK = Duration.ofMillis(5);

  private final Stage stage;
  private final PrintStream out;

  Requests(Stage stage, PrintStream out) {
    this.stage = stage;
    this.out = out;
  }

  /** A request over one family, and what came of it. */
  private record Asked(
      RequestLine line, IpFamily family, String observed, String seen, String decidedBy) {
    boolean isAsExpected(boolean hasProxy) {
      String expected = hasProxy ? line.expected() : Script.NO_ANSWER;
      return observed.equals(expected);
    }
  }

  /** Plays it; gives the number of requests that are not answered as expected. */
  long play() {
    stage.apply(Script.REQUEST_POLICY);
    boolean hasProxy = !stage.agent().redirects().isEmpty();
    out.printf("%nWith rules on requests in the same policy, %s:%n%n", how(hasProxy));
    List<Asked> asked = new ArrayList<>();
    for (RequestLine line : Script.REQUESTS) {
      for (IpFamily family : IpFamily.values()) {
        asked.add(ask(line, family));
      }
    }
    List<List<String>> cells = new ArrayList<>();
    cells.add(
        List.of("from", "request", "family", "expected", "observed", "server saw", "decided by"));
    for (Asked each : asked) {
      cells.add(
          List.of(
              each.line().from().podName(),
              each.line().method() + " " + each.line().path(),
              each.family() == IpFamily.IPV4 ? "IPv4" : "IPv6",
              hasProxy ? each.line().expected() : Script.NO_ANSWER,
              each.observed(),
              each.seen(),
              each.decidedBy()));
    }
    new Report(out).print(cells);
    out.println();
    List<Asked> wrong = asked.stream().filter(each -> !each.isAsExpected(hasProxy)).toList();
    wrong.forEach(each -> out.println(each.line() + ": not as expected, " + each.observed()));
    if (wrong.isEmpty()) {
      out.printf("All %d requests as expected.%n", asked.size());
    }
    return wrong.size();
  }

  private String how(boolean hasProxy) {
    return hasProxy
        ? "each decided by the proxy"
        : "which refuse everything, because the datapath has no place for a proxy";
  }

  private Asked ask(RequestLine line, IpFamily family) {
    int before = stage.agent().flows().size();
    Pod from = stage.pod(line.from());
    Pod to = stage.pod(Role.DEATHSTAR);
    PodClient.Result result =
        PodClient.ask(from.netns(), to.address(family), Script.PORT, line.method(), line.path());
    String decidedBy = decidedBy(line, from.address(family), to.address(family), before);
    return switch (result) {
      case PodClient.Result.Answered answer -> {
        String seen =
            answer.seen().isEmpty() || answer.seen().equals(answer.own())
                ? answer.seen()
                : answer.seen() + " and not " + answer.own();
        yield new Asked(line, family, Integer.toString(answer.status()), seen, decidedBy);
      }
      case PodClient.Result.Silence() -> new Asked(line, family, Script.NO_ANSWER, "", decidedBy);
      case PodClient.Result.Failed(String reason) -> new Asked(line, family, reason, "", decidedBy);
    };
  }

  /** The rule, as the proxy reported it of the request, or the datapath of its packets. */
  private String decidedBy(RequestLine line, IpAddress from, IpAddress to, int before) {
    long end = System.nanoTime() + REPORT_PATIENCE.toNanos();
    while (true) {
      List<ReportedFlow> all = stage.agent().flows();
      Optional<ReportedFlow> report =
          all.subList(Math.min(before, all.size()), all.size()).stream()
              .filter(each -> each.flow().source().equals(from))
              .filter(each -> each.flow().destination().equals(to))
              .filter(each ->
                  each.flow().drop().isPresent()
                      || each.http().filter(http -> isOf(http, line)).isPresent())
              .findFirst();
      if (report.isPresent() || System.nanoTime() - end > 0) {
        return report.map(each -> each.rule().toString()).orElse("nothing was reported");
      }
      LockSupport.parkNanos(REPORT_LOOK.toNanos());
    }
  }

  private static boolean isOf(HttpAccess http, RequestLine line) {
    return http.method().equals(line.method()) && http.path().equals(line.path());
  }
}
