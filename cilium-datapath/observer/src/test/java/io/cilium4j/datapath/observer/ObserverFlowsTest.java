// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static io.cilium4j.datapath.observer.proto.DropReason.POLICY_DENIED;
import static io.cilium4j.datapath.observer.proto.TrafficDirection.INGRESS;
import static io.cilium4j.datapath.observer.proto.Verdict.DROPPED;
import static io.cilium4j.datapath.observer.proto.Verdict.FORWARDED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.FieldMask;
import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowHeaders;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.Node;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.HttpAccess;
import io.cilium4j.datapath.observer.proto.EventTypeFilter;
import io.cilium4j.datapath.observer.proto.FlowFilter;
import io.cilium4j.datapath.observer.proto.GetFlowsRequest;
import io.cilium4j.datapath.observer.proto.GetFlowsResponse;
import io.cilium4j.datapath.observer.proto.HTTPHeader;
import io.cilium4j.datapath.observer.proto.L7FlowType;
import io.cilium4j.datapath.observer.proto.NetworkInterface;
import io.cilium4j.datapath.observer.proto.TCPFlags;
import io.cilium4j.datapath.observer.proto.TraceObservationPoint;
import io.cilium4j.datapath.observer.proto.TraceReason;
import io.cilium4j.datapath.observer.proto.Workload;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What flows say, and how they are filtered. */
class ObserverFlowsTest extends ObserverTests {

  private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

  private static final List<HttpAccess.Header> HEADERS =
      List.of(
          new HttpAccess.Header("Traceparent", "00-" + TRACE + "-00f067aa0ba902b7-01"),
          new HttpAccess.Header("User-Agent", "curl"));

  /** The port of clients. */
  private static final int CLIENT = 40_000;

  @Test
  void getFlows_allowedAndDenied_sayWhoAndWhichRule() {
    allowed("10.0.0.1", "10.0.0.2", 80);
    denied("192.0.2.9", "fd00::3", 53);
    var answers = new ArrayList<GetFlowsResponse>();
    ask(GetFlowsRequest.newBuilder().setFirst(true)).forEachRemaining(answers::add);
    assertEquals(3, answers.size());
    var first = answers.getFirst().getFlow();
    assertEquals("default/node1", first.getNodeName());
    assertEquals("test", first.getEmitter().getName());
    assertEquals("1", first.getEmitter().getVersion());
    assertEquals("tiefighter", first.getSource().getPodName());
    assertEquals(
        List.of("k8s:app=x", "k8s:io.cilium.k8s.policy.cluster=default", "k8s:org=empire"),
        first.getSource().getLabelsList());
    assertEquals("default", first.getSource().getClusterName());
    assertEquals("Deployment", first.getSource().getWorkloads(0).getKind());
    assertEquals("ties", first.getSource().getWorkloads(0).getName());
    assertEquals(1002, first.getDestination().getIdentity());
    assertEquals("10.0.0.2", first.getIP().getDestination());
    assertEquals(io.cilium4j.datapath.observer.proto.Verdict.FORWARDED, first.getVerdict());
    var rule = first.getIngressAllowedBy(0);
    assertEquals("CiliumNetworkPolicy", rule.getKind());
    assertEquals("default", rule.getNamespace());
    assertEquals("rule1", rule.getName());
    assertEquals(42, rule.getRevision());
    assertEquals(List.of("told"), first.getPolicyLogList());
    assertTrue(rule.getLabelsList().contains("cilium4j:rule=spec.ingress[0]"));
    assertFalse(first.getIsReply().getValue());
    assertEquals(2, first.getPolicyMatchType());
    var verdict = answers.get(1).getFlow();
    assertEquals(DROPPED, verdict.getVerdict());
    assertEquals(POLICY_DENIED, verdict.getDropReasonDesc());
    assertEquals(5, verdict.getEventType().getType());
    assertEquals(0, verdict.getEventType().getSubType());
    assertEquals(0, verdict.getPolicyMatchType(), "the default deny");
    assertFalse(verdict.hasIsReply());
    var second = answers.getLast().getFlow();
    assertEquals(DROPPED, second.getVerdict());
    assertEquals(POLICY_DENIED, second.getDropReasonDesc());
    assertEquals(1, second.getEventType().getType());
    assertEquals("", second.getSource().getClusterName(), "no pod of a cluster");
    assertEquals("kube-dns", second.getDestinationService().getName());
    assertEquals("kube-system", second.getDestinationService().getNamespace());
    assertEquals(List.of("dns.example.org"), second.getDestinationNamesList());
    assertEquals(133, second.getEventType().getSubType());
    assertFalse(second.hasIsReply(), "nobody knows");
    assertFalse(first.getUuid().equals(second.getUuid()));
  }

