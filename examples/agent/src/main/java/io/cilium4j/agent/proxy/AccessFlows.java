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
import io.cilium4j.datapath.flow.HttpAccess;
import io.cilium4j.datapath.proxy.AccessLog;
import io.cilium4j.datapath.proxy.AccessRecord;
import io.cilium4j.datapath.proxy.AccessRecord.Outcome;
import io.cilium4j.datapath.proxy.Check;
import io.cilium4j.datapath.proxy.Redaction;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;

/**
 * Takes the proxy's records of requests into the log of flows, and counts them.
 *
 * <p>Safe for use by several threads.
 */
public final class AccessFlows implements AccessLog {

  private static final int TCP = 6;

  private final FlowLog flows;
  private final Redaction redaction;
  private final LongAdder received = new LongAdder();
  private final EnumMap<Outcome, LongAdder> outcomes = new EnumMap<>(Outcome.class);
  private final Latencies latencies = new Latencies("http");

  /** Hands on to a log of flows what may be told. */
  public AccessFlows(FlowLog flows, Redaction redaction) {
    this.flows = flows;
    this.redaction = redaction;
    for (Outcome outcome : Outcome.values()) {
      outcomes.put(outcome, new LongAdder());
    }
  }

  @Override
  public boolean wantsHeaders() {
    return flows.isServed();
  }

  @Override
  public Redaction redaction() {
    return redaction;
  }

  @Override
  public void passed(AccessRecord request) {
    RuleOrigin rule = ruleOf(request);
    flows.acceptRequest(flow(request, rule), rule, http(request, 0, 0));
  }

  /** Tells the answer, and of a request that did not pass first that it was made. */
  @Override
  public void record(AccessRecord access) {
    received.increment();
    count(access.outcome()).increment();
    if (access.latencyNanos() > 0) {
      latencies.add(access.latencyNanos());
    }
    RuleOrigin rule = ruleOf(access);
    Flow flow = flow(access, rule);
    if (access.decision().filter(Decision::passes).isEmpty()) {
      flows.acceptRequest(flow, rule, http(access, 0, 0));
    }
    if (access.status() != 0) {
      flows.acceptResponse(
          flow.reversed(access.timeNanos() + access.latencyNanos()),
          rule,
          http(access, access.status(), access.latencyNanos()));
    }
  }

  /** By name; values of one name stay in their order. */
  private static List<HttpAccess.Header> headers(AccessRecord access) {
    return access.headers().stream()
        .sorted(Comparator.comparing(AccessRecord.Header::name))
        .map(each -> new HttpAccess.Header(each.name(), each.value()))
        .toList();
  }

  private static RuleOrigin ruleOf(AccessRecord access) {
    return access.decision().map(Decision::rule).orElse(RuleOrigin.DEFAULT_DENY);
  }

  private static HttpAccess http(AccessRecord access, int status, long latencyNanos) {
    return new HttpAccess(
        access.protocol().toString(),
        access.method(),
        access.path(),
        access.host(),
        headers(access),
        status,
        latencyNanos);
  }

  private LongAdder count(Outcome outcome) {
    return Objects.requireNonNull(outcomes.get(outcome));
  }

  private static Flow flow(AccessRecord access, RuleOrigin rule) {
    Check check = access.decider().orElseGet(() -> access.flow().checks().getFirst());
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
        TCP,
        access.flow().client().getPort(),
        access.flow().server().getPort(),
        rule.cookie(),
        0,
        0,
        Optional.empty());
  }

  /** What was counted. */
  public List<MetricFamily> metrics() {
    List<Sample> requests = new ArrayList<>();
    requests.add(request("received", received));
    requests.add(request("forwarded", count(Outcome.FORWARDED)));
    requests.add(request("denied", count(Outcome.DENIED)));
    requests.add(request("parse_errors", count(Outcome.ERROR)));
    return List.of(
        new MetricFamily(
            "cilium_policy_l7_total",
            MetricFamily.Kind.COUNTER,
            "Requests that the proxy received, forwarded, denied and could not read",
            requests),
        latencies.metric());
  }

  private static Sample request(String rule, LongAdder count) {
    return Sample.Value.of(Map.of("rule", rule, "proxy_type", "http"), count.sum());
  }
}
