// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Timestamp;
import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowHeaders;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Node;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.flow.FlowEvent;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.flow.FlowParty.Device;
import io.cilium4j.datapath.flow.HttpAccess;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.observer.proto.CiliumEventType;
import io.cilium4j.datapath.observer.proto.Emitter;
import io.cilium4j.datapath.observer.proto.Endpoint;
import io.cilium4j.datapath.observer.proto.Ethernet;
import io.cilium4j.datapath.observer.proto.FlowType;
import io.cilium4j.datapath.observer.proto.IP;
import io.cilium4j.datapath.observer.proto.IPVersion;
import io.cilium4j.datapath.observer.proto.NetworkInterface;
import io.cilium4j.datapath.observer.proto.Policy;
import io.cilium4j.datapath.observer.proto.Service;
import io.cilium4j.datapath.observer.proto.TraceContext;
import io.cilium4j.datapath.observer.proto.TraceObservationPoint;
import io.cilium4j.datapath.observer.proto.TraceParent;
import io.cilium4j.datapath.observer.proto.TraceReason;
import io.cilium4j.datapath.observer.proto.Verdict;
import io.cilium4j.datapath.observer.proto.Workload;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;

/** Flows as messages of the protocol. Safe for use by several threads. */
final class FlowMessages {

  /** The monitor's numbers of events, which the protocol passes on. */
  static final int DROP_EVENT = 1;

  static final int TRACE_EVENT = 4;
  static final int VERDICT_EVENT = 5;

  /** Of a request that a proxy decided. */
  static final int ACCESS_EVENT = 129;

  private static final String CLUSTER = "io.cilium.k8s.policy.cluster";

  /** The label of a policy that says which rule of it decided. */
  static final String RULE = "cilium4j:rule";

  /** How often it is looked whether the node has other labels. */
  private static final long LOOK_NANOS = 1_000_000_000L;

  private final String node;
  private final String cluster;
  private final int proxyPort;
  private final Emitter emitter;
  private final Supplier<Map<String, Node>> nodes;

  /** Tells the flows of this start from those of another. */
  private final long run;

  private volatile NodeLabels nodeLabels;

  /**
   * The labels of this node in Kubernetes.
   *
   * @param texts {@code KEY=VALUE}, in order
   * @param labels the same, for selectors
   * @param readNanos when they were read, by the monotonic clock
   */
  record NodeLabels(List<String> texts, Labels labels, long readNanos) {}

  FlowMessages(ObserverConfig config) {
    this.node = config.nodeName();
    this.cluster = config.clusterName();
    this.proxyPort = config.proxyPort();
    this.emitter = emitter(config.version());
    this.nodes = config.nodes();
    this.run = config.startedAt().toEpochMilli() ^ ((long) node.hashCode() << 32);
    this.nodeLabels = readNodeLabels();
  }

  /** Who tells: the name and the version that {@code ServerStatus} has in one. */
  private static Emitter emitter(String version) {
    String[] parts = version.split(" ", 2);
    return Emitter.newBuilder()
        .setName(parts[0])
        .setVersion(parts.length == 2 ? parts[1] : "")
        .build();
  }

  /** The labels of this node. */
  NodeLabels nodeLabels() {
    NodeLabels known = nodeLabels;
    if (System.nanoTime() - known.readNanos > LOOK_NANOS) {
      known = readNodeLabels();
      nodeLabels = known;
    }
    return known;
  }

  private NodeLabels readNodeLabels() {
    Node own = nodes.get().get(node);
    List<Label> labels =
        own == null
            ? List.of()
            : own.labels().entrySet().stream()
                .map(each -> new Label(LabelSource.UNSPEC, each.getKey(), each.getValue()))
                .sorted()
                .toList();
    return new NodeLabels(
        labels.stream().map(each -> each.key() + "=" + each.value()).toList(),
        Labels.of(labels),
        System.nanoTime());
  }

