// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.PolicyMatch;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.observer.proto.FlowFilter;
import io.cilium4j.datapath.observer.proto.GetFlowsRequest;
import io.cilium4j.datapath.observer.proto.GetFlowsResponse;
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
import org.junit.jupiter.api.io.TempDir;

/** An observer at a real socket, and a client of messages that were made from the same numbers. */
abstract class ObserverTests {

  static final int TCP = 6;
  static final int PROXY_PORT = 10_080;

  static final RuleOrigin RULE =
      new RuleOrigin(7, "CiliumNetworkPolicy/default/rule1", "spec.ingress[0]", "told");

  private static final FlowLog.Rules RULES =
      new FlowLog.Rules() {
        @Override
        public Optional<RuleOrigin> origin(int cookie) {
          return cookie == 7 ? Optional.of(RULE) : Optional.empty();
        }

        @Override
        public long revision() {
          return 42;
        }
      };

  static final Map<String, FlowParty> PARTIES =
      Map.of(
          "10.0.0.1",
              new FlowParty(
                  1,
                  1001,
                  Labels.parse(
                      "k8s:app=x", "k8s:org=empire", "k8s:io.cilium.k8s.policy.cluster=default"),
                  "default",
                  "tiefighter",
                  new FlowParty.Facts(
                      Optional.of(new Pod.Workload("Deployment", "ties")),
                      Optional.empty(),
                      List.of(),
                      Optional.of(new FlowParty.Device(11, "lxc1")))),
          "10.0.0.2",
              new FlowParty(
                  2, 1002, Labels.parse("k8s:app=y", "k8s:org=alliance"), "default", "xwing"),
          "fd00::3",
              new FlowParty(
                  3,
                  1003,
                  Labels.parse("k8s:app=dns"),
                  "kube-system",
                  "dns-0",
                  new FlowParty.Facts(
                      Optional.empty(),
                      Optional.of(new ResourceKey("Service", "kube-system", "kube-dns")),
                      List.of("dns.example.org"),
                      Optional.empty())));

  @TempDir Path folder;

  final Map<String, Node> nodes = new ConcurrentSkipListMap<>();
  final MultiThreadIoEventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  final AgentNotes events = new AgentNotes();
  FlowLog log;
  ObserverServer server;
  ManagedChannel channel;

  @BeforeEach
  void open() throws Exception {
    log =
        new FlowLog(
            RULES,
            _ -> PolicyMatch.L3_L4,
            end ->
                PARTIES.getOrDefault(
                    end.address().toString(),
                    new FlowParty(0, end.identity(), Labels.EMPTY, "", "")),
            _ -> true,
            15);
    var address = UnixDomainSocketAddress.of(folder.resolve("hubble.sock"));
    server =
        ObserverServer.start(
            address,
            new ObserverConfig(
                log,
                events,
                () -> Map.copyOf(nodes),
                "node1",
                "default",
                "test 1",
                Instant.now(),
                ObserverServer.DEFAULT_PORT,
                false,
                PROXY_PORT));
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

  static final Flow flow(
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
        0,
        0,
        Optional.empty());
  }

  final void allowed(String from, String to, int port) {
    log.accept(flow(Verdict.ALLOWED, Optional.empty(), from, to, port));
  }

  final void denied(String from, String to, int port) {
    log.accept(flow(Verdict.DENIED, Optional.of(DropReason.POLICY_DENIED), from, to, port));
  }

  final Iterator<GetFlowsResponse> ask(GetFlowsRequest.Builder request) {
    return ClientCalls.blockingServerStreamingCall(
        channel,
        Services.GET_FLOWS,
        CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS),
        request.build());
  }

  final List<Integer> ports(GetFlowsRequest.Builder request) {
    List<Integer> ports = new ArrayList<>();
    ask(request)
        .forEachRemaining(each -> ports.add(each.getFlow().getL4().getTCP().getDestinationPort()));
    return ports;
  }

  static final GetFlowsRequest.Builder with(FlowFilter.Builder filter) {
    return GetFlowsRequest.newBuilder().setFirst(true).addWhitelist(filter);
  }

  final void refused(String message, FlowFilter.Builder filter) {
    refused(message, with(filter));
  }

  final void refused(String message, GetFlowsRequest.Builder request) {
    Status status =
        assertThrows(StatusRuntimeException.class, () -> ask(request).hasNext()).getStatus();
    assertEquals(Status.Code.INVALID_ARGUMENT, status.getCode());
    assertEquals(message, status.getDescription());
  }
}
