// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowHeaders;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.datapath.flow.DnsAccess;
import io.cilium4j.datapath.flow.FlowEvent;
import io.cilium4j.datapath.flow.HttpAccess;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.observer.proto.DNS;
import io.cilium4j.datapath.observer.proto.HTTP;
import io.cilium4j.datapath.observer.proto.HTTPHeader;
import io.cilium4j.datapath.observer.proto.ICMPv4;
import io.cilium4j.datapath.observer.proto.ICMPv6;
import io.cilium4j.datapath.observer.proto.L7FlowType;
import io.cilium4j.datapath.observer.proto.Layer4;
import io.cilium4j.datapath.observer.proto.Layer7;
import io.cilium4j.datapath.observer.proto.SCTP;
import io.cilium4j.datapath.observer.proto.TCP;
import io.cilium4j.datapath.observer.proto.TCPFlags;
import io.cilium4j.datapath.observer.proto.UDP;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What stands above IP in a flow, as messages and as clients show it. */
final class Layers {
  /** What tells of questions to DNS, in flows: the proxy. */
  private static final String DNS_SOURCE = "proxy";

  /** The codes of RFC 1035, section 4.1.1, by number. */
  private static final List<String> RCODES =
      List.of(
          "No Error",
          "Format Error",
          "Server Failure",
          "Non-Existent Domain",
          "Not Implemented",
          "Query Refused");

  /** Bits of a TCP header by the order in which clients show them. */
  private static final Map<String, Integer> TCP_FLAGS = new LinkedHashMap<>();

  static {
    TCP_FLAGS.put("SYN", 0x02);
    TCP_FLAGS.put("ACK", 0x10);
    TCP_FLAGS.put("RST", 0x04);
    TCP_FLAGS.put("FIN", 0x01);
    TCP_FLAGS.put("PSH", 0x08);
    TCP_FLAGS.put("URG", 0x20);
    TCP_FLAGS.put("ECE", 0x40);
    TCP_FLAGS.put("CWR", 0x80);
  }

  /** Version, trace, parent, flags. */
  private static final Pattern TRACE_PARENT =
      Pattern.compile("[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?");

  private static final long NANOS_PER_MILLI = 1_000_000;

  private Layers() {}

  /** Ports and flags; absent for protocols of which a flow says no more than the number. */
  static Optional<Layer4> layer4(ReportedFlow reported) {
    Flow flow = reported.flow();
    int from = flow.sourcePort();
    int to = flow.destinationPort();
    var message = Layer4.newBuilder();
    Optional<Protocol> protocol = Protocol.ofNumber(flow.protocol());
    if (protocol.isEmpty()) {
      return Optional.empty();
    }
    switch (protocol.get()) {
      case TCP -> {
        var tcp = TCP.newBuilder().setSourcePort(from).setDestinationPort(to);
        if (!isRequest(reported)) {
          tcp.setFlags(tcpFlags(flow.tcpFlags()));
        }
        message.setTCP(tcp);
      }
      case UDP -> message.setUDP(UDP.newBuilder().setSourcePort(from).setDestinationPort(to));
      case SCTP -> message.setSCTP(SCTP.newBuilder().setSourcePort(from).setDestinationPort(to));
      case ICMP -> message.setICMPv4(ICMPv4.newBuilder().setType(to).setCode(code(flow)));
      case ICMPV6 -> message.setICMPv6(ICMPv6.newBuilder().setType(to).setCode(code(flow)));
      default -> {
        return Optional.empty();
      }
    }
    return Optional.of(message.build());
  }

  private static int code(Flow flow) {
    return flow.headers().map(FlowHeaders::icmpCode).orElse(0);
  }

  static TCPFlags tcpFlags(int bits) {
    return TCPFlags.newBuilder()
        .setFIN((bits & 0x01) != 0)
        .setSYN((bits & 0x02) != 0)
        .setRST((bits & 0x04) != 0)
        .setPSH((bits & 0x08) != 0)
        .setACK((bits & 0x10) != 0)
        .setURG((bits & 0x20) != 0)
        .setECE((bits & 0x40) != 0)
        .setCWR((bits & 0x80) != 0)
        .build();
  }

  /** The bits of flags; NS, which no flow tells, is a bit that none has. */
  static int bits(TCPFlags flags) {
    return (flags.getFIN() ? 0x01 : 0)
        | (flags.getSYN() ? 0x02 : 0)
        | (flags.getRST() ? 0x04 : 0)
        | (flags.getPSH() ? 0x08 : 0)
        | (flags.getACK() ? 0x10 : 0)
        | (flags.getURG() ? 0x20 : 0)
        | (flags.getECE() ? 0x40 : 0)
        | (flags.getCWR() ? 0x80 : 0)
        | (flags.getNS() ? 0x100 : 0);
  }