  @Test
  void getFlows_filters_allFieldsAndOneValue() {
    allowed("10.0.0.1", "10.0.0.2", 80);
    denied("10.0.0.2", "10.0.0.1", 81);
    allowed("10.0.0.1", "fd00::3", 53);
    var any = FlowFilter.newBuilder();
    assertEquals(List.of(80, 81, 81, 53), ports(with(any)));
    assertEquals(
        List.of(81, 81),
        ports(with(FlowFilter.newBuilder().addVerdict(DROPPED).addSourcePod("default/xw"))));
    assertEquals(
        List.of(), ports(with(FlowFilter.newBuilder().addVerdict(DROPPED).addSourcePod("tie"))));
    assertEquals(
        List.of(53), ports(with(FlowFilter.newBuilder().addDestinationPod("kube-system/"))));
    assertEquals(
        List.of(80, 53), ports(with(FlowFilter.newBuilder().addSourceLabel("org in (empire, x)"))));
    assertEquals(
        List.of(81, 81, 53),
        ports(
            with(
                FlowFilter.newBuilder()
                    .addDestinationLabel("k8s:app=x")
                    .addDestinationLabel("!org"))));
    assertEquals(List.of(53), ports(with(FlowFilter.newBuilder().addDestinationIp("fd00::/64"))));
    assertEquals(List.of(53), ports(with(FlowFilter.newBuilder().addDestinationIdentity(1003))));
    assertEquals(
        List.of(81, 81), ports(with(FlowFilter.newBuilder().addDropReasonDesc(POLICY_DENIED))));
    assertEquals(List.of(), ports(with(FlowFilter.newBuilder().addProtocol("udp"))));
    assertEquals(
        List.of(80, 81, 81, 53), ports(with(FlowFilter.newBuilder().addNodeName("def*/node1"))));
    assertEquals(List.of(), ports(with(FlowFilter.newBuilder().addNodeName("node2"))));
    assertEquals(
        List.of(80, 53),
        ports(
            GetFlowsRequest.newBuilder()
                .setFirst(true)
                .addBlacklist(FlowFilter.newBuilder().addDropReasonDesc(POLICY_DENIED))));
  }

  @Test
  void getFlows_filtersByWhatElseIsKnown_areCarriedOut() {
    allowed("10.0.0.1", "10.0.0.2", 80);
    allowed("10.0.0.2", "fd00::3", 53);
    log.accept(passed("10.0.0.2", "10.0.0.1", 81));
    var filter = FlowFilter.newBuilder();
    assertEquals(List.of(80), ports(with(filter.addSourceWorkload(workload("", "ties")))));
    filter = FlowFilter.newBuilder().addDestinationWorkload(workload("Deployment", ""));
    assertEquals(List.of(81), ports(with(filter)));
    filter = FlowFilter.newBuilder().addSourceWorkload(workload("DaemonSet", "ties"));
    assertEquals(List.of(), ports(with(filter)));
    filter = FlowFilter.newBuilder().addDestinationService("kube-system/kube");
    assertEquals(List.of(53), ports(with(filter)));
    filter = FlowFilter.newBuilder().addDestinationService("kube");
    assertEquals(List.of(), ports(with(filter)), "of another namespace");
    filter = FlowFilter.newBuilder().addDestinationFqdn("*.Example.org.");
    assertEquals(List.of(53), ports(with(filter)));
    filter = FlowFilter.newBuilder().addDestinationFqdn("example.org");
    assertEquals(List.of(), ports(with(filter)), "a part");
    filter = FlowFilter.newBuilder().addInterface(NetworkInterface.newBuilder().setName("lxc1"));
    assertEquals(List.of(81), ports(with(filter)));
    filter = FlowFilter.newBuilder().addInterface(NetworkInterface.newBuilder().setIndex(12));
    assertEquals(List.of(), ports(with(filter)));
    filter = FlowFilter.newBuilder().addSourceClusterName("default");
    assertEquals(List.of(80), ports(with(filter)));
    var answer = ask(with(FlowFilter.newBuilder().addDestinationPort("81"))).next().getFlow();
    assertEquals(11, answer.getInterface().getIndex());
  }

  private static Workload workload(String kind, String name) {
    return Workload.newBuilder().setKind(kind).setName(name).build();
  }

