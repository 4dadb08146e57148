// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.Flow;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.datapath.flow.DnsAccess;
import io.cilium4j.datapath.flow.FlowEvent;
import io.cilium4j.datapath.flow.HttpAccess;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.observer.proto.DropReason;
import io.cilium4j.datapath.observer.proto.Verdict;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Counts flows as the option {@code hubble-metrics} asks for: metrics of Hubble's names, each with
 * a context of its own. A listener of a {@link io.cilium4j.datapath.flow.FlowLog}. Safe for use by
 * several threads.
 */
public final class FlowMetrics implements Consumer<ReportedFlow> {
  private static final List<String> NAMES =
      List.of("dns", "drop", "flow", "http", "icmp", "policy", "port-distribution", "tcp");

  /** The node's own identity. */
  private static final int HOST = 1;

  private final List<Meter> meters = new ArrayList<>();

  /** Counts some flows under labels of its own, and those of a context. */
  private record Meter(FlowCounters counters, MetricContext context, Own own) {
    void count(ReportedFlow flow) {
      for (List<String> values : own.of(flow)) {
        List<String> all = new ArrayList<>(values);
        all.addAll(context.values(flow));
        counters.count(all);
      }
    }
  }

  /** The values of a meter's own labels for a flow, once for each time that it counts. */
  private interface Own {
    List<List<String>> of(ReportedFlow flow);
  }

  private FlowMetrics() {}

  /**
   * Reads what is to be counted.
   *
   * @param text metrics with spaces between them: {@code NAME} or {@code NAME:OPTION=VALUE;…}
   * @throws IllegalArgumentException with a line for people if one is not known
   */
  public static FlowMetrics parse(String text) {
    var metrics = new FlowMetrics();
    Set<String> seen = new HashSet<>();
    for (String each : text.strip().split("\\s+", -1)) {
      int colon = each.indexOf(':');
      String name = colon < 0 ? each : each.substring(0, colon);
      try {
        if (!seen.add(name)) {
          throw new IllegalArgumentException("given twice");
        }
        metrics.add(name, MetricContext.parse(colon < 0 ? "" : each.substring(colon + 1)));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
      }
    }
    return metrics;
  }

  private void add(String name, MetricContext context) {
    switch (name) {
      case "flow" ->
          add(
              "hubble_flows_processed_total",
              "Flows",
              context,
              List.of("protocol", "type", "subtype", "verdict"),
              FlowMetrics::flow);
      case "drop" ->
          add(
              "hubble_drop_total",
              "Dropped packets and requests that were reported",
              context,
              List.of("reason", "protocol"),
              FlowMetrics::drop);
      case "tcp" ->
          add(
              "hubble_tcp_flags_total",
              "TCP flags of packets that passed and were reported",
              context,
              List.of("flag", "family"),
              FlowMetrics::tcp);
      case "icmp" ->
          add(
              "hubble_icmp_total",
              "ICMP messages that were reported",
              context,
              List.of("family", "type"),
              FlowMetrics::icmp);
      case "port-distribution" ->
          add(
              "hubble_port_distribution_total",
              "Packets that passed and were reported, by destination port",
              context,
              List.of("protocol", "port"),
              FlowMetrics::port);
      case "policy" ->
          add(
              "hubble_policy_verdicts_total",
              "Verdicts of policy",
              context,
              List.of("direction", "match", "action"),
              FlowMetrics::policy);
      case "http" -> {
        add(
            "hubble_http_requests_total",
            "HTTP requests",
            context,
            List.of("method", "protocol", "reporter"),
            flow -> http(flow, false));
        add(
            "hubble_http_responses_total",
            "HTTP answers",
            context,
            List.of("method", "protocol", "status", "reporter"),
            flow -> http(flow, true));
      }
      case "dns" -> {
        add(
            "hubble_dns_queries_total",
            "Questions to DNS",
            context,
            List.of("rcode", "qtypes", "ips_returned"),
            flow -> dns(flow, FlowEvent.REQUEST));
        add(
            "hubble_dns_responses_total",
            "Answers of DNS",
            context,
            List.of("rcode", "qtypes", "ips_returned"),
            flow -> dns(flow, FlowEvent.RESPONSE));
        add(
            "hubble_dns_response_types_total",
            "Records of answers of DNS",
            context,
            List.of("type", "qtypes"),
            FlowMetrics::dnsTypes);
      }
      default -> throw new IllegalArgumentException("not supported; wanted " + NAMES);
    }
  }

  private void add(String name, String help, MetricContext context, List<String> labels, Own own) {
    List<String> names = new ArrayList<>(labels);
    names.addAll(context.names());
    meters.add(new Meter(new FlowCounters(name, help, names), context, own));
  }

  @Override
  public void accept(ReportedFlow flow) {
    meters.forEach(each -> each.count(flow));
  }

  /** What was counted. */
  public List<MetricFamily> read() {
    return meters.stream().map(each -> each.counters().read()).toList();
  }

  // ---- values

  private static List<List<String>> flow(ReportedFlow flow) {
    String type =
        switch (FlowMessages.eventType(flow)) {
          case FlowMessages.ACCESS_EVENT -> "L7";
          case FlowMessages.DROP_EVENT -> "Drop";
          case FlowMessages.TRACE_EVENT -> "Trace";
          default -> "PolicyVerdict";
        };
    String subtype =
        flow.flow()
            .trace()
            .map(trace -> trace.point().toString().toLowerCase(Locale.ROOT).replace('_', '-'))
            .orElse(flow.http().isPresent() ? "HTTP" : flow.dns().isPresent() ? "DNS" : "");
    return List.of(List.of(protocol(flow), type, subtype, verdict(flow).toString()));
  }

