// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.core.spi.ProxyPlace.Party;
import io.cilium4j.core.spi.ProxyPlace.Proxied;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.bpf.SkbContext;
import io.cilium4j.datapath.bpf.TestRunOptions;
import io.cilium4j.datapath.ebpf.Meeting.Call;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.memory.Frames;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Real connections that a rule leads through the proxy. */
@KernelTest
class ProxyKernelIT {

  static final int CLIENT = 1001;
  static final int SERVER = 1002;

  /** How long it is waited for what must not come. */
  private static final int SHORT_MILLIS = 200;

  @TempDir Path folder;
  private TestNode node;
  private Pod client;
  private Pod server;
  private TestProxy proxy;

  @BeforeEach
  void start() throws Exception {
    node = new TestNode(folder, Recording.OFF, Routing.NETWORK, Meeting.LISTENERS);
    client = node.pod(2, CLIENT, PolicyMapState.ALLOW_ALL);
    server = node.pod(3, SERVER, Meeting.redirected(TrafficDirection.INGRESS, CLIENT));
    proxy = new TestProxy(node.datapath.proxyPlace().orElseThrow());
  }

  @AfterEach
  void stop() {
    if (proxy != null) {
      proxy.close();
    }
    if (node != null) {
      node.close();
    }
  }

  private static IpAddress address(Pod pod, IpFamily family) {
    return family == IpFamily.IPV4 ? pod.v4() : pod.v6();
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
    assertProxied(client.netns(), server.netns(), address(server, family));
    assertEquals(
        Optional.of(new Proxied(new Party(2, CLIENT), new Party(3, SERVER))),
        proxy.accepted.getLast());
    Flow flow =
        node.flows.stream()
            .filter(each -> each.cookie() == Meeting.COOKIE)
            .findFirst()
            .orElseThrow();
    assertEquals(Verdict.REDIRECTED, flow.verdict());
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void packetForTheProxy_isAddressedToTheDeviceInside(IpFamily family) {
    var way = Frames.between(address(client, family), address(server, family));
    byte[] frame = Frames.bytes(way.tcp(40_000, Meeting.PORT, Frames.SYN));
    BpfFs pins = BpfFs.open(new InstanceNames(TestNode.INSTANCE).pinFolder());
    Path pin = pins.subfolder("programs").pin("cil_from_container");
    try (var program = BpfProgram.openPinned(pin)) {
      var device = SkbContext.on(client.endpoint().device().hostIfindex());
      byte[] sent = program.testRun(frame, TestRunOptions.with(device)).data();
      byte[] inside = node.datapath.proxyPlace().orElseThrow().inside(ProxyKernelIT::deviceAddress);
      assertArrayEquals(inside, Arrays.copyOf(sent, inside.length));
    }
  }

  /** The Ethernet address of the only device of the calling thread's network that has one. */
  private static byte[] deviceAddress() {
    try (Netlink links = Netlink.open()) {
      return links.listLinks("").stream()
          .filter(link -> !link.name().equals("lo"))
          .findFirst()
          .orElseThrow()
          .mac()
          .bytes();
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void podToPod_plainPort_goesPastTheProxy(IpFamily family) throws Exception {
    Meeting met =
        Meeting.of(client.netns(), server.netns(), address(server, family), Meeting.PLAIN_PORT);
    assertEquals(Meeting.QUESTION, met.answer());
    assertEquals(List.of(), proxy.accepted);
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void podToPod_redirectedAtBothEnds_goesThroughTheProxyOnce(IpFamily family) throws Exception {
    node.enforce(client, Meeting.redirected(TrafficDirection.EGRESS, SERVER));
    assertProxied(client.netns(), server.netns(), address(server, family));
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void nodeToPod_redirectedAtIngress_goesThroughTheProxy(IpFamily family) throws Exception {
    node.enforce(server, Meeting.redirected(TrafficDirection.INGRESS, 1));
    try (Netns here = Netns.current()) {
      assertProxied(here, server.netns(), address(server, family));
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void podToNode_redirectedAtEgress_goesThroughTheProxy(IpFamily family) throws Exception {
    node.enforce(client, Meeting.redirected(TrafficDirection.EGRESS, 1));
    try (Netns here = Netns.current()) {
      assertProxied(
          client.netns(), here, family == IpFamily.IPV4 ? TestNode.NODE4 : TestNode.NODE6);
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void connection_withoutProxy_isRefusedAndCountedAndNothingPasses(IpFamily family)
      throws Exception {
    proxy.close();
    long before = refused();
    assertThrows(
        ConnectException.class,
        () -> Meeting.of(client.netns(), server.netns(), address(server, family), Meeting.PORT));
    assertTrue(refused() > before);
    Meeting met =
        Meeting.of(client.netns(), server.netns(), address(server, family), Meeting.PLAIN_PORT);
    assertEquals(Meeting.QUESTION, met.answer(), "others are untouched");
    proxy = new TestProxy(node.datapath.proxyPlace().orElseThrow());
    assertProxied(client.netns(), server.netns(), address(server, family));
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void connection_openWhenARuleComes_isResetAndNothingMorePasses(IpFamily family) throws Exception {
    node.enforce(server, PolicyMapState.ALLOW_ALL);
    try (Call call =
        Call.open(client.netns(), server.netns(), address(server, family), Meeting.PORT)) {
      assertEquals(Meeting.QUESTION, call.ask());
      node.enforce(server, Meeting.redirected(TrafficDirection.INGRESS, CLIENT));
      call.calling().getOutputStream().write(1);
      assertThrows(SocketException.class, () -> call.calling().getInputStream().read());
      call.called().setSoTimeout(SHORT_MILLIS);
      assertThrows(SocketTimeoutException.class, () -> call.called().getInputStream().read());
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void connection_throughTheProxy_goesOnWhenTheRuleIsGone(IpFamily family) throws Exception {
    try (Call call =
        Call.open(client.netns(), server.netns(), address(server, family), Meeting.PORT)) {
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

  @Test
  void restart_withAProxy_takesItsPlaceOver() throws Exception {
    node.restart();
    // Of the process that ended, as its listeners are.
    proxy.close();
    proxy = new TestProxy(node.datapath.proxyPlace().orElseThrow());
    node.enforce(client, PolicyMapState.ALLOW_ALL);
    node.enforce(server, Meeting.redirected(TrafficDirection.INGRESS, CLIENT));
    assertProxied(client.netns(), server.netns(), server.v4());
  }
}
