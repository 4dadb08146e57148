// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.datapath.flow.DnsAccess;
import io.cilium4j.datapath.observer.proto.FlowFilter;
import io.cilium4j.datapath.observer.proto.FlowType;
import io.cilium4j.datapath.observer.proto.GetFlowsRequest;
import io.cilium4j.datapath.observer.proto.L7FlowType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Questions to DNS, as Hubble's clients see them. */
class DnsFlowsTest extends ObserverTests {

  private static final RuleOrigin RULE = new RuleOrigin(7, "rule", "egress[0]");

  private void ask(String name, Verdict verdict) {
    Flow flow = flow(verdict, Optional.empty(), "10.0.0.1", "10.0.0.2", 53);
    log.acceptRequest(
        flow, RULE, new DnsAccess(name, List.of("A"), 0, List.of(), List.of(), List.of(), 0, 0));
    boolean isDenied = verdict == Verdict.DENIED;
    log.acceptResponse(
        flow.reversed(System.nanoTime()),
        RULE,
        new DnsAccess(
            name,
            List.of("A"),
            isDenied ? 5 : 0,
            isDenied ? List.of() : List.of(IpAddress.parse("192.0.2.1")),
            isDenied ? List.of() : List.of("cdn.test."),
            isDenied ? List.of() : List.of("CNAME", "A"),
            isDenied ? 0 : 30,
            5_000_000));
  }

  private List<io.cilium4j.datapath.observer.proto.Flow> flows(GetFlowsRequest.Builder request) {
    List<io.cilium4j.datapath.observer.proto.Flow> all = new ArrayList<>();
    ask(request).forEachRemaining(each -> all.add(each.getFlow()));
    return all;
  }

  @Test
  @SuppressWarnings("deprecation") // As clients show it.
  void flow_ofDns_hasTheFieldsThatClientsShow() {
    ask("www.a.test.", Verdict.ALLOWED);
    ask("evil.test.", Verdict.DENIED);
    var all = flows(with(FlowFilter.newBuilder().addProtocol("dns")));
    assertEquals(4, all.size());
    var question = all.getFirst();
    assertEquals(FlowType.L7, question.getType());
    assertEquals(L7FlowType.REQUEST, question.getL7().getType());
    assertEquals("www.a.test.", question.getL7().getDns().getQuery());
    assertEquals(List.of("A"), question.getL7().getDns().getQtypesList());
    assertEquals("DNS Query www.a.test. A", question.getSummary());
    var answer = all.get(1);
    assertEquals(L7FlowType.RESPONSE, answer.getL7().getType());
    assertEquals(List.of("192.0.2.1"), answer.getL7().getDns().getIpsList());
    assertEquals(List.of("cdn.test."), answer.getL7().getDns().getCnamesList());
    assertEquals(30, answer.getL7().getDns().getTtl());
    assertEquals("DNS Answer \"192.0.2.1\" TTL: 30 (Query www.a.test. A)", answer.getSummary());
    assertTrue(answer.getIsReply().getValue());
    var refused = all.get(3);
    assertEquals(5, refused.getL7().getDns().getRcode());
    assertTrue(refused.getSummary().contains("RCode: Query Refused"), refused.getSummary());
  }

  @Test
  void filter_byName_findsTheQuestionsOfIt() {
    ask("www.a.test.", Verdict.ALLOWED);
    ask("evil.test.", Verdict.DENIED);
    var found = flows(with(FlowFilter.newBuilder().addDnsQuery("a[.]test[.]$")));
    assertEquals(
        List.of("www.a.test.", "www.a.test."),
        found.stream().map(each -> each.getL7().getDns().getQuery()).toList());
    assertEquals(List.of(), flows(with(FlowFilter.newBuilder().addProtocol("http"))));
  }

  @Test
  void metrics_ofDns_haveHubblesNamesAndLabels() {
    FlowMetrics metrics = FlowMetrics.parse("dns policy");
    log.listen(metrics);
    ask("www.a.test.", Verdict.ALLOWED);
    ask("evil.test.", Verdict.DENIED);
    assertEquals(
        Map.of("Policy denied 0", 1.0, " 0", 1.0),
        samples(metrics, "hubble_dns_queries_total", "rcode", "ips_returned"));
    assertEquals(
        Map.of("No Error 1", 1.0, "Query Refused 0", 1.0),
        samples(metrics, "hubble_dns_responses_total", "rcode", "ips_returned"));
    assertEquals(
        Map.of("CNAME A", 1.0, "A A", 1.0),
        samples(metrics, "hubble_dns_response_types_total", "type", "qtypes"));
    // An answer that refuses is one that goes to the client.
    assertEquals(
        Map.of("l7/dns forwarded", 3.0, "l7/dns dropped", 1.0),
        samples(metrics, "hubble_policy_verdicts_total", "match", "action"));
  }

  private static Map<String, Double> samples(
      FlowMetrics metrics, String name, String first, String second) {
    MetricFamily family =
        metrics.read().stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
    Map<String, Double> all = new TreeMap<>();
    for (Sample each : family.samples()) {
      all.merge(
          each.labels().get(first) + " " + each.labels().get(second),
          ((Sample.Value) each).value(),
          Double::sum);
    }
    return all;
  }
}