  private static List<List<String>> drop(ReportedFlow flow) {
    if (verdict(flow) != Verdict.DROPPED) {
      return List.of();
    }
    DropReason reason = DropReason.forNumber(FlowMessages.dropReason(flow));
    return List.of(
        List.of(
            (reason == null ? DropReason.DROP_REASON_UNKNOWN : reason).toString(), protocol(flow)));
  }

  private static List<List<String>> tcp(ReportedFlow flow) {
    if (!passed(flow) || flow.flow().protocol() != Protocol.TCP.number()) {
      return List.of();
    }
    String family = FlowMessages.version(flow.flow().source()).toString();
    var flags = Layers.tcpFlags(flow.flow().tcpFlags());
    List<List<String>> all = new ArrayList<>();
    if (flags.getFIN()) {
      all.add(List.of("FIN", family));
    }
    if (flags.getSYN()) {
      all.add(List.of(flags.getACK() ? "SYN-ACK" : "SYN", family));
    }
    if (flags.getRST()) {
      all.add(List.of("RST", family));
    }
    return all;
  }

  private static List<List<String>> icmp(ReportedFlow flow) {
    int protocol = flow.flow().protocol();
    if (protocol != Protocol.ICMP.number() && protocol != Protocol.ICMPV6.number()) {
      return List.of();
    }
    String summary = Layers.summary(flow);
    return List.of(
        List.of(
            FlowMessages.version(flow.flow().source()).toString(),
            summary.substring(summary.indexOf(' ') + 1)));
  }

  private static List<List<String>> port(ReportedFlow flow) {
    if (!passed(flow) || flow.isReply()) {
      return List.of();
    }
    Optional<Protocol> protocol = Protocol.ofNumber(flow.flow().protocol());
    if (protocol.isEmpty()) {
      return List.of();
    }
    return switch (protocol.get()) {
      case TCP, UDP, SCTP ->
          List.of(
              List.of(protocol.get().toString(), Integer.toString(flow.flow().destinationPort())));
      case ICMP, ICMPV6 -> List.of(List.of(protocol(flow), "0"));
      default -> List.of();
    };
  }

  /** What the node's own processes may is no verdict of a policy. */
  private static List<List<String>> policy(ReportedFlow flow) {
    boolean isRequest = Layers.isRequest(flow);
    if (!isRequest && flow.event() != FlowEvent.VERDICT) {
      return List.of();
    }
    if (!isRequest && flow.source().identity() == HOST) {
      return List.of();
    }
    return List.of(
        List.of(
            FlowMessages.direction(flow.flow()).toString().toLowerCase(Locale.ROOT),
            flow.dns().isPresent() ? "l7/dns" : isRequest ? "l7/http" : match(flow),
            verdict(flow).toString().toLowerCase(Locale.ROOT)));
  }

  private static String match(ReportedFlow flow) {
    return flow.match().toString().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static List<List<String>> http(ReportedFlow flow, boolean answer) {
    FlowEvent wanted = answer ? FlowEvent.RESPONSE : FlowEvent.REQUEST;
    if (flow.http().isEmpty() || flow.event() != wanted) {
      return List.of();
    }
    HttpAccess http = flow.http().get();
    boolean ingress = flow.flow().direction() == TrafficDirection.INGRESS;
    String reporter = ingress ? "server" : "client";
    if (!answer) {
      return List.of(List.of(http.method(), http.protocol(), reporter));
    }
    return List.of(
        List.of(http.method(), http.protocol(), Integer.toString(http.status()), reporter));
  }

  private static List<List<String>> dns(ReportedFlow flow, FlowEvent wanted) {
    if (flow.dns().isEmpty() || flow.event() != wanted) {
      return List.of();
    }
    DnsAccess dns = flow.dns().get();
    boolean isDenied = verdict(flow) == Verdict.DROPPED;
    String rcode =
        wanted == FlowEvent.RESPONSE ? Layers.rcode(dns.rcode()) : isDenied ? "Policy denied" : "";
    return List.of(
        List.of(
            rcode, String.join(",", dns.queryTypes()), Integer.toString(dns.addresses().size())));
  }

  private static List<List<String>> dnsTypes(ReportedFlow flow) {
    if (flow.dns().isEmpty() || flow.event() != FlowEvent.RESPONSE) {
      return List.of();
    }
    DnsAccess dns = flow.dns().get();
    String types = String.join(",", dns.queryTypes());
    return dns.recordTypes().stream().map(each -> List.of(each, types)).toList();
  }

  private static boolean passed(ReportedFlow flow) {
    Verdict verdict = verdict(flow);
    return !Layers.isRequest(flow)
        && (verdict == Verdict.FORWARDED || verdict == Verdict.REDIRECTED);
  }

  private static Verdict verdict(ReportedFlow flow) {
    return FlowMessages.verdict(flow);
  }

  private static String protocol(ReportedFlow reported) {
    if (Layers.isRequest(reported)) {
      return reported.http().isPresent() ? "HTTP" : "DNS";
    }
    Flow flow = reported.flow();
    return Protocol.ofNumber(flow.protocol())
        .map(each ->
            switch (each) {
              case ICMP -> "ICMPv4";
              case ICMPV6 -> "ICMPv6";
              default -> each.toString();
            })
        .orElse("Unknown L4");
  }
}
