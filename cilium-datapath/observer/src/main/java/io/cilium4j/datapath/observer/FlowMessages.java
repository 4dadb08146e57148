// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Timestamp;
import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Label;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.flow.HttpAccess;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.observer.proto.CiliumEventType;
import io.cilium4j.datapath.observer.proto.Endpoint;
import io.cilium4j.datapath.observer.proto.FlowType;
import io.cilium4j.datapath.observer.proto.HTTP;
import io.cilium4j.datapath.observer.proto.ICMPv4;
import io.cilium4j.datapath.observer.proto.ICMPv6;
import io.cilium4j.datapath.observer.proto.IP;
import io.cilium4j.datapath.observer.proto.IPVersion;
import io.cilium4j.datapath.observer.proto.L7FlowType;
import io.cilium4j.datapath.observer.proto.Layer4;
import io.cilium4j.datapath.observer.proto.Layer7;
import io.cilium4j.datapath.observer.proto.Policy;
import io.cilium4j.datapath.observer.proto.SCTP;
import io.cilium4j.datapath.observer.proto.TCP;
import io.cilium4j.datapath.observer.proto.UDP;
import io.cilium4j.datapath.observer.proto.Verdict;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/** Flows as messages of the protocol. Immutable. */
final class FlowMessages {

  /** The monitor's numbers of events, which the protocol passes on. */
  static final int DROP_EVENT = 1;

  static final int VERDICT_EVENT = 5;

  /** Of a request that a proxy decided. */
  static final int ACCESS_EVENT = 129;

  private final String node;
  private final String cluster;

  /** Tells the flows of this start from those of another. */
  private final long run;

  FlowMessages(String node, String cluster, Instant startedAt) {
    this.node = node;
    this.cluster = cluster;
    this.run = startedAt.toEpochMilli() ^ ((long) node.hashCode() << 32);
  }

  /** The node as the protocol names it: {@code CLUSTER/NODE}. */
  String node() {
    return cluster + "/" + node;
  }

  String cluster() {
    return cluster;
  }

  /** A flow's name, unique over nodes and starts. */
  String uuid(ReportedFlow reported) {
    return new UUID(run, reported.number()).toString();
  }

  io.cilium4j.datapath.observer.proto.Flow message(ReportedFlow reported) {
    Flow flow = reported.flow();
    var message =
        io.cilium4j.datapath.observer.proto.Flow.newBuilder()
            .setTime(timestamp(reported.time()))
            .setUuid(uuid(reported))
            .setVerdict(verdict(flow))
            .setIP(addresses(flow))
            .setSource(party(reported.source()))
            .setDestination(party(reported.destination()))
            .setType(FlowType.L3_L4)
            .setNodeName(node())
            .setEventType(
                CiliumEventType.newBuilder()
                    .setType(eventType(reported))
                    .setSubType(flow.drop().map(DropReason::code).orElse(0)))
            .setTrafficDirection(direction(flow));
    layer4(flow).ifPresent(message::setL4);
    flow.drop().ifPresent(reason -> dropped(message, reason));
    if (flow.drop().isEmpty()) {
      // Only the first packet of a flow has a verdict of its own.
      message.setIsReply(BoolValue.of(false));
    }
    reported.http().ifPresent(http -> message.setType(FlowType.L7).setL7(request(http)));
    addPolicy(message, flow, reported.rule());
    return message.build();
  }

  /** One message tells of both, the request and what came of it. */
  private static Layer7 request(HttpAccess http) {
    return Layer7.newBuilder()
        .setType(L7FlowType.REQUEST)
        .setLatencyNs(http.latencyNanos())
        .setHttp(
            HTTP.newBuilder()
                .setCode(http.status())
                .setMethod(http.method())
                .setUrl("http://" + http.host() + http.path())
                .setProtocol(http.protocol()))
        .build();
  }

  @SuppressWarnings("deprecation") // Clients of the field's older versions read the number.
  private static void dropped(
      io.cilium4j.datapath.observer.proto.Flow.Builder message, DropReason reason) {
    message.setDropReason(reason.code()).setDropReasonDescValue(reason.code());
  }