  private static Flow passed(String from, String to, int port) {
    Flow flow = flow(Verdict.ALLOWED, Optional.empty(), from, to, port);
    return new Flow(
        flow.timeNanos(),
        flow.verdict(),
        flow.drop(),
        flow.direction(),
        0,
        2,
        2,
        flow.source(),
        flow.destination(),
        TCP,
        CLIENT,
        port,
        0,
        0,
        0,
        Optional.of(new FlowTrace(FlowTrace.Point.TO_ENDPOINT, FlowTrace.Life.NEW)));
  }

  @Test
  void getFlows_filterThatCannotBeCarriedOut_isRefusedByName() {
    refused(
        "filter node_labels: label selector: \"a=b=c\": not understood",
        FlowFilter.newBuilder().addNodeLabels("a=b=c"));
    refused(
        "filter source_fqdn: \"a b\": wanted a DNS name, with * for a part",
        FlowFilter.newBuilder().addSourceFqdn("a b"));
    refused(
        "filter source_service: empty: wanted [NAMESPACE/]NAME",
        FlowFilter.newBuilder().addSourceService(""));
    refused(
        "filter destination_port: \"http\": wanted a port, 0 to 65535",
        FlowFilter.newBuilder().addDestinationPort("http"));
    refused(
        "filter source_label: label selector: \"a=b=c\": not understood",
        FlowFilter.newBuilder().addSourceLabel("a=b=c"));
    refused("filter protocol: \"x25\": not supported", FlowFilter.newBuilder().addProtocol("x25"));
    refused(
        "filter experimental.cel_expression: not supported",
        FlowFilter.newBuilder()
            .setExperimental(FlowFilter.Experimental.newBuilder().addCelExpression("true")));
    refused(
        "filter http_path: \"(\": error parsing regexp: missing closing ): `(`",
        FlowFilter.newBuilder().addHttpPath("("));
    refused(
        "filter http_method: the event type filter must match 'l7' events",
        FlowFilter.newBuilder()
            .addHttpMethod("GET")
            .addEventType(EventTypeFilter.newBuilder().setType(1)));
    refused(
        "first cannot be specified with follow",
        GetFlowsRequest.newBuilder().setFirst(true).setFollow(true));
  }

  @Test
  void getFlows_packetsThatPass_sayWhereToAndWhichWay() {
    passed(FlowTrace.Point.TO_ENDPOINT, FlowTrace.Life.NEW, TrafficDirection.INGRESS, 0x02);
    passed(FlowTrace.Point.TO_STACK, FlowTrace.Life.REPLY, TrafficDirection.EGRESS, 0x12);
    allowed("10.0.0.1", "10.0.0.2", 80);
    var answers = new ArrayList<GetFlowsResponse>();
    ask(GetFlowsRequest.newBuilder().setFirst(true)).forEachRemaining(answers::add);
    var first = answers.getFirst().getFlow();
    assertEquals(4, first.getEventType().getType());
    assertEquals(0, first.getEventType().getSubType());
    assertEquals(TraceObservationPoint.TO_ENDPOINT, first.getTraceObservationPoint());
    assertEquals(TraceReason.NEW, first.getTraceReason());
    assertTrue(first.hasIsReply());
    assertFalse(first.getIsReply().getValue());
    assertEquals("TCP Flags: SYN", first.getSummary());
    assertEquals(0, first.getIngressDeniedByCount() + first.getIngressAllowedByCount());
    var second = answers.get(1).getFlow();
    assertEquals(3, second.getEventType().getSubType());
    assertTrue(second.getIsReply().getValue());
    assertEquals("TCP Flags: SYN, ACK", second.getSummary());
    assertTrue(second.getL4().getTCP().getFlags().getACK());
    assertEquals(List.of(2), ports(with(FlowFilter.newBuilder().addReply(true))));
    assertEquals(
        List.of(1, 2),
        ports(with(FlowFilter.newBuilder().addTcpFlags(TCPFlags.newBuilder().setSYN(true)))));
    assertEquals(
        List.of(2),
        ports(
            with(
                FlowFilter.newBuilder()
                    .addTcpFlags(TCPFlags.newBuilder().setSYN(true).setACK(true)))));
    assertEquals(
        List.of(2),
        ports(
            with(
                FlowFilter.newBuilder()
                    .addEventType(
                        EventTypeFilter.newBuilder()
                            .setType(4)
                            .setMatchSubType(true)
                            .setSubType(3)))));
  }

  private void passed(
      FlowTrace.Point point, FlowTrace.Life life, TrafficDirection direction, int flags) {
    log.accept(
        new Flow(
            System.nanoTime(),
            Verdict.ALLOWED,
            Optional.empty(),
            direction,
            0,
            2,
            2,
            IpAddress.parse("10.0.0.1"),
            IpAddress.parse("10.0.0.2"),
            TCP,
            40_000,
            1 + life.code() / 2,
            0,
            0,
            flags,
            Optional.of(new FlowTrace(point, life))));
  }