  /** A request, or an answer with the request that it belongs to. */
  static Layer7 layer7(HttpAccess http, FlowEvent event) {
    var message =
        HTTP.newBuilder()
            .setCode(http.status())
            .setMethod(http.method())
            .setUrl(url(http))
            .setProtocol(http.protocol());
    for (HttpAccess.Header header : http.headers()) {
      message.addHeaders(HTTPHeader.newBuilder().setKey(header.name()).setValue(header.value()));
    }
    return Layer7.newBuilder()
        .setType(event == FlowEvent.RESPONSE ? L7FlowType.RESPONSE : L7FlowType.REQUEST)
        .setLatencyNs(http.latencyNanos())
        .setHttp(message)
        .build();
  }

  /** A question to DNS, or an answer with the question that it belongs to. */
  static Layer7 layer7(DnsAccess dns, FlowEvent event) {
    var message =
        DNS.newBuilder()
            .setQuery(dns.name())
            .addAllIps(dns.addresses().stream().map(IpAddress::toString).toList())
            .setTtl((int) dns.ttlSeconds())
            .addAllCnames(dns.cnames())
            .setObservationSource(DNS_SOURCE)
            .setRcode(dns.rcode())
            .addAllQtypes(dns.queryTypes())
            .addAllRrtypes(dns.recordTypes());
    return Layer7.newBuilder()
        .setType(event == FlowEvent.RESPONSE ? L7FlowType.RESPONSE : L7FlowType.REQUEST)
        .setLatencyNs(dns.latencyNanos())
        .setDns(message)
        .build();
  }

  /** Whether a flow tells of a request, and not of a packet. */
  static boolean isRequest(ReportedFlow reported) {
    return reported.http().isPresent() || reported.dns().isPresent();
  }

  /** The trace that a request says it is part of, by W3C's trace context; empty for none. */
  static String traceId(HttpAccess http) {
    for (HttpAccess.Header header : http.headers()) {
      Matcher parent = TRACE_PARENT.matcher(header.value());
      if (header.name().equals("Traceparent") && parent.matches()) {
        return parent.group(1).equals("0".repeat(parent.group(1).length())) ? "" : parent.group(1);
      }
    }
    return "";
  }

  /** The whole URL of a request. */
  static String url(HttpAccess http) {
    return "http://" + http.host() + http.path();
  }

  /** A flow in a few words. */
  static String summary(ReportedFlow reported) {
    return reported
        .http()
        .map(Layers::summary)
        .or(() -> reported.dns().map(dns -> summary(dns, reported.event())))
        .orElseGet(() -> summary(reported.flow()));
  }

  private static String summary(HttpAccess http) {
    String request = http.method() + " " + url(http);
    return http.status() == 0
        ? http.protocol() + " " + request
        : "%s %d %dms (%s)"
            .formatted(
                http.protocol(), http.status(), http.latencyNanos() / NANOS_PER_MILLI, request);
  }

  private static String summary(DnsAccess dns, FlowEvent event) {
    String question = dns.name() + " " + String.join(",", dns.queryTypes());
    if (event != FlowEvent.RESPONSE) {
      return "DNS Query " + question;
    }
    String answer =
        dns.rcode() != 0
            ? "RCode: " + rcode(dns.rcode())
            : "\""
                + dns.addresses().stream().map(IpAddress::toString).collect(Collectors.joining(","))
                + "\"";
    return "DNS Answer " + answer + " TTL: " + dns.ttlSeconds() + " (Query " + question + ")";
  }

  /** A code as people write it. */
  static String rcode(int code) {
    return code < RCODES.size() ? RCODES.get(code) : Integer.toString(code);
  }

  private static String summary(Flow flow) {
    Optional<Protocol> protocol = Protocol.ofNumber(flow.protocol());
    int type = flow.destinationPort();
    if (protocol.isEmpty()) {
      return flow.source().isV4() ? "IPv4" : "IPv6";
    }
    return switch (protocol.get()) {
      case TCP -> "TCP Flags: " + names(flow.tcpFlags());
      case ICMP -> "ICMPv4 " + IcmpNames.v4(type, code(flow));
      case ICMPV6 -> "ICMPv6 " + IcmpNames.v6(type, code(flow));
      default -> protocol.get().toString();
    };
  }

  private static String names(int bits) {
    return TCP_FLAGS.entrySet().stream()
        .filter(each -> (bits & each.getValue()) != 0)
        .map(Map.Entry::getKey)
        .collect(Collectors.joining(", "));
  }
}