  /** The node as the protocol names it: {@code CLUSTER/NODE}. */
  String node() {
    return cluster + "/" + node;
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
            .setEmitter(emitter)
            .setVerdict(verdict(reported))
            .setIP(addresses(flow))
            .setSource(party(reported.source()))
            .setDestination(party(reported.destination()))
            .setType(FlowType.L3_L4)
            .setNodeName(node())
            .addAllNodeLabels(nodeLabels().texts())
            .setEventType(
                CiliumEventType.newBuilder()
                    .setType(eventType(reported))
                    .setSubType(eventSubType(reported)))
            .setTrafficDirection(direction(flow));
    Layers.layer4(reported).ifPresent(message::setL4);
    if (reported.http().isPresent()) {
      HttpAccess http = reported.http().get();
      message.setType(FlowType.L7).setL7(Layers.layer7(http, reported.event()));
      String trace = Layers.traceId(http);
      if (!trace.isEmpty()) {
        message.setTraceContext(
            TraceContext.newBuilder().setParent(TraceParent.newBuilder().setTraceId(trace)));
      }
    }
    reported
        .dns()
        .ifPresent(dns -> message.setType(FlowType.L7).setL7(Layers.layer7(dns, reported.event())));
    addFacts(message, reported);
    flow.trace().ifPresent(trace -> message.setTraceObservationPoint(point(trace)));
    flow.trace().ifPresent(trace -> message.setTraceReason(reason(trace)));
    flow.trace()
        .filter(trace -> trace.point() == FlowTrace.Point.TO_PROXY)
        .ifPresent(_ -> message.setProxyPort(proxyPort));
    flow.headers().ifPresent(headers -> message.setEthernet(ethernet(headers)));
    if (Layers.isRequest(reported) || !reported.isDropped()) {
      message.setIsReply(BoolValue.of(reported.isReply()));
    }
    message.setPolicyMatchType(reported.match().code());
    addDeprecated(message, reported);
    if (reported.event() != FlowEvent.RESPONSE) {
      addPolicy(message, reported);
    }
    return message.build();
  }

  private static void addFacts(
      io.cilium4j.datapath.observer.proto.Flow.Builder message, ReportedFlow reported) {
    FlowParty.Facts source = reported.source().facts();
    FlowParty.Facts destination = reported.destination().facts();
    message.addAllSourceNames(source.names()).addAllDestinationNames(destination.names());
    source.service().ifPresent(each -> message.setSourceService(service(each)));
    destination.service().ifPresent(each -> message.setDestinationService(service(each)));
    device(reported)
        .ifPresent(each ->
            message.setInterface(
                NetworkInterface.newBuilder().setIndex(each.index()).setName(each.name())));
  }

  private static Ethernet ethernet(FlowHeaders headers) {
    return Ethernet.newBuilder()
        .setSource(headers.source().toString())
        .setDestination(headers.destination().toString())
        .build();
  }

  /** The protocol has a number of its own for what is zero in an event. */
  private static TraceObservationPoint point(FlowTrace trace) {
    return switch (trace.point()) {
      case TO_ENDPOINT -> TraceObservationPoint.TO_ENDPOINT;
      case TO_PROXY -> TraceObservationPoint.TO_PROXY;
      case TO_STACK -> TraceObservationPoint.TO_STACK;
      case TO_OVERLAY -> TraceObservationPoint.TO_OVERLAY;
    };
  }

  private static TraceReason reason(FlowTrace trace) {
    return switch (trace.life()) {
      case NEW -> TraceReason.NEW;
      case ESTABLISHED -> TraceReason.ESTABLISHED;
      case REPLY -> TraceReason.REPLY;
    };
  }

  @SuppressWarnings("deprecation") // Clients of older versions read these.
  private static void addDeprecated(
      io.cilium4j.datapath.observer.proto.Flow.Builder message, ReportedFlow reported) {
    int reason = dropReason(reported);
    message.setDropReason(reason).setDropReasonDescValue(reason);
    message.setReply(reported.isReply()).setSummary(Layers.summary(reported));
  }

