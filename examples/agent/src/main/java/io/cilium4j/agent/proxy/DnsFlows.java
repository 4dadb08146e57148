// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.proxy;

import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.RequestMatcher.Decision;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.proxy.Check;
import io.cilium4j.datapath.proxy.DnsAccess;
import io.cilium4j.datapath.proxy.DnsAccess.Answer;
import io.cilium4j.datapath.proxy.DnsAccess.Outcome;
import io.cilium4j.datapath.proxy.DnsLog;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;

/**
 * Takes the proxy's records of questions to DNS into the log of flows, and counts them.
 *
 * <p>Safe for use by several threads.
 */
public final class DnsFlows implements DnsLog {

  private final FlowLog flows;
  private final LongAdder received = new LongAdder();
  private final Map<Outcome, LongAdder> outcomes = new EnumMap<>(Outcome.class);
  private final Map<Failure, LongAdder> failures = new EnumMap<>(Failure.class);
  private final Latencies latencies = new Latencies("dns");

  /** Hands on to a log of flows. */
  public DnsFlows(FlowLog flows) {
    this.flows = flows;
    for (Outcome outcome : Outcome.values()) {
      outcomes.put(outcome, new LongAdder());
    }
    for (Failure failure : Failure.values()) {
      failures.put(failure, new LongAdder());
    }
  }

  @Override
  public void asked(DnsAccess question) {
    received.increment();
    Objects.requireNonNull(outcomes.get(question.outcome())).increment();
    RuleOrigin rule = ruleOf(question);
    flows.acceptRequest(flow(question, rule), rule, told(question));
  }

  @Override
  public void answered(DnsAccess answer) {
    if (answer.latencyNanos() > 0) {
      latencies.add(answer.latencyNanos());
    }
    RuleOrigin rule = ruleOf(answer);
    flows.acceptResponse(flow(answer, rule).reversed(answer.timeNanos()), rule, told(answer));
  }

  @Override
  public void failed(Failure failure) {
    Objects.requireNonNull(failures.get(failure)).increment();
  }

  private static RuleOrigin ruleOf(DnsAccess access) {
    return access.decision().map(Decision::rule).orElse(RuleOrigin.DEFAULT_DENY);
  }

  private static io.cilium4j.datapath.flow.DnsAccess told(DnsAccess access) {
    Answer answer =
        access
            .answer()
            .orElseGet(
                () -> new Answer(0, List.of(), List.of(), List.of(), java.time.Duration.ZERO));
    return new io.cilium4j.datapath.flow.DnsAccess(
        access.name(),
        access.type().isEmpty() ? List.of() : List.of(access.type()),
        answer.rcode(),
        answer.addresses(),
        answer.cnames(),
        answer.types(),
        answer.timeToLive().toSeconds(),
        access.latencyNanos());
  }

  private static Flow flow(DnsAccess access, RuleOrigin rule) {
    Check check = access.flow().checks().getFirst();
    return new Flow(
        access.timeNanos(),
        access.outcome() == Outcome.FORWARDED ? Verdict.ALLOWED : Verdict.DENIED,
        Optional.empty(),
        check.direction(),
        check.endpointId(),
        access.flow().clientIdentity(),
        access.flow().serverIdentity(),
        IpAddress.of(access.flow().client().getAddress()),
        IpAddress.of(access.flow().server().getAddress()),
        check.protocol(),
        access.flow().client().getPort(),
        access.flow().server().getPort(),
        rule.cookie(),
        0,
        0,
        Optional.empty());
  }

  /** What was counted. */
  public List<MetricFamily> metrics() {
    List<Sample> questions = new ArrayList<>();
    questions.add(question("received", received));
    questions.add(question("forwarded", count(Outcome.FORWARDED)));
    questions.add(question("denied", count(Outcome.DENIED)));
    questions.add(question("parse_errors", count(Outcome.ERROR)));
    List<Sample> lost =
        failures.entrySet().stream()
            .sorted(Comparator.comparing(Map.Entry::getKey))
            .<Sample>map(each ->
                Sample.Value.of(
                    Map.of("reason", each.getKey().name().toLowerCase(Locale.ROOT)),
                    each.getValue().sum()))
            .toList();
    return List.of(
        new MetricFamily(
            "cilium_policy_l7_total",
            MetricFamily.Kind.COUNTER,
            "Requests that the proxy received, forwarded, denied and could not read",
            questions),
        latencies.metric(),
        MetricFamily.counter(
            "cilium_proxy_datapath_update_timeout_total",
            "Answers of DNS that were given before the datapath knew their addresses",
            count(Failure.HELD_TOO_LONG)),
        new MetricFamily(
            "cilium4j_dns_failures_total",
            MetricFamily.Kind.COUNTER,
            "Questions to DNS without answer, and answers without question, by reason",
            lost));
  }

  private long count(Failure failure) {
    return Objects.requireNonNull(failures.get(failure)).sum();
  }

  private LongAdder count(Outcome outcome) {
    return Objects.requireNonNull(outcomes.get(outcome));
  }

  private static Sample question(String rule, LongAdder count) {
    return Sample.Value.of(Map.of("rule", rule, "proxy_type", "fqdn"), count.sum());
  }
}
