// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.datapath.observer.proto.DropReason;
import io.cilium4j.datapath.observer.proto.Endpoint;
import io.cilium4j.datapath.observer.proto.Flow;
import io.cilium4j.datapath.observer.proto.L7FlowType;
import io.cilium4j.datapath.observer.proto.Policy;
import io.cilium4j.datapath.observer.proto.TrafficDirection;
import io.cilium4j.datapath.observer.proto.Verdict;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Flows in a line each, as {@code hubble observe} prints them. */
final class FlowText {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("MMM ppd HH:mm:ss.SSS", Locale.ROOT)
          .withZone(ZoneId.systemDefault());

  private static final List<String> MATCHES =
      List.of("none", "L3-Only", "L3-L4", "L4-Only", "all", "L3-Proto", "Proto-Only");

  private FlowText() {}

  /** A flow, the side first that asked. */
  static String line(Flow flow, boolean isNumeric) {
    boolean isReply = flow.hasIsReply() && flow.getIsReply().getValue();
    String source = end(flow, true, isNumeric);
    String destination = end(flow, false, isNumeric);
    String rule = rule(flow);
    return clean(
        TIME.format(Instant.ofEpochSecond(flow.getTime().getSeconds(), flow.getTime().getNanos()))
            + ": "
            + (isReply ? destination : source)
            + (flow.hasIsReply() ? isReply ? " <- " : " -> " : " <> ")
            + (isReply ? source : destination)
            + " "
            + kind(flow)
            + " "
            + verdict(flow)
            + (summary(flow).isEmpty() ? "" : " (" + summary(flow) + ")")
            + (rule.isEmpty() ? "" : " by " + rule));
  }

  /** What a pod calls itself must not move the cursor. */
  private static String clean(String text) {
    return text.replaceAll("\\p{Cntrl}", "?");
  }

  private static String end(Flow flow, boolean isSource, boolean isNumeric) {
    Endpoint end = isSource ? flow.getSource() : flow.getDestination();
    String address = isSource ? flow.getIP().getSource() : flow.getIP().getDestination();
    int port = port(flow, isSource);
    String name = address;
    if (!isNumeric && !end.getPodName().isEmpty()) {
      name = end.getNamespace() + "/" + end.getPodName();
    } else if (port != 0 && address.contains(":")) {
      name = "[" + address + "]";
    }
    Optional<String> reserved =
        end.getLabelsList().stream()
            .filter(each -> each.startsWith("reserved:"))
            .findFirst()
            .map(each -> each.substring("reserved:".length()));
    String who =
        isNumeric || ReservedIdentity.ofId(end.getIdentity()).isEmpty() || reserved.isEmpty()
            ? "ID:" + Integer.toUnsignedString(end.getIdentity())
            : reserved.get();
    return name + (port == 0 ? "" : ":" + port) + " (" + who + ")";
  }

  private static int port(Flow flow, boolean isSource) {
    var l4 = flow.getL4();
    return switch (l4.getProtocolCase()) {
      case TCP -> isSource ? l4.getTCP().getSourcePort() : l4.getTCP().getDestinationPort();
      case UDP -> isSource ? l4.getUDP().getSourcePort() : l4.getUDP().getDestinationPort();
      case SCTP -> isSource ? l4.getSCTP().getSourcePort() : l4.getSCTP().getDestinationPort();
      default -> 0;
    };
  }

  private static String kind(Flow flow) {
    return switch (flow.getEventType().getType()) {
      case FlowMessages.DROP_EVENT -> lower(flow.getDropReasonDesc().name());
      case FlowMessages.TRACE_EVENT -> lower(flow.getTraceObservationPoint().name());
      case FlowMessages.VERDICT_EVENT ->
          "policy-verdict:" + MATCHES.get(flow.getPolicyMatchType()) + " " + direction(flow);
      case FlowMessages.ACCESS_EVENT ->
          (flow.getL7().hasDns() ? "dns-" : "http-")
              + (flow.getL7().getType() == L7FlowType.RESPONSE ? "response" : "request");
      default -> "";
    };
  }

  private static String direction(Flow flow) {
    return flow.getTrafficDirection() == TrafficDirection.INGRESS ? "INGRESS" : "EGRESS";
  }

  private static String lower(String name) {
    return name.toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static String verdict(Flow flow) {
    boolean isVerdict = flow.getEventType().getType() == FlowMessages.VERDICT_EVENT;
    if (!isVerdict) {
      return flow.getVerdict().name();
    }
    return switch (flow.getVerdict()) {
      case FORWARDED -> "ALLOWED";
      case DROPPED -> "DENIED";
      case AUDIT -> "AUDITED";
      default -> flow.getVerdict().name();
    };
  }

  @SuppressWarnings("deprecation") // As clients show it.
  private static String summary(Flow flow) {
    return flow.getSummary();
  }

  /** The policy that decided, and the path of the rule in it. */
  private static String rule(Flow flow) {
    return Stream.of(
            flow.getEgressDeniedByList(),
            flow.getIngressDeniedByList(),
            flow.getEgressAllowedByList(),
            flow.getIngressAllowedByList())
        .flatMap(List::stream)
        .findFirst()
        .map(FlowText::rule)
        .orElse(isDefaultDeny(flow) ? "default deny" : "");
  }

  private static boolean isDefaultDeny(Flow flow) {
    return flow.getVerdict() == Verdict.DROPPED
        && flow.getDropReasonDesc() == DropReason.POLICY_DENIED;
  }

  private static String rule(Policy policy) {
    String path =
        policy.getLabelsList().stream()
            .filter(each -> each.startsWith(FlowMessages.RULE + "="))
            .findFirst()
            .map(each -> " " + each.substring(FlowMessages.RULE.length() + 1))
            .orElse("");
    String name =
        Stream.of(policy.getKind(), policy.getNamespace(), policy.getName())
            .filter(Predicate.not(String::isEmpty))
            .reduce((one, other) -> one + "/" + other)
            .orElse("");
    return name + path;
  }
}
