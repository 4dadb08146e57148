// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Timestamp;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.Node;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.observer.proto.AgentEventType;
import io.cilium4j.datapath.observer.proto.FlowFilter;
import io.cilium4j.datapath.observer.proto.GetAgentEventsRequest;
import io.cilium4j.datapath.observer.proto.GetAgentEventsResponse;
import io.cilium4j.datapath.observer.proto.GetDebugEventsRequest;
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
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The protocol's calls over a real socket. */
class ObserverServerTest extends ObserverTests {
  @Test
  void getFlows_number_givesTheNewestOrTheOldest() {
    for (int port = 1; port <= 10; port++) {
      allowed("10.0.0.1", "10.0.0.2", port);
    }
    assertEquals(List.of(8, 9, 10), ports(GetFlowsRequest.newBuilder().setNumber(3)));
    assertEquals(10, ports(GetFlowsRequest.newBuilder().setNumber(-1)).size(), "all");
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
            0,
            0,
            Optional.empty()));
    Timestamp time = FlowMessages.timestamp(between);
    assertEquals(List.of(2), ports(GetFlowsRequest.newBuilder().setSince(time)));
    assertEquals(List.of(1), ports(GetFlowsRequest.newBuilder().setFirst(true).setUntil(time)));
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
  void getFlows_readerThatStops_costsOthersNothing() {
    ManagedChannel own =
        NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(folder.resolve("hubble.sock")))
            .channelType(NioDomainSocketChannel.class)
            .eventLoopGroup(loop)
            .usePlaintext()
            .build();
    allowed("10.0.0.1", "10.0.0.2", 1);
    ClientCall<GetFlowsRequest, GetFlowsResponse> stopped =
        own.newCall(Services.GET_FLOWS, CallOptions.DEFAULT);
    stopped.start(new ClientCall.Listener<>() {}, new Metadata());
    stopped.sendMessage(GetFlowsRequest.newBuilder().setFollow(true).build());
    stopped.halfClose(); // It asks for no answer, and so nobody may send it more than fits.
    Iterator<GetFlowsResponse> other =
        ask(GetFlowsRequest.newBuilder().setFollow(true).setNumber(1));
    assertEquals(1, other.next().getFlow().getL4().getTCP().getDestinationPort());
    for (int i = 0; i < 500; i++) {
      // As many as the ring keeps for who reads them in time.
      for (int port = 2; port < 12; port++) {
        allowed("10.0.0.1", "10.0.0.2", port);
      }
      for (int port = 2; port < 12; port++) {
        GetFlowsResponse answer = other.next();
        assertEquals(
            port, answer.getFlow().getL4().getTCP().getDestinationPort(), answer::toString);
      }
    }
    stopped.cancel("enough", null);
    own.shutdownNow();
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
    var request = HealthCheckRequest.newBuilder().setService("hubble.server.Observer");
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
    assertEquals("node1", first.getName());
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

  @Test
  void getAgentEvents_ofEachKind_areToldInOrder() {
    var endpoint =
        new Endpoint(
            7,
            "default",
            "web",
            Labels.parse("k8s:app=web"),
            1001,
            List.of(IpAddress.parse("10.0.0.1")),
            new EndpointInterface(
                "lxc7",
                7,
                MacAddress.parse("02:00:00:00:00:01"),
                MacAddress.parse("02:00:00:00:00:02"),
                "/run/netns/web"),
            Map.of(),
            EndpointState.READY);
    var entry = new IpcacheEntry(IpPrefix.parse("10.0.0.1/32"), 1001, Optional.empty());
    events.add(new AgentNote.Started(Instant.EPOCH));
    events.add(new AgentNote.PolicyChanged(false, List.of("k8s:a=b"), 3, 2));
    events.add(new AgentNote.PolicyChanged(true, List.of(), 4, 1));
    events.add(new AgentNote.EndpointChanged(false, endpoint));
    events.add(new AgentNote.EndpointRegenerated(endpoint, Optional.empty()));
    events.add(new AgentNote.EndpointRegenerated(endpoint, Optional.of("no room")));
    events.add(new AgentNote.EndpointChanged(true, endpoint));
    events.add(new AgentNote.IpcacheChanged(false, entry, Optional.of(entry)));
    events.add(new AgentNote.IpcacheChanged(true, entry, Optional.empty()));
    var answers = new ArrayList<GetAgentEventsResponse>();
    agentEvents(GetAgentEventsRequest.newBuilder().setFirst(true)).forEachRemaining(answers::add);
    assertEquals(
        List.of(
            AgentEventType.AGENT_STARTED,
            AgentEventType.POLICY_UPDATED,
            AgentEventType.POLICY_DELETED,
            AgentEventType.ENDPOINT_CREATED,
            AgentEventType.ENDPOINT_REGENERATE_SUCCESS,
            AgentEventType.ENDPOINT_REGENERATE_FAILURE,
            AgentEventType.ENDPOINT_DELETED,
            AgentEventType.IPCACHE_UPSERTED,
            AgentEventType.IPCACHE_DELETED),
        answers.stream().map(each -> each.getAgentEvent().getType()).toList());
    assertEquals(3, answers.get(1).getAgentEvent().getPolicyUpdate().getRevision());
    assertEquals("no room", answers.get(5).getAgentEvent().getEndpointRegenerate().getError());
    assertEquals("default", answers.get(6).getAgentEvent().getEndpointUpdate().getNamespace());
    assertTrue(answers.get(7).getAgentEvent().getIpcacheUpdate().hasOldIdentity());
    assertFalse(answers.get(8).getAgentEvent().getIpcacheUpdate().hasOldIdentity());
    var last = agentEvents(GetAgentEventsRequest.newBuilder().setNumber(1)).next();
    assertEquals(AgentEventType.IPCACHE_DELETED, last.getAgentEvent().getType());
    assertEquals("default/node1", last.getNodeName());
  }

  private Iterator<GetAgentEventsResponse> agentEvents(GetAgentEventsRequest.Builder request) {
    return ClientCalls.blockingServerStreamingCall(
        channel,
        Services.GET_AGENT_EVENTS,
        CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS),
        request.build());
  }

  @Test
  void getDebugEvents_areNone() {
    assertFalse(
        ClientCalls.blockingServerStreamingCall(
                channel,
                Services.GET_DEBUG_EVENTS,
                CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS),
                GetDebugEventsRequest.getDefaultInstance())
            .hasNext());
  }
}