  @Test
  void getFlows_nodeWithLabels_tellsThemAndIsFoundByThem() {
    nodes.put("node1", new Node("node1", List.of(), List.of(), Map.of("zone", "b", "disk", "ssd")));
    allowed("10.0.0.1", "10.0.0.2", 80);
    while (!nodeLabelsOfFirst().equals(List.of("disk=ssd", "zone=b"))) {
      Thread.onSpinWait(); // They are looked for once in a second.
    }
    assertEquals(List.of(80), ports(with(FlowFilter.newBuilder().addNodeLabels("zone in (a, b)"))));
    assertEquals(List.of(), ports(with(FlowFilter.newBuilder().addNodeLabels("zone=a"))));
  }

  private List<String> nodeLabelsOfFirst() {
    return ask(GetFlowsRequest.newBuilder().setFirst(true)).next().getFlow().getNodeLabelsList();
  }

  @Test
  void getFlows_icmp_tellsStationsTypeAndCode() {
    icmp(1, 3, 3);
    icmp(58, 1, 4);
    var answers = new ArrayList<GetFlowsResponse>();
    ask(GetFlowsRequest.newBuilder().setFirst(true)).forEachRemaining(answers::add);
    var first = answers.getFirst().getFlow();
    assertEquals("ICMPv4 DestinationUnreachable(Port)", first.getSummary());
    assertEquals(3, first.getL4().getICMPv4().getType());
    assertEquals(3, first.getL4().getICMPv4().getCode());
    assertEquals("02:00:00:00:00:01", first.getEthernet().getSource());
    assertEquals("02:00:00:00:00:02", first.getEthernet().getDestination());
    assertEquals(PROXY_PORT, first.getProxyPort());
    var second = answers.get(1).getFlow();
    assertEquals("ICMPv6 DestinationUnreachable(PortUnreachable)", second.getSummary());
    assertEquals(4, second.getL4().getICMPv6().getCode());
  }

  private void icmp(int protocol, int type, int code) {
    log.accept(
        new Flow(
            System.nanoTime(),
            Verdict.ALLOWED,
            Optional.empty(),
            TrafficDirection.EGRESS,
            0,
            2,
            2,
            IpAddress.parse("10.0.0.1"),
            IpAddress.parse("10.0.0.2"),
            protocol,
            0,
            type,
            0,
            0,
            0,
            Optional.of(new FlowTrace(FlowTrace.Point.TO_PROXY, FlowTrace.Life.NEW)),
            Optional.of(
                new FlowHeaders(
                    MacAddress.parse("02:00:00:00:00:01"),
                    MacAddress.parse("02:00:00:00:00:02"),
                    code))));
  }

  @Test
  void getFlows_requests_areFoundByWhatTheyAsk() {
    allowed("10.0.0.1", "10.0.0.2", 79);
    request(80, "GET", "/v1/ships?all", 200);
    request(81, "PUT", "/v1/exhaust-port", 403);
    assertEquals(
        List.of(CLIENT), ports(with(FlowFilter.newBuilder().addHttpStatusCode("4+"))), "beginning");
    assertEquals(
        List.of(CLIENT), ports(with(FlowFilter.newBuilder().addHttpStatusCode("200"))), "answer");
    assertEquals(List.of(80, CLIENT), ports(with(FlowFilter.newBuilder().addHttpMethod("get"))));
    assertEquals(
        List.of(81, CLIENT), ports(with(FlowFilter.newBuilder().addHttpPath("exhaust-p.rt$"))));
    assertEquals(List.of(80, CLIENT), ports(with(FlowFilter.newBuilder().addHttpPath("ships$"))));
    assertEquals(
        List.of(80, CLIENT),
        ports(with(FlowFilter.newBuilder().addHttpUrl("^http://d/v1/ships\\?all$"))));
    assertEquals(
        List.of(80, CLIENT, 81, CLIENT), ports(with(FlowFilter.newBuilder().addProtocol("http"))));
    var header = HTTPHeader.newBuilder().setKey("User-Agent");
    assertEquals(
        List.of(80, CLIENT, 81, CLIENT),
        ports(with(FlowFilter.newBuilder().addHttpHeader(header.setValue("curl")))));
    assertEquals(
        List.of(), ports(with(FlowFilter.newBuilder().addHttpHeader(header.setValue("wget")))));
    assertEquals(
        List.of(80, CLIENT, 81, CLIENT), ports(with(FlowFilter.newBuilder().addTraceId(TRACE))));
    assertEquals(List.of(), ports(with(FlowFilter.newBuilder().addIpTraceId(7))));
    assertEquals(
        List.of(CLIENT, CLIENT),
        ports(with(FlowFilter.newBuilder().addProtocol("http").addReply(true))));
    assertEquals(List.of(), ports(with(FlowFilter.newBuilder().addDnsQuery(".*"))));
  }

