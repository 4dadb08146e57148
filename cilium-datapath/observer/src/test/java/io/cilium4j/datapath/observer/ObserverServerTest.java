// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static io.cilium4j.datapath.observer.proto.DropReason.POLICY_DENIED;
import static io.cilium4j.datapath.observer.proto.Verdict.DROPPED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.FieldMask;
import com.google.protobuf.Timestamp;
import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Node;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.observer.proto.FlowFilter;
import io.cilium4j.datapath.observer.proto.GetFlowsRequest;
import io.cilium4j.datapath.observer.proto.GetFlowsResponse;
import io.cilium4j.datapath.observer.proto.GetNamespacesRequest;
import io.cilium4j.datapath.observer.proto.GetNodesRequest;
import io.cilium4j.datapath.observer.proto.HealthCheckRequest;
import io.cilium4j.datapath.observer.proto.HealthCheckResponse.ServingStatus;
import io.cilium4j.datapath.observer.proto.ServerStatusRequest;
import io.cilium4j.datapath.observer.proto.peer.ChangeNotification;
import io.cilium4j.datapath.observer.proto.peer.ChangeNotificationType;
import io.cilium4j.datapath.observer.proto.peer.NotifyRequest;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The protocol over a real socket, by messages that were made from the same numbers. */
class ObserverServerTest {

  private static final int TCP = 6;

  private static final RuleOrigin RULE =
      new RuleOrigin(7, "CiliumNetworkPolicy/default/rule1", "spec.ingress[0]");

  private static final Map<String, FlowParty> PARTIES =
      Map.of(
          "10.0.0.1",
              new FlowParty(
                  1, 1001, Labels.parse("k8s:app=x", "k8s:org=empire"), "default", "tiefighter"),
          "10.0.0.2",
              new FlowParty(
                  2, 1002, Labels.parse("k8s:app=y", "k8s:org=alliance"), "default", "xwing"),
          "fd00::3", new FlowParty(3, 1003, Labels.parse("k8s:app=dns"), "kube-system", "dns-0"));

  @TempDir Path folder;

  private final Map<String, Node> nodes = new ConcurrentSkipListMap<>();
  private final MultiThreadIoEventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private FlowLog log;
  private ObserverServer server;
  private ManagedChannel channel;

  @BeforeEach
  void open() throws Exception {
    log =
        new FlowLog(
            cookie -> cookie == 7 ? Optional.of(RULE) : Optional.empty(),
            (address, identity, _) ->
                PARTIES.getOrDefault(
                    address.toString(), new FlowParty(0, identity, Labels.EMPTY, "", "")),
            _ -> true,
            15);
    var address = UnixDomainSocketAddress.of(folder.resolve("hubble.sock"));
    server =
        ObserverServer.start(
            address,
            new ObserverConfig(
                log, () -> Map.copyOf(nodes), "node1", "default", "test 1", Instant.now()));
    channel =
        NettyChannelBuilder.forAddress(address)
            .channelType(NioDomainSocketChannel.class)
            .eventLoopGroup(loop)
            .usePlaintext()
            .build();
  }

  @AfterEach
  void close() throws Exception {
    channel.shutdownNow();
    server.close();
    assertTrue(channel.awaitTermination(10, TimeUnit.SECONDS));
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
  }

  private static Flow flow(
      Verdict verdict, Optional<DropReason> drop, String from, String to, int port) {
    return new Flow(
        System.nanoTime(),
        verdict,
        drop,
        TrafficDirection.INGRESS,
        0,
        2,
        2,
        IpAddress.parse(from),
        IpAddress.parse(to),
        TCP,
        40_000,
        port,
        verdict == Verdict.ALLOWED ? 7 : 0,
        0);
  }

  private void allowed(String from, String to, int port) {
    log.accept(flow(Verdict.ALLOWED, Optional.empty(), from, to, port));
  }

  private void denied(String from, String to, int port) {
    log.accept(flow(Verdict.DENIED, Optional.of(DropReason.POLICY_DENIED), from, to, port));
  }

