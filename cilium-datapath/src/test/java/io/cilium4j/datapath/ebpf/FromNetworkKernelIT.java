// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.datapath.bpf.BpfLink;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.Direction;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Nobody outside is somebody inside: forged sources, and the hook that finds them. */
@KernelTest
class FromNetworkKernelIT {

  private static final int PORT = 8080;
  private static final int ALLOWED_MILLIS = 5000;
  private static final int DENIED_MILLIS = 300;

  @TempDir Path folder;
  private NetworkedNode node;
  private Pod server;
  private Pod other;

  @BeforeEach
  void start() {
    node = new NetworkedNode(folder);
    server = pod(2, 1001);
    other = pod(3, 1002);
  }

  @AfterEach
  void stop() {
    if (node != null) {
      node.close();
    }
  }

  private Pod pod(int id, int identity) {
    return node.fromNode(test -> test.pod(id, identity, PolicyMapState.ALLOW_ALL));
  }

  @ParameterizedTest
  @EnumSource
  void source_ofSomebodyOutside_passes(IpFamily family) throws Exception {
    assertTrue(arrives(NetworkedNode.address(family, 2), address(server, family), ALLOWED_MILLIS));
    assertTrue(EbpfDatapathKernelIT.tcp(node.outside(), server.netns(), address(server, family)));
    assertTrue(
        EbpfDatapathKernelIT.tcp(server.netns(), node.outside(), NetworkedNode.address(family, 2)));
    assertEquals(0, drops());
  }

  @ParameterizedTest
  @EnumSource
  void source_ofALocalPod_isDroppedAndTold(IpFamily family) throws Exception {
    assertForgery(family, address(other, family), address(server, family));
  }

  @ParameterizedTest
  @EnumSource
  void source_ofTheNode_isDroppedAndTold(IpFamily family) throws Exception {
    boolean isV4 = family == IpFamily.IPV4;
    assertForgery(family, isV4 ? TestNode.NODE4 : TestNode.NODE6, address(server, family));
    assertForgery(family, NetworkedNode.address(family, 1), address(server, family));
  }

  /** The node's own sockets believe no forged pod either. */
  @ParameterizedTest
  @EnumSource
  void source_ofALocalPodToTheNode_isDroppedAndTold(IpFamily family) throws Exception {
    IpAddress router = NetworkedNode.address(family, 1);
    assertTrue(arrives(node.node(), NetworkedNode.address(family, 2), router, ALLOWED_MILLIS));
    long before = drops();
    assertFalse(arrives(node.node(), address(other, family), router, DENIED_MILLIS));
    assertEquals(before + 1, drops());
  }

  private void assertForgery(IpFamily family, IpAddress source, IpAddress target) throws Exception {
    assertTrue(arrives(NetworkedNode.address(family, 2), target, ALLOWED_MILLIS), "would be seen");
    long before = drops();
    assertFalse(arrives(source, target, DENIED_MILLIS));
    assertEquals(before + 1, drops());
    await(() ->
        node.test().flows.stream()
            .anyMatch(flow ->
                flow.drop().equals(Optional.of(DropReason.INVALID_SOURCE_IP))
                    && isFrom(flow, source, target)));
  }

  private static boolean isFrom(Flow flow, IpAddress source, IpAddress target) {
    return flow.source().equals(source)
        && flow.destination().equals(target)
        && flow.direction() == TrafficDirection.INGRESS;
  }

  /** Another program behind ours on the device sees what ours lets through. */
  @Test
  void program_ofSomebodyElse_runsBehindOurs() throws Exception {
    IpAddress outside = NetworkedNode.address(IpFamily.IPV4, 2);
    Path seam = Path.of("target/test-classes/io/cilium4j/datapath/bpf/seam.bpf.o");
    try (BpfObject object = BpfObject.open(seam).load();
        BpfProgram drop = object.program("drop")) {
      try (BpfLink _ =
          node.fromNode(_ -> BpfLink.attachTcx(drop, node.uplink(), Direction.INGRESS))) {
        assertFalse(arrives(outside, server.v4(), DENIED_MILLIS));
      }
      assertTrue(arrives(outside, server.v4(), ALLOWED_MILLIS));
    }
  }

  @Test
  void hook_outlivesTheProcessAndIsGivenTheNewProgram() throws Exception {
    long before = drops();
    node.test().datapath.close();
    assertFalse(arrives(other.v4(), server.v4(), DENIED_MILLIS));
    node.inNode(TestNode::open);
    assertFalse(arrives(other.v6(), server.v6(), DENIED_MILLIS));
    assertEquals(before + 2, drops());
    assertEquals(List.of("uplink%7"), hooks());
  }

  @Test
  void device_thatComesToHaveAnAddress_isFollowed() {
    try (Netlink links = Netlink.open(node.node())) {
      String name = "second";
      int second = node.device(name);
      assertEquals(List.of("uplink%7"), hooks());
      var address = new InterfaceAddress(IpAddress.parse("198.51.100.1"), 24);
      links.addAddress(second, address, DuplicateCheck.SKIP);
      await(() -> hooks().equals(List.of(name, "uplink%7")));
      links.deleteAddress(second, address);
      await(() -> hooks().equals(List.of("uplink%7")));
      links.addAddress(second, address, DuplicateCheck.SKIP);
      await(() -> hooks().equals(List.of(name, "uplink%7")));
      links.deleteLink(second);
      await(() -> hooks().equals(List.of("uplink%7")));
    }
  }