  @Test
  void getFlows_requestAndAnswer_areFlowsOfTheirOwn() {
    request(81, "PUT", "/v1/exhaust-port", 403);
    Iterator<GetFlowsResponse> answers = ask(with(FlowFilter.newBuilder().addHttpMethod("PUT")));
    var request = answers.next().getFlow();
    assertEquals("HTTP/1.1 PUT http://d/v1/exhaust-port", request.getSummary());
    assertEquals(DROPPED, request.getVerdict());
    assertEquals(L7FlowType.REQUEST, request.getL7().getType());
    assertEquals(0, request.getL7().getLatencyNs());
    assertEquals(0, request.getL7().getHttp().getCode());
    assertEquals("tiefighter", request.getSource().getPodName());
    assertEquals(1, request.getIngressDeniedByCount());
    assertTrue(request.hasIsReply());
    assertFalse(request.getL4().getTCP().hasFlags());
    assertEquals("User-Agent", request.getL7().getHttp().getHeaders(1).getKey());
    assertEquals(TRACE, request.getTraceContext().getParent().getTraceId());
    var answer = answers.next().getFlow();
    assertEquals("HTTP/1.1 403 2ms (PUT http://d/v1/exhaust-port)", answer.getSummary());
    assertEquals(129, answer.getEventType().getType());
    assertEquals(FORWARDED, answer.getVerdict());
    assertEquals(L7FlowType.RESPONSE, answer.getL7().getType());
    assertEquals(2_500_000, answer.getL7().getLatencyNs());
    assertEquals("tiefighter", answer.getDestination().getPodName());
    assertEquals(81, answer.getL4().getTCP().getSourcePort());
    assertEquals(INGRESS, answer.getTrafficDirection());
    assertTrue(answer.getIsReply().getValue());
  }

  private void request(int port, String method, String path, int status) {
    Verdict verdict = status == 403 ? Verdict.DENIED : Verdict.ALLOWED;
    Flow flow = flow(verdict, Optional.empty(), "10.0.0.1", "10.0.0.2", port);
    log.acceptRequest(flow, RULE, new HttpAccess("HTTP/1.1", method, path, "d", HEADERS, 0, 0));
    log.acceptResponse(
        flow.reversed(System.nanoTime()),
        RULE,
        new HttpAccess("HTTP/1.1", method, path, "d", HEADERS, status, 2_500_000));
  }

  /** The mask of a client of 1.19, also of fields that no flow here has. */
  @Test
  void getFlows_fieldMaskOfClients_isTaken() {
    allowed("10.0.0.1", "10.0.0.2", 80);
    var mask =
        FieldMask.newBuilder()
            .addAllPaths(
                List.of(
                    "time",
                    "verdict",
                    "ethernet",
                    "IP",
                    "l4",
                    "source.identity",
                    "Type",
                    "node_name",
                    "l7",
                    "event_type",
                    "source_service",
                    "is_reply",
                    "Summary",
                    "ip_trace_id"));
    var answer = ask(GetFlowsRequest.newBuilder().setFirst(true).setFieldMask(mask)).next();
    assertEquals("10.0.0.1", answer.getFlow().getIP().getSource());
    assertEquals("", answer.getFlow().getSource().getPodName());
    refused(
        "field_mask: IP.nothing: no such field of a flow",
        GetFlowsRequest.newBuilder().setFieldMask(FieldMask.newBuilder().addPaths("IP.nothing")));
  }

  @Test
  void getFlows_fieldMask_givesThoseFieldsAlone() {
    allowed("10.0.0.1", "10.0.0.2", 80);
    var answer =
        ask(GetFlowsRequest.newBuilder()
                .setFirst(true)
                .setFieldMask(FieldMask.newBuilder().addPaths("source.pod_name")))
            .next();
    assertEquals("tiefighter", answer.getFlow().getSource().getPodName());
    assertEquals(0, answer.getFlow().getSource().getIdentity());
    assertFalse(answer.getFlow().hasL4());
    assertFalse(answer.hasTime(), "not among them");
  }
}
