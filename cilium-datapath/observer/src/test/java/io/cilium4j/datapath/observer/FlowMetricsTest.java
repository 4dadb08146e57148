// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.datapath.flow.HttpAccess;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Flows as numbers. */
class FlowMetricsTest extends ObserverTests {

  private FlowMetrics count(String text) {
    FlowMetrics metrics = FlowMetrics.parse(text);
    log.listen(metrics);
    return metrics;
  }

  /** The samples of a metric, labels as text. */
  private static Map<String, Double> samples(FlowMetrics metrics, String name) {
    MetricFamily family =
        metrics.read().stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
    return family.samples().stream()
        .map(Sample.Value.class::cast)
        .collect(
            Collectors.toMap(each -> new TreeMap<>(each.labels()).toString(), Sample.Value::value));
  }

  private void passed(FlowTrace.Life life, int flags) {
    log.accept(
        new Flow(
            System.nanoTime(),
            Verdict.ALLOWED,
            Optional.empty(),
            TrafficDirection.INGRESS,
            0,
            2,
            2,
            IpAddress.parse("10.0.0.1"),
            IpAddress.parse("10.0.0.2"),
            TCP,
            40_000,
            80,
            0,
            0,
            flags,
            Optional.of(new FlowTrace(FlowTrace.Point.TO_ENDPOINT, life))));
  }

  @Test
  void count_flowsOfEachType_haveHubblesNamesAndLabels() {
    FlowMetrics metrics = count("flow drop tcp port-distribution policy icmp http");
    allowed("10.0.0.1", "10.0.0.2", 80);
    denied("10.0.0.2", "10.0.0.1", 81);
    passed(FlowTrace.Life.NEW, 0x02);
    passed(FlowTrace.Life.REPLY, 0x12);
    Flow refused = flow(Verdict.DENIED, Optional.empty(), "10.0.0.1", "10.0.0.2", 80);
    log.acceptRequest(refused, RULE, new HttpAccess("HTTP/1.1", "PUT", "/x", "d", List.of(), 0, 0));
    log.acceptResponse(
        refused.reversed(System.nanoTime()),
        RULE,
        new HttpAccess("HTTP/1.1", "PUT", "/x", "d", List.of(), 403, 0));
    assertEquals(
        Map.of(
            "{protocol=TCP, subtype=, type=PolicyVerdict, verdict=FORWARDED}", 1.0,
            "{protocol=TCP, subtype=, type=PolicyVerdict, verdict=DROPPED}", 1.0,
            "{protocol=TCP, subtype=, type=Drop, verdict=DROPPED}", 1.0,
            "{protocol=TCP, subtype=to-endpoint, type=Trace, verdict=FORWARDED}", 2.0,
            "{protocol=HTTP, subtype=HTTP, type=L7, verdict=DROPPED}", 1.0,
            "{protocol=HTTP, subtype=HTTP, type=L7, verdict=FORWARDED}", 1.0),
        samples(metrics, "hubble_flows_processed_total"));
    assertEquals(
        Map.of(
            "{protocol=TCP, reason=POLICY_DENIED}", 2.0,
            "{protocol=HTTP, reason=DROP_REASON_UNKNOWN}", 1.0),
        samples(metrics, "hubble_drop_total"));
    assertEquals(
        Map.of("{family=IPv4, flag=SYN}", 1.0, "{family=IPv4, flag=SYN-ACK}", 1.0),
        samples(metrics, "hubble_tcp_flags_total"));
    assertEquals(
        Map.of("{port=80, protocol=TCP}", 2.0), samples(metrics, "hubble_port_distribution_total"));
    assertEquals(
        Map.of(
            "{action=forwarded, direction=ingress, match=l3-l4}", 1.0,
            "{action=dropped, direction=ingress, match=none}", 1.0,
            "{action=dropped, direction=ingress, match=l7/http}", 1.0,
            "{action=forwarded, direction=ingress, match=l7/http}", 1.0),
        samples(metrics, "hubble_policy_verdicts_total"));
    assertEquals(
        Map.of("{method=PUT, protocol=HTTP/1.1, reporter=server}", 1.0),
        samples(metrics, "hubble_http_requests_total"));
    assertEquals(
        Map.of("{method=PUT, protocol=HTTP/1.1, reporter=server, status=403}", 1.0),
        samples(metrics, "hubble_http_responses_total"));
    assertEquals(Map.of(), samples(metrics, "hubble_icmp_total"));
  }

  @Test
  void count_withContexts_addsTheirLabels() {
    FlowMetrics metrics =
        count(
            "drop:sourceContext=pod-name|ip;destinationIngressContext=namespace"
                + ";labelsContext=source_app,traffic_direction");
    denied("10.0.0.2", "10.0.0.1", 81);
    denied("192.0.2.9", "10.0.0.1", 81);
    assertEquals(
        Map.of(
            "{destination=default, protocol=TCP, reason=POLICY_DENIED, source=xwing,"
                + " source_app=y, traffic_direction=ingress}",
            2.0,
            "{destination=default, protocol=TCP, reason=POLICY_DENIED, source=192.0.2.9,"
                + " source_app=, traffic_direction=ingress}",
            2.0),
        samples(metrics, "hubble_drop_total"));
  }

  @Test
  void count_byWorkload_namesIt() {
    FlowMetrics metrics =
        count(
            "drop:sourceContext=workload;destinationContext=workload-name|ip"
                + ";labelsContext=source_workload,source_workload_kind");
    denied("10.0.0.1", "10.0.0.2", 81);
    assertEquals(
        Map.of(
            "{destination=10.0.0.2, protocol=TCP, reason=POLICY_DENIED, source=default/ties,"
                + " source_workload=ties, source_workload_kind=Deployment}",
            2.0),
        samples(metrics, "hubble_drop_total"));
  }

  @Test
  void count_moreLabelsThanTheBound_countAsOther() {
    FlowMetrics metrics = count("port-distribution");
    int ports = FlowCounters.MAX_SETS + 100;
    for (int port = 1; port <= ports; port++) {
      allowed("10.0.0.1", "10.0.0.2", port);
    }
    Map<String, Double> samples = samples(metrics, "hubble_port_distribution_total");
    assertEquals(FlowCounters.MAX_SETS + 1, samples.size());
    assertEquals(100.0, samples.get("{port=other, protocol=other}"));
  }

  @Test
  void parse_whatIsNotKnown_isRefusedByName() {
    refused("kafka: not supported; wanted [dns, drop, flow, ", "flow kafka");
    refused("flow: given twice", "flow flow");
    refused("flow: option x: wanted labelsContext or one of [", "flow:x=y");
    refused("flow: \"dns\": not supported; wanted [", "flow:sourceContext=dns");
  }

  private static void refused(String message, String text) {
    var e = assertThrows(IllegalArgumentException.class, () -> FlowMetrics.parse(text));
    assertTrue(String.valueOf(e.getMessage()).startsWith(message), e.getMessage());
  }
}
