// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.util.Timestamps;
import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Node;
import io.cilium4j.core.PolicyMatch;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.observer.TestAuthority.Signed;
import io.cilium4j.datapath.observer.proto.GetFlowsRequest;
import io.cilium4j.datapath.observer.proto.GetFlowsResponse;
import io.cilium4j.datapath.observer.proto.peer.ChangeNotification;
import io.cilium4j.datapath.observer.proto.peer.NotifyRequest;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.ssl.SslContext;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a relay does: it asks one node for all, and each of them for its flows. */
class RelayTest {
  private static final List<String> ADDRESSES = List.of("127.0.0.1", "127.0.0.2");

  @TempDir Path folder;

  private final MultiThreadIoEventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());

  private final List<FlowLog> logs = List.of(log(), log());

  @AfterEach
  void close() throws Exception {
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
  }

  private static FlowLog log() {
    return new FlowLog(
        _ -> Optional.empty(),
        _ -> PolicyMatch.NONE,
        end -> new FlowParty(0, end.identity(), Labels.EMPTY, "", ""),
        _ -> true,
        15);
  }

  private ObserverServer node(int number, int port, TestAuthority authority) throws Exception {
    Map<String, Node> nodes =
        Map.of("n.1", node("n.1", ADDRESSES.getFirst()), "n2", node("n2", ADDRESSES.getLast()));
    Signed own = authority.sign((number == 0 ? "n-1" : "n2") + ".prod-1.hubble-grpc.cilium.io");
    return ObserverServer.start(
        new InetSocketAddress(InetAddress.getByName(ADDRESSES.get(number)), port),
        new ObserverConfig(
            logs.get(number),
            new AgentNotes(),
            () -> nodes,
            number == 0 ? "n.1" : "n2",
            "prod.1",
            "test 1",
            Instant.now(),
            port,
            true),
        new TlsFiles(own.certificate(), own.key(), List.of(authority.certificate())));
  }

  private static Node node(String name, String address) {
    return new Node(name, List.of(IpAddress.parse(address)), List.of());
  }

  private void happen(int node, int destinationPort) {
    logs.get(node)
        .accept(
            ObserverTests.flow(
                Verdict.DENIED,
                Optional.of(DropReason.INVALID_PACKET),
                "10.0.0.1",
                "10.0.0.2",
                destinationPort));
  }

  /** A connection to a node, which must have the certificate of that name. */
  private ManagedChannel connect(String address, String name, SslContext tls) {
    URI uri = URI.create("tcp://" + address);
    return NettyChannelBuilder.forAddress(uri.getHost(), uri.getPort())
        .channelType(NioSocketChannel.class)
        .eventLoopGroup(loop)
        .sslContext(tls)
        .overrideAuthority(name)
        .build();
  }

  @Test
  void relay_overTwoNodes_findsThemAndMergesTheirFlows() throws Exception {
    var authority = new TestAuthority(folder, "one");
    Signed relay = authority.sign("relay");
    SslContext tls =
        GrpcSslContexts.forClient()
            .trustManager(authority.certificate().toFile())
            .keyManager(relay.certificate().toFile(), relay.key().toFile())
            .build();
    int port;
    try (var socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    List<GetFlowsResponse> flows = new ArrayList<>();
    try (var _ = node(0, port, authority);
        var _ = node(1, port, authority)) {
      happen(0, 1);
      happen(1, 2);
      happen(0, 3);
      for (ChangeNotification peer : peers(port, tls)) {
        ManagedChannel channel = connect(peer.getAddress(), peer.getTls().getServerName(), tls);
        ClientCalls.blockingServerStreamingCall(
                channel,
                Services.GET_FLOWS,
                CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS),
                GetFlowsRequest.newBuilder().setNumber(100).build())
            .forEachRemaining(flows::add);
        channel.shutdownNow();
        assertTrue(channel.awaitTermination(10, TimeUnit.SECONDS));
      }
    }
    flows.sort(Comparator.comparing(GetFlowsResponse::getTime, Timestamps.comparator()));
    assertEquals(
        List.of("prod.1/n.1 1", "prod.1/n2 2", "prod.1/n.1 3"),
        flows.stream()
            .map(each ->
                each.getNodeName() + " " + each.getFlow().getL4().getTCP().getDestinationPort())
            .toList());
  }

  /** The nodes, as the first one tells them. */
  private List<ChangeNotification> peers(int port, SslContext tls) throws Exception {
    ManagedChannel channel =
        connect(ADDRESSES.getFirst() + ":" + port, "n-1.prod-1.hubble-grpc.cilium.io", tls);
    Iterator<ChangeNotification> told =
        ClientCalls.blockingServerStreamingCall(
            channel,
            Services.NOTIFY,
            CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS),
            NotifyRequest.getDefaultInstance());
    List<ChangeNotification> peers = List.of(told.next(), told.next());
    channel.shutdownNow();
    assertTrue(channel.awaitTermination(10, TimeUnit.SECONDS));
    assertEquals(
        List.of("prod.1/n.1", "prod.1/n2"),
        peers.stream().map(ChangeNotification::getName).sorted().toList());
    return peers;
  }
}
