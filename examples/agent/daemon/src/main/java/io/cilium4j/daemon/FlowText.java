// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.EndpointIndexes;
import io.cilium4j.core.Flow;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.state.Row;
import io.cilium4j.datapath.flow.DnsAccess;
import io.cilium4j.datapath.flow.FlowEvent;
import io.cilium4j.datapath.flow.HttpAccess;
import io.cilium4j.datapath.flow.ReportedFlow;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.stream.Collectors;

/** Writes flows as lines of JSON. */
final class FlowText {
  /** What a proxy reads of it has no answer. */
  private static final String TLS = "TLS";

  private final Agent agent;

  FlowText(Agent agent) {
    this.agent = agent;
  }

  /**
   * A flow, ending with a line break; empty where another line tells of it: that of the drop, or of
   * the answer.
   */
  byte[] of(ReportedFlow reported) {
    boolean isAnswer = reported.event() == FlowEvent.RESPONSE;
    boolean isAnswered =
        reported.event() == FlowEvent.REQUEST
            && reported.http().filter(http -> http.protocol().equals(TLS)).isEmpty();
    if (isAnswered || !(isAnswer || reported.isReport())) {
      return new byte[0];
    }
    Flow flow = isAnswer ? asked(reported) : reported.flow();
    var out = new StringBuilder(512);
    out.append("{\"type\":\"").append(type(reported));
    out.append("\",\"time\":\"").append(time(flow)).append('"');
    field(out, "verdict", flow.verdict().toString().toLowerCase(Locale.ROOT));
    flow.drop().ifPresent(reason -> field(out, "reason", reason.toString()));
    field(out, "direction", flow.direction().toString().toLowerCase(Locale.ROOT));
    out.append(",\"endpoint\":").append(flow.endpointId());
    boolean isSource = reported.isSource() != isAnswer;
    end(
        out,
        "source",
        flow.source(),
        flow.sourcePort(),
        flow.sourceIdentity(),
        isSource ? flow.endpointId() : 0);
    end(
        out,
        "destination",
        flow.destination(),
        flow.destinationPort(),
        flow.destinationIdentity(),
        isSource ? 0 : flow.endpointId());
    field(
        out,
        "protocol",
        Protocol.ofNumber(flow.protocol()).map(Protocol::toString).orElse(flow.protocol() + ""));
    if (!reported.rule().equals(RuleOrigin.NONE)) {
      field(out, "rule", reported.rule().toString());
    }
    flow.trace()
        .ifPresent(trace -> {
          field(out, "point", lower(trace.point()));
          field(out, "flow", lower(trace.life()));
        });
    reported.http().ifPresent(http -> http(out, http));
    reported.dns().ifPresent(dns -> dns(out, dns));
    if (flow.suppressed() > 0) {
      out.append(",\"suppressed\":").append(flow.suppressed());
    }
    return out.append("}\n").toString().getBytes(StandardCharsets.UTF_8);
  }

  /** The request that an answer belongs to. */
  private static Flow asked(ReportedFlow answer) {
    long latency =
        answer
            .http()
            .map(HttpAccess::latencyNanos)
            .or(() -> answer.dns().map(DnsAccess::latencyNanos))
            .orElse(0L);
    return answer.flow().reversed(answer.flow().timeNanos() - latency);
  }

  private static String type(ReportedFlow reported) {
    if (reported.http().isPresent() || reported.dns().isPresent()) {
      return "l7";
    }
    if (reported.flow().trace().isPresent()) {
      return "trace";
    }
    return reported.flow().drop().isPresent() ? "drop" : "policy-verdict";
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static void http(StringBuilder out, HttpAccess http) {
    out.append(",\"http\":{\"protocol\":");
    quote(out, http.protocol());
    field(out, "method", http.method());
    field(out, "path", http.path());
    field(out, "host", http.host());
    out.append(",\"status\":").append(http.status());
    out.append(",\"latency-ns\":").append(http.latencyNanos()).append('}');
  }

  private static void dns(StringBuilder out, DnsAccess dns) {
    out.append(",\"dns\":{\"query\":");
    quote(out, dns.name());
    field(out, "types", String.join(",", dns.queryTypes()));
    field(
        out,
        "addresses",
        dns.addresses().stream().map(IpAddress::toString).collect(Collectors.joining(",")));
    out.append(",\"rcode\":").append(dns.rcode());
    out.append(",\"ttl\":").append(dns.ttlSeconds());
    out.append(",\"latency-ns\":").append(dns.latencyNanos()).append('}');
  }

  /** A flow has the kernel's monotonic clock, which is that of {@code System.nanoTime}. */
  private static Instant time(Flow flow) {
    return Instant.now().minus(Duration.ofNanos(Math.max(0, System.nanoTime() - flow.timeNanos())));
  }

  private void end(
      StringBuilder out, String name, IpAddress address, int port, int identity, int endpoint) {
    int id = endpoint != 0 ? endpoint : owner(address);
    out.append(",\"").append(name).append("\":{\"endpoint\":").append(id);
    out.append(",\"identity\":").append(Integer.toUnsignedLong(identity));
    String host = address.isV4() ? address.toString() : "[" + address + "]";
    field(out, "address", host + ":" + port);
    Labels labels = agent.identities().get(identity).map(Identity::labels).orElse(null);
    if (labels != null) {
      out.append(",\"labels\":[");
      String comma = "";
      for (Label label : labels) {
        out.append(comma);
        quote(out, label.toString());
        comma = ",";
      }
      out.append(']');
    }
    out.append('}');
  }

  /** The endpoint that has an address, of several the newest; 0 if none of this node has it. */
  private int owner(IpAddress address) {
    return agent.endpoints().snapshot().rows(EndpointIndexes.ADDRESS, address).stream()
        .mapToInt(Row::key)
        .max()
        .orElse(0);
  }

  private static void field(StringBuilder out, String name, String value) {
    out.append(",\"").append(name).append("\":");
    quote(out, value);
  }

  /** Appends a text as a JSON string. */
  static void quote(StringBuilder out, String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"' || c == '\\') {
        out.append('\\').append(c);
      } else if (c < ' ') {
        out.append("\\u%04x".formatted((int) c));
      } else {
        out.append(c);
      }
    }
    out.append('"');
  }
}