  static int eventType(ReportedFlow reported) {
    if (reported.http().isPresent()) {
      return ACCESS_EVENT;
    }
    Flow flow = reported.flow();
    return flow.drop().isPresent() && !flow.verdict().passes() ? DROP_EVENT : VERDICT_EVENT;
  }

  static Verdict verdict(Flow flow) {
    return switch (flow.verdict()) {
      case ALLOWED -> Verdict.FORWARDED;
      case DENIED -> Verdict.DROPPED;
      case REDIRECTED -> Verdict.REDIRECTED;
      case AUDITED -> Verdict.AUDIT;
    };
  }

  static io.cilium4j.datapath.observer.proto.TrafficDirection direction(Flow flow) {
    return flow.direction() == TrafficDirection.INGRESS
        ? io.cilium4j.datapath.observer.proto.TrafficDirection.INGRESS
        : io.cilium4j.datapath.observer.proto.TrafficDirection.EGRESS;
  }

  static IPVersion version(IpAddress address) {
    return address.isV4() ? IPVersion.IPv4 : IPVersion.IPv6;
  }

  static Timestamp timestamp(Instant time) {
    return Timestamp.newBuilder()
        .setSeconds(time.getEpochSecond())
        .setNanos(time.getNano())
        .build();
  }

  private static IP addresses(Flow flow) {
    return IP.newBuilder()
        .setSource(flow.source().toString())
        .setDestination(flow.destination().toString())
        .setIpVersion(version(flow.source()))
        .build();
  }

  private Endpoint party(FlowParty party) {
    var message =
        Endpoint.newBuilder()
            .setID(party.endpointId())
            .setIdentity(party.identity())
            .setClusterName(cluster)
            .setNamespace(party.namespace())
            .setPodName(party.pod());
    for (Label label : party.labels()) {
      message.addLabels(label.toString());
    }
    return message.build();
  }

  private static Optional<Layer4> layer4(Flow flow) {
    int from = flow.sourcePort();
    int to = flow.destinationPort();
    var message = Layer4.newBuilder();
    Optional<Protocol> protocol = Protocol.ofNumber(flow.protocol());
    if (protocol.isEmpty()) {
      return Optional.empty();
    }
    switch (protocol.get()) {
      case TCP -> message.setTCP(TCP.newBuilder().setSourcePort(from).setDestinationPort(to));
      case UDP -> message.setUDP(UDP.newBuilder().setSourcePort(from).setDestinationPort(to));
      case SCTP -> message.setSCTP(SCTP.newBuilder().setSourcePort(from).setDestinationPort(to));
      case ICMP -> message.setICMPv4(ICMPv4.newBuilder().setType(to));
      case ICMPV6 -> message.setICMPv6(ICMPv6.newBuilder().setType(to));
      default -> {
        return Optional.empty();
      }
    }
    return Optional.of(message.build());
  }

  private static void addPolicy(
      io.cilium4j.datapath.observer.proto.Flow.Builder message, Flow flow, RuleOrigin rule) {
    if (rule.resource().isEmpty()) {
      return; // No policy decided, or one that is gone.
    }
    Policy policy = policy(rule);
    boolean passes = flow.verdict().passes() && flow.drop().isEmpty();
    if (flow.direction() == TrafficDirection.INGRESS) {
      var _ = passes ? message.addIngressAllowedBy(policy) : message.addIngressDeniedBy(policy);
    } else {
      var _ = passes ? message.addEgressAllowedBy(policy) : message.addEgressDeniedBy(policy);
    }
  }

  /** Which object, and by a label of our own which rule of it. */
  private static Policy policy(RuleOrigin rule) {
    String[] names = rule.resource().split("/", 3);
    return Policy.newBuilder()
        .setKind(names[0])
        .setNamespace(names.length == 3 ? names[1] : "")
        .setName(names[names.length - 1])
        .addLabels("k8s:io.cilium.k8s.policy.derived-from=" + names[0])
        .addLabels("k8s:io.cilium.k8s.policy.name=" + names[names.length - 1])
        .addLabels("cilium4j:rule=" + rule.path())
        .build();
  }
}