  private Iterator<GetFlowsResponse> ask(GetFlowsRequest.Builder request) {
    return ClientCalls.blockingServerStreamingCall(
        channel,
        Services.GET_FLOWS,
        CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS),
        request.build());
  }

  private List<Integer> ports(GetFlowsRequest.Builder request) {
    List<Integer> ports = new ArrayList<>();
    ask(request)
        .forEachRemaining(each -> ports.add(each.getFlow().getL4().getTCP().getDestinationPort()));
    return ports;
  }

  private static GetFlowsRequest.Builder with(FlowFilter.Builder filter) {
    return GetFlowsRequest.newBuilder().setFirst(true).addWhitelist(filter);
  }

  @Test
  void getFlows_allowedAndDenied_sayWhoAndWhichRule() {
    allowed("10.0.0.1", "10.0.0.2", 80);
    denied("192.0.2.9", "fd00::3", 53);
    var answers = new ArrayList<GetFlowsResponse>();
    ask(GetFlowsRequest.newBuilder().setFirst(true)).forEachRemaining(answers::add);
    assertEquals(2, answers.size());
    var first = answers.getFirst().getFlow();
    assertEquals("default/node1", first.getNodeName());
    assertEquals("tiefighter", first.getSource().getPodName());
    assertEquals(List.of("k8s:app=x", "k8s:org=empire"), first.getSource().getLabelsList());
    assertEquals(1002, first.getDestination().getIdentity());
    assertEquals("10.0.0.2", first.getIP().getDestination());
    assertEquals(io.cilium4j.datapath.observer.proto.Verdict.FORWARDED, first.getVerdict());
    var rule = first.getIngressAllowedBy(0);
    assertEquals("CiliumNetworkPolicy", rule.getKind());
    assertEquals("default", rule.getNamespace());
    assertEquals("rule1", rule.getName());
    assertTrue(rule.getLabelsList().contains("cilium4j:rule=spec.ingress[0]"));
    assertFalse(first.getIsReply().getValue());
    var second = answers.getLast().getFlow();
    assertEquals(DROPPED, second.getVerdict());
    assertEquals(POLICY_DENIED, second.getDropReasonDesc());
    assertEquals(1, second.getEventType().getType());
    assertEquals(133, second.getEventType().getSubType());
    assertFalse(second.hasIsReply(), "nobody knows");
    assertFalse(first.getUuid().equals(second.getUuid()));
  }

  @Test
  void getFlows_number_givesTheNewestOrTheOldest() {
    for (int port = 1; port <= 10; port++) {
      allowed("10.0.0.1", "10.0.0.2", port);
    }
    assertEquals(List.of(8, 9, 10), ports(GetFlowsRequest.newBuilder().setNumber(3)));
    assertEquals(List.of(1, 2), ports(GetFlowsRequest.newBuilder().setNumber(2).setFirst(true)));
    assertEquals(
        List.of(3, 6),
        ports(
            with(FlowFilter.newBuilder().addDestinationPort("3").addDestinationPort("6"))
                .setFirst(false)
                .setNumber(5)));
  }

  @Test
  void getFlows_sinceAndUntil_givesWhatIsBetween() {
    allowed("10.0.0.1", "10.0.0.2", 1);
    Instant between = log.flows().getFirst().time().plusNanos(1);
    log.accept(
        new Flow(
            System.nanoTime() + 5_000_000,
            Verdict.ALLOWED,
            Optional.empty(),
            TrafficDirection.EGRESS,
            0,
            2,
            2,
            IpAddress.parse("10.0.0.1"),
            IpAddress.parse("10.0.0.2"),
            TCP,
            1,
            2,
            0,
            0));
    Timestamp time = FlowMessages.timestamp(between);
    assertEquals(List.of(2), ports(GetFlowsRequest.newBuilder().setSince(time)));
    assertEquals(List.of(1), ports(GetFlowsRequest.newBuilder().setFirst(true).setUntil(time)));
  }

  @Test
  void getFlows_filters_allFieldsAndOneValue() {
    allowed("10.0.0.1", "10.0.0.2", 80);
    denied("10.0.0.2", "10.0.0.1", 81);
    allowed("10.0.0.1", "fd00::3", 53);
    var any = FlowFilter.newBuilder();
    assertEquals(List.of(80, 81, 53), ports(with(any)));
    assertEquals(
        List.of(81),
        ports(with(FlowFilter.newBuilder().addVerdict(DROPPED).addSourcePod("default/xw"))));
    assertEquals(
        List.of(), ports(with(FlowFilter.newBuilder().addVerdict(DROPPED).addSourcePod("tie"))));
    assertEquals(
        List.of(53), ports(with(FlowFilter.newBuilder().addDestinationPod("kube-system/"))));
    assertEquals(
        List.of(80, 53), ports(with(FlowFilter.newBuilder().addSourceLabel("org in (empire, x)"))));
    assertEquals(
        List.of(81, 53),
        ports(
            with(
                FlowFilter.newBuilder()
                    .addDestinationLabel("k8s:app=x")
                    .addDestinationLabel("!org"))));
    assertEquals(List.of(53), ports(with(FlowFilter.newBuilder().addDestinationIp("fd00::/64"))));
    assertEquals(List.of(53), ports(with(FlowFilter.newBuilder().addDestinationIdentity(1003))));
    assertEquals(
        List.of(81), ports(with(FlowFilter.newBuilder().addDropReasonDesc(POLICY_DENIED))));
    assertEquals(List.of(), ports(with(FlowFilter.newBuilder().addProtocol("udp"))));
    assertEquals(
        List.of(80, 81, 53), ports(with(FlowFilter.newBuilder().addNodeName("def*/node1"))));
    assertEquals(List.of(), ports(with(FlowFilter.newBuilder().addNodeName("node2"))));
    assertEquals(
        List.of(80, 53),
        ports(
            GetFlowsRequest.newBuilder()
                .setFirst(true)
                .addBlacklist(FlowFilter.newBuilder().addDropReasonDesc(POLICY_DENIED))));
  }

  @Test
  void getFlows_filterThatCannotBeCarriedOut_isRefusedByName() {
    refused("filter source_fqdn: not supported", FlowFilter.newBuilder().addSourceFqdn("x.org"));
    refused(
        "filter destination_port: \"http\": wanted a port, 0 to 65535",
        FlowFilter.newBuilder().addDestinationPort("http"));
    refused(
        "filter source_label: label selector: \"a=b=c\": not understood",
        FlowFilter.newBuilder().addSourceLabel("a=b=c"));
    refused("filter protocol: \"dns\": not supported", FlowFilter.newBuilder().addProtocol("dns"));
    refused(
        "first cannot be specified with follow",
        GetFlowsRequest.newBuilder().setFirst(true).setFollow(true));
  }

  private void refused(String message, FlowFilter.Builder filter) {
    refused(message, with(filter));
  }

  private void refused(String message, GetFlowsRequest.Builder request) {
    Status status =
        assertThrows(StatusRuntimeException.class, () -> ask(request).hasNext()).getStatus();
    assertEquals(Status.Code.INVALID_ARGUMENT, status.getCode());
    assertEquals(message, status.getDescription());
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
  }

  @Test
  void getFlows_follow_givesWhatComesAndTellsWhatWasLost() {
    allowed("10.0.0.1", "10.0.0.2", 1);
    Iterator<GetFlowsResponse> flows =
        ask(GetFlowsRequest.newBuilder().setFollow(true).setNumber(1));
    assertEquals(1, flows.next().getFlow().getL4().getTCP().getDestinationPort());
    allowed("10.0.0.1", "10.0.0.2", 2);
    assertEquals(2, flows.next().getFlow().getL4().getTCP().getDestinationPort());
    // More than the ring keeps and the client's window holds, without a read in between.
    int sent = 20_000;
    for (int i = 0; i < sent; i++) {
      allowed("10.0.0.1", "10.0.0.2", 3);
    }
    long got = 0;
    long lost = 0;
    while (got + lost < sent) {
      GetFlowsResponse answer = flows.next();
      if (answer.hasLostEvents()) {
        lost += answer.getLostEvents().getNumEventsLost();
      } else {
        got++;
      }
    }
    assertEquals(sent, got + lost);
    assertTrue(lost > 0, "a ring of 15 cannot keep them");
  }

  @Test
  void serverStatus_afterFlows_countsThem() {
    for (int i = 0; i < 20; i++) {
      allowed("10.0.0.1", "fd00::3", 1);
    }
    var status =
        ClientCalls.blockingUnaryCall(
            channel,
            Services.SERVER_STATUS,
            CallOptions.DEFAULT,
            ServerStatusRequest.getDefaultInstance());
    assertEquals(15, status.getNumFlows());
    assertEquals(15, status.getMaxFlows());
    assertEquals(20, status.getSeenFlows());
    assertEquals("test 1", status.getVersion());
    var namespaces =
        ClientCalls.blockingUnaryCall(
            channel,
            Services.GET_NAMESPACES,
            CallOptions.DEFAULT,
            GetNamespacesRequest.getDefaultInstance());
    assertEquals(
        List.of("default", "kube-system"),
        namespaces.getNamespacesList().stream().map(each -> each.getNamespace()).toList());
  }

  @Test
  void check_ofServices_serves() {
    var request = HealthCheckRequest.newBuilder().setService(Services.OBSERVER);
    assertEquals(
        ServingStatus.SERVING,
        ClientCalls.blockingUnaryCall(channel, Services.CHECK, CallOptions.DEFAULT, request.build())
            .getStatus());
    assertThrows(
        StatusRuntimeException.class,
        () ->
            ClientCalls.blockingUnaryCall(
                channel, Services.CHECK, CallOptions.DEFAULT, request.setService("other").build()));
  }

  @Test
  void notify_nodesThatComeAndGo_areTold() {
    nodes.put("node1", new Node("node1", List.of(IpAddress.parse("192.0.2.1")), List.of()));
    Iterator<ChangeNotification> peers =
        ClientCalls.blockingServerStreamingCall(
            channel,
            Services.NOTIFY,
            CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS),
            NotifyRequest.getDefaultInstance());
    ChangeNotification first = peers.next();
    assertEquals("default/node1", first.getName());
    assertEquals("192.0.2.1:4244", first.getAddress());
    assertEquals(ChangeNotificationType.PEER_ADDED, first.getType());
    nodes.put("node2", new Node("node2", List.of(IpAddress.parse("2001:db8::2")), List.of()));
    assertEquals("[2001:db8::2]:4244", peers.next().getAddress());
    nodes.put("node2", new Node("node2", List.of(IpAddress.parse("2001:db8::3")), List.of()));
    assertEquals(ChangeNotificationType.PEER_UPDATED, peers.next().getType());
    nodes.remove("node2");
    assertEquals(ChangeNotificationType.PEER_DELETED, peers.next().getType());
    var all =
        ClientCalls.blockingUnaryCall(
            channel, Services.GET_NODES, CallOptions.DEFAULT, GetNodesRequest.getDefaultInstance());
    assertEquals("default/node1", all.getNodes(0).getName());
    assertEquals(1, all.getNodesCount());
  }
}