  /** Why a packet was dropped; 0 where it was not, also if that was only for audit. */
  static int dropReason(ReportedFlow reported) {
    return reported.isDropped() ? reported.flow().drop().map(DropReason::code).orElse(0) : 0;
  }

  /** Of a drop its reason, of a packet that passed where to; else 0. */
  static int eventSubType(ReportedFlow reported) {
    return switch (reported.event()) {
      case DROP -> dropReason(reported);
      case TRACE -> reported.flow().trace().map(trace -> trace.point().code()).orElse(0);
      case VERDICT, REQUEST, RESPONSE -> 0;
    };
  }

  static int eventType(ReportedFlow reported) {
    return switch (reported.event()) {
      case VERDICT -> VERDICT_EVENT;
      case DROP -> DROP_EVENT;
      case TRACE -> TRACE_EVENT;
      case REQUEST, RESPONSE -> ACCESS_EVENT;
    };
  }

  /** An answer is forwarded, be it that of the proxy which refuses the request. */
  static Verdict verdict(ReportedFlow reported) {
    if (reported.event() == FlowEvent.RESPONSE) {
      return Verdict.FORWARDED;
    }
    return switch (reported.flow().verdict()) {
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
            .setClusterName(clusterOf(party))
            .setNamespace(party.namespace())
            .setPodName(party.pod());
    for (Label label : party.labels()) {
      message.addLabels(label.toString());
    }
    party
        .facts()
        .workload()
        .ifPresent(each ->
            message.addWorkloads(Workload.newBuilder().setKind(each.kind()).setName(each.name())));
    return message.build();
  }

  /** The cluster of a pod, which its labels tell; empty for what is none. */
  static String clusterOf(FlowParty party) {
    for (Label label : party.labels()) {
      if (label.key().equals(CLUSTER) && label.source().equals(LabelSource.K8S)) {
        return label.value();
      }
    }
    return "";
  }

  private static Service service(ResourceKey key) {
    return Service.newBuilder().setNamespace(key.namespace()).setName(key.name()).build();
  }

  /** The device of the endpoint that a packet goes to. */
  static Optional<Device> device(ReportedFlow reported) {
    return reported
        .flow()
        .trace()
        .filter(trace -> trace.point() == FlowTrace.Point.TO_ENDPOINT)
        .flatMap(_ -> reported.destination().facts().device());
  }

  private static void addPolicy(
      io.cilium4j.datapath.observer.proto.Flow.Builder message, ReportedFlow reported) {
    Flow flow = reported.flow();
    RuleOrigin rule = reported.rule();
    if (rule.resource().isEmpty()) {
      return; // No policy decided, or one that is gone.
    }
    Policy policy = policy(rule, reported.revision());
    if (!rule.log().isEmpty()) {
      message.addPolicyLog(rule.log());
    }
    boolean passes = flow.verdict().passes() && flow.drop().isEmpty();
    if (flow.direction() == TrafficDirection.INGRESS) {
      var _ = passes ? message.addIngressAllowedBy(policy) : message.addIngressDeniedBy(policy);
    } else {
      var _ = passes ? message.addEgressAllowedBy(policy) : message.addEgressDeniedBy(policy);
    }
  }

  /** Which object, and by a label of our own which rule of it. */
  private static Policy policy(RuleOrigin rule, long revision) {
    String[] names = rule.resource().split("/", 3);
    return Policy.newBuilder()
        .setKind(names[0])
        .setNamespace(names.length == 3 ? names[1] : "")
        .setName(names[names.length - 1])
        .setRevision(revision)
        .addLabels("k8s:io.cilium.k8s.policy.derived-from=" + names[0])
        .addLabels("k8s:io.cilium.k8s.policy.name=" + names[names.length - 1])
        .addAllLabels(namespaceLabel(names))
        .addLabels(RULE + "=" + rule.path())
        .build();
  }

  private static List<String> namespaceLabel(String[] names) {
    return names.length == 3
        ? List.of("k8s:io.cilium.k8s.policy.namespace=" + names[1])
        : List.of();
  }
}
