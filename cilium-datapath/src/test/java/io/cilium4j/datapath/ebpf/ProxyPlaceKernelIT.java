// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.bpf.SkbContext;
import io.cilium4j.datapath.bpf.TestRunOptions;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.memory.Frames;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Netlink;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.SocketException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the programs do with the proxy's place, and what becomes of it with the process. */
@KernelTest
class ProxyPlaceKernelIT {

  private static final int CLIENT = 1001;
  private static final int SERVER = 1002;

  /** The first port that systems choose clients' ports from. */
  private static final int FIRST_OF_CLIENTS = 32_768;

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
      byte[] inside =
          node.datapath.proxyPlace().orElseThrow().inside(ProxyPlaceKernelIT::deviceAddress);
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

  /** A question through a service would be refused where its port is that of another flow. */
  @Test
  void ports_ofWhatTheProxyAsks_areNoneThatClientsAreGiven() {
    assertOwnPorts();
    node.restart();
    assertOwnPorts();
  }

  private void assertOwnPorts() {
    for (int i = 0; i < 20; i++) {
      int port = node.datapath.proxyPlace().orElseThrow().inside(ProxyPlaceKernelIT::portOfASocket);
      assertTrue(port < FIRST_OF_CLIENTS, () -> "port " + port);
    }
  }

  private static int portOfASocket() {
    try (var socket = new DatagramSocket()) {
      return socket.getLocalPort();
    } catch (SocketException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void restart_withAProxy_takesItsPlaceOver() throws Exception {
    node.restart();
    // Of the process that ended, as its listeners are.
    proxy.close();
    proxy = new TestProxy(node.datapath.proxyPlace().orElseThrow());
    node.enforce(client, PolicyMapState.ALLOW_ALL);
    node.enforce(server, Meeting.redirected(TrafficDirection.INGRESS, CLIENT));
    Meeting met = Meeting.of(client.netns(), server.netns(), server.v4(), Meeting.PORT);
    assertEquals(Meeting.QUESTION, met.answer());
    assertEquals(1, proxy.accepted.size());
  }
}
