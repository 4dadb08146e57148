// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.core.spi.ProxyPlace.Party;
import io.cilium4j.core.spi.ProxyPlace.Proxied;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.Meeting.Call;
import io.cilium4j.datapath.ebpf.TwoNodes.Node;
import io.cilium4j.datapath.ebpf.TwoNodes.Pod;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.Nft;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Real connections that a rule leads through the proxy, with each datapath in turn. */
@KernelTest
@ParameterizedClass(name = "in user space: {0}")
@ValueSource(booleans = {false, true})
class ProxyKernelIT {

  static final int CLIENT = 1001;
  static final int SERVER = 1002;

  /** How long it is waited for what must not come. */
  private static final int SHORT_MILLIS = 200;

  @TempDir Path folder;
  @Parameter boolean inUserSpace;
  private TwoNodes nodes;
  private Node node;
  private Pod client;
  private Pod server;
  private TestProxy proxy;

  @BeforeEach
  void start() throws Exception {
    nodes = new TwoNodes(folder, Routing.DIRECT, inUserSpace, Meeting.LISTENERS);
    node = nodes.first;
    client = node.pod(2, CLIENT, PolicyMapState.ALLOW_ALL);
    server = node.pod(3, SERVER, Meeting.redirected(TrafficDirection.INGRESS, CLIENT));
    if (inUserSpace) {
      awaitGuard();
    }
    proxy = new TestProxy(node.datapath.proxyPlace().orElseThrow());
  }

  /**
   * A program that starts holds the sockets of this process for a moment, also one that is closed
   * just then: nobody starts one any more when the table of the last pod is written.
   */
  private void awaitGuard() {
    Nft nft = Nft.find().orElseThrow();
    // Both pods in one: their addresses are side by side.
    String wanted = client.address(IpFamily.IPV6) + "/127";
    Instant end = Instant.now().plusSeconds(10);
    while (!node.netns
        .call(() -> nft.list("inet", "cilium4j_dpnode1_forged").orElse(""))
        .contains(wanted)) {
      assertTrue(Instant.now().isBefore(end), "the table of forged sources is not written");
    }
  }

  @AfterEach
  void stop() {
    if (proxy != null) {
      proxy.close();
    }
    if (nodes != null) {
      nodes.close();
    }
  }

  private void assertProxied(Netns from, Netns at, IpAddress to) throws IOException {
    int before = proxy.accepted.size();
    Meeting met = Meeting.of(from, at, to, Meeting.PORT);
    assertEquals(Meeting.QUESTION, met.answer());
    assertEquals(met.client(), met.seenByServer());
    assertEquals(before + 1, proxy.accepted.size(), "the proxy saw it");
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void podToPod_redirectedAtIngress_goesThroughTheProxyAndTheServerSeesTheClient(IpFamily family)
      throws Exception {
    assertProxied(client.netns(), server.netns(), server.address(family));
    assertEquals(
        Optional.of(new Proxied(new Party(2, CLIENT), new Party(3, SERVER))),
        proxy.accepted.getLast());
    Flow flow =
        node.flows.stream()
            .filter(each -> each.cookie() == Meeting.COOKIE)
            .findFirst()
            .orElseThrow();
    assertEquals(Verdict.REDIRECTED, flow.verdict());
    assertTracedToTheProxy(TrafficDirection.INGRESS, 3);
  }

  /** Both ways, at the end whose rules send it there. */
  private void assertTracedToTheProxy(TrafficDirection direction, int endpoint) {
    for (FlowTrace.Life life : List.of(FlowTrace.Life.NEW, FlowTrace.Life.REPLY)) {
      var wanted = new FlowTrace(FlowTrace.Point.TO_PROXY, life);
      Flow flow = node.awaitFlow(each -> each.trace().filter(wanted::equals).isPresent());
      assertEquals(direction, flow.direction(), life::toString);
      assertEquals(endpoint, flow.endpointId(), life::toString);
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void podToPod_plainPort_goesPastTheProxy(IpFamily family) throws Exception {
    Meeting met =
        Meeting.of(client.netns(), server.netns(), server.address(family), Meeting.PLAIN_PORT);
    assertEquals(Meeting.QUESTION, met.answer());
    assertEquals(List.of(), proxy.accepted);
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void podToPod_redirectedAtBothEnds_goesThroughTheProxyOnce(IpFamily family) throws Exception {
    node.enforce(client, Meeting.redirected(TrafficDirection.EGRESS, SERVER));
    assertProxied(client.netns(), server.netns(), server.address(family));
    assertTracedToTheProxy(TrafficDirection.EGRESS, 2);
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void nodeToPod_redirectedAtIngress_goesThroughTheProxy(IpFamily family) throws Exception {
    node.enforce(server, Meeting.redirected(TrafficDirection.INGRESS, 1));
    assertProxied(node.netns, server.netns(), server.address(family));
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void podToNode_redirectedAtEgress_goesThroughTheProxy(IpFamily family) throws Exception {
    node.enforce(client, Meeting.redirected(TrafficDirection.EGRESS, 1));
    assertProxied(client.netns(), node.netns, node.router(family));
    assertTracedToTheProxy(TrafficDirection.EGRESS, 2);
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void connection_withoutProxy_isRefusedAndCountedAndNothingPasses(IpFamily family)
      throws Exception {
    proxy.close();
    long before = refused();
    assertThrows(
        ConnectException.class,
        () -> Meeting.of(client.netns(), server.netns(), server.address(family), Meeting.PORT));
    assertTrue(refused() > before);
    Meeting met =
        Meeting.of(client.netns(), server.netns(), server.address(family), Meeting.PLAIN_PORT);
    assertEquals(Meeting.QUESTION, met.answer(), "others are untouched");
    proxy = new TestProxy(node.datapath.proxyPlace().orElseThrow());
    assertProxied(client.netns(), server.netns(), server.address(family));
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void connection_openWhenARuleComes_isResetAndNothingMorePasses(IpFamily family) throws Exception {
    node.enforce(server, PolicyMapState.ALLOW_ALL);
    try (Call call =
        Call.open(client.netns(), server.netns(), server.address(family), Meeting.PORT)) {
      assertEquals(Meeting.QUESTION, call.ask());
      node.enforce(server, Meeting.redirected(TrafficDirection.INGRESS, CLIENT));
      // By this packet, or by the kernel's own about the answer, if that comes so late.
      assertThrows(
          SocketException.class,
          () -> {
            call.calling().getOutputStream().write(1);
            call.calling().getInputStream().read();
          });
      call.called().setSoTimeout(SHORT_MILLIS);
      assertThrows(SocketTimeoutException.class, () -> call.called().getInputStream().read());
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void connection_throughTheProxy_goesOnWhenTheRuleIsGone(IpFamily family) throws Exception {
    try (Call call =
        Call.open(client.netns(), server.netns(), server.address(family), Meeting.PORT)) {
      assertEquals(Meeting.QUESTION, call.ask());
      node.enforce(server, PolicyMapState.ALLOW_ALL);
      assertEquals(Meeting.QUESTION, call.ask());
      node.enforce(server, PolicyMapState.DENY_ALL);
      call.calling().setSoTimeout(SHORT_MILLIS);
      assertThrows(SocketTimeoutException.class, call::ask, "what L4 denies the proxy cannot pass");
    }
    assertEquals(1, proxy.accepted.size());
  }

  private long refused() {
    return node.datapath.traffic().stream()
        .filter(each -> each.drop().equals(Optional.of(DropReason.PROXY_GONE)))
        .mapToLong(Traffic::packets)
        .sum();
  }
}