  /** It leads to that instance's pods; what comes from there was decided by its programs. */
  @Test
  void device_ofAnotherInstance_isLeft() {
    node.inNode(_ -> {
      var config =
          Config.builder("fnother", folder.resolve("other"))
              .nodeAddresses(IpAddress.parse("10.78.0.1"), IpAddress.parse("fd78::1"))
              .limits(node.test().limits)
              .build();
      try (var another = new EbpfDatapath(config, Recording.OFF);
          Netlink links = Netlink.open()) {
        Link host = links.linkByName("fnother_host").orElseThrow();
        assertEquals(
            IpAddress.parse("10.78.0.1"), links.listAddresses(host.index()).getFirst().address());
        // What the watch tells of this device comes after what it told of the other.
        int second = node.device("second");
        var address = new InterfaceAddress(IpAddress.parse("198.51.100.1"), 24);
        links.addAddress(second, address, DuplicateCheck.SKIP);
        await(() -> hooks().contains("second"));
        assertEquals(List.of("second", "uplink%7"), hooks());
        another.destroy();
      }
    });
  }

  /** The device of a pod has the pods' program, whatever addresses somebody gave it. */
  @Test
  void device_thatBecomesAPods_isLeft() throws Exception {
    Pod adopted =
        node.fromNode(test -> test.adopted(4, 1003, PolicyMapState.ALLOW_ALL, this::giveAddress));
    assertEquals(List.of("uplink%7"), hooks());
    // The kernel may take a second to see that the link is there.
    await(() -> isReached(adopted, server));
    node.inNode(test -> test.datapath.release(adopted.endpoint().device()));
    await(() -> hooks().equals(List.of(adopted.endpoint().device().hostName(), "uplink%7")));
  }

  private static boolean isReached(Pod from, Pod to) {
    try {
      return EbpfDatapathKernelIT.tcp(from.netns(), to.netns(), to.v4());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private void giveAddress(Link link) {
    try (Netlink links = Netlink.open(node.node())) {
      var address = new InterfaceAddress(IpAddress.parse("198.51.100.1"), 24);
      links.addAddress(link.index(), address, DuplicateCheck.SKIP);
    }
    await(() -> hooks().equals(List.of(link.name(), "uplink%7")));
  }

  @Test
  void names_givenByTheUser_narrow() {
    node.test().datapath.close();
    node.inNode(test -> test.open(List.of("none+")));
    assertEquals(List.of(), hooks());
    node.test().datapath.close();
    node.inNode(test -> test.open(List.of("none", "upl+")));
    assertEquals(List.of("uplink%7"), hooks());
  }

  /** What the kernels without tcx links have: two instances share the device. */
  @Test
  void clsact_ofTwoInstances_bothStandOnTheDevice() throws Exception {
    Hooks one = Hooks.Clsact.ofNetwork("one", Direction.INGRESS);
    Hooks two = Hooks.Clsact.ofNetwork("two", Direction.INGRESS);
    Path pin = MapDump.of(TestNode.INSTANCE).folder().resolve("programs/cil_from_netdev");
    node.inNode(test -> {
      test.datapath.close();
      test.open(List.of("none"));
      try (BpfProgram program = BpfProgram.openPinned(pin)) {
        one.attach(program, node.uplink(), NetworkedNode.UPLINK);
        two.attach(program, node.uplink(), NetworkedNode.UPLINK);
        two.attach(program, node.uplink(), NetworkedNode.UPLINK);
        two.detach(node.uplink(), NetworkedNode.UPLINK);
      }
    });
    IpAddress router = NetworkedNode.address(IpFamily.IPV4, 1);
    long before = drops();
    assertFalse(arrives(node.node(), TestNode.NODE4, router, DENIED_MILLIS));
    assertEquals(before + 1, drops());
    node.inNode(_ -> one.detach(node.uplink(), NetworkedNode.UPLINK));
    assertFalse(arrives(node.node(), TestNode.NODE4, router, DENIED_MILLIS), "by the stack alone");
    assertEquals(before + 1, drops());
  }

  private static List<String> hooks() {
    try (var pins = Files.list(MapDump.of(TestNode.INSTANCE).folder().resolve("links-network"))) {
      return pins.map(pin -> String.valueOf(pin.getFileName())).sorted().toList();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private long drops() {
    return node.test().datapath.traffic().stream()
        .filter(each -> each.drop().equals(Optional.of(DropReason.INVALID_SOURCE_IP)))
        .mapToLong(each -> each.packets())
        .sum();
  }

  private static void await(BooleanSupplier wanted) {
    Instant end = Instant.now().plus(Duration.ofSeconds(10));
    while (!wanted.getAsBoolean()) {
      assertTrue(Instant.now().isBefore(end), "not within its time");
      Thread.onSpinWait();
    }
  }

  private static IpAddress address(Pod pod, IpFamily family) {
    return family == IpFamily.IPV4 ? pod.v4() : pod.v6();
  }

  private boolean arrives(IpAddress source, IpAddress target, int millis) throws IOException {
    return arrives(server.netns(), source, target, millis);
  }

  /** Whether one datagram of the host outside arrives that says it comes from {@code source}. */
  private boolean arrives(Netns at, IpAddress source, IpAddress target, int millis)
      throws IOException {
    try (Netlink links = Netlink.open(node.outside())) {
      links.ensureAddress(1, InterfaceAddress.host(source), DuplicateCheck.SKIP);
      try (DatagramSocket receiver =
              KernelTests.bound(at, () -> new DatagramSocket(PORT, target.toInetAddress()));
          DatagramSocket sender =
              node.outside().call(() -> new DatagramSocket(0, source.toInetAddress()))) {
        receiver.setSoTimeout(millis);
        sender.send(
            new DatagramPacket(
                new byte[1], 1, new InetSocketAddress(target.toInetAddress(), PORT)));
        receiver.receive(new DatagramPacket(new byte[1], 1));
        return true;
      } catch (SocketTimeoutException e) {
        return false;
      } finally {
        links.deleteAddress(1, InterfaceAddress.host(source));
      }
    }
  }
}
