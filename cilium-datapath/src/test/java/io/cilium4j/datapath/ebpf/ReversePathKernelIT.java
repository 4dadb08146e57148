// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code rp_filter}, under every value that an administrator may set: pods' packets come in at
 * devices to which no route leads back.
 */
@KernelTest
class ReversePathKernelIT {

  private static final int IDENTITY = 1001;

  @TempDir Path folder;
  private NetworkedNode node;

  @BeforeEach
  void start() {
    node = new NetworkedNode(folder);
  }

  @AfterEach
  void stop() {
    if (node != null) {
      node.close();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void all_setBeforeAPodComes_everyWayPasses(int all) {
    node.set("all", all);
    node.set("default", all);
    assertReached(made(2));
    assertReached(adopted(3));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void all_setWhilePodsRun_everyWayPasses(int all) {
    Pod made = made(2);
    Pod adopted = adopted(3);
    node.set("all", all);
    assertReached(made);
    assertReached(adopted);
  }

  /** As udev does with the lines of an administrator's file, some time after a device came. */
  @ParameterizedTest
  @CsvSource({"0, 1", "1, 0", "1, 1", "2, 1"})
  void device_setBySomebody_isSetBack(int all, int value) {
    node.set("all", all);
    for (Pod pod : List.of(made(2), adopted(3))) {
      String device = pod.endpoint().device().hostName();
      node.set(device, value);
      await(device);
      assertReached(pod);
    }
    node.set(TestNode.INSTANCE + "_net", value);
    await(TestNode.INSTANCE + "_net");
  }

  /** A version before this one left its devices open to everything, and without an address. */
  @Test
  void restart_withDevicesOfAnEarlierVersion_everyWayPasses() {
    Pod pod = made(2);
    String device = pod.endpoint().device().hostName();
    node.test().datapath.close();
    try (Netlink links = Netlink.open(node.node())) {
      int ifindex = pod.endpoint().device().hostIfindex();
      assertTrue(links.deleteAddress(ifindex, InterfaceAddress.host(TestNode.NODE4)));
    }
    node.set(device, 0);
    node.set("all", 1);
    node.inNode(TestNode::open);
    assertReached(pod);
    assertEquals("2", node.reversePathFilter(device));
  }

  @Test
  void release_ofADevice_takesTheAddressBack() {
    Pod pod = adopted(3);
    int ifindex = pod.endpoint().device().hostIfindex();
    try (Netlink links = Netlink.open(node.node())) {
      assertTrue(
          links.listAddresses(ifindex).contains(InterfaceAddress.host(TestNode.NODE4)), "given");
      node.inNode(test -> test.datapath.release(pod.endpoint().device()));
      assertEquals(List.of(), links.listAddresses(ifindex));
    }
  }

  /** The address must be nobody's source, and no route but that of the node itself. */
  @Test
  void address_ofAPodsDevice_makesNoRouteAndIsNoSource() {
    Pod pod = made(2);
    try (Netlink links = Netlink.open(node.node())) {
      int ifindex = pod.endpoint().device().hostIfindex();
      assertTrue(
          links.listRoutes(ifindex).stream()
              .noneMatch(route -> route.destination().family() == IpFamily.IPV4));
    }
  }

  private Pod made(int id) {
    return node.fromNode(test -> test.pod(id, IDENTITY, PolicyMapState.ALLOW_ALL));
  }

  private Pod adopted(int id) {
    return node.fromNode(test -> test.adopted(id, IDENTITY, PolicyMapState.ALLOW_ALL));
  }

  private void await(String device) {
    Instant end = Instant.now().plus(Duration.ofSeconds(10));
    while (!node.reversePathFilter(device).equals("2")) {
      assertTrue(Instant.now().isBefore(end), device + " not set back");
      Thread.onSpinWait();
    }
  }

  private void assertReached(Pod pod) {
    List<Executable> ways = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      boolean isV4 = family == IpFamily.IPV4;
      IpAddress address = isV4 ? pod.v4() : pod.v6();
      IpAddress router = isV4 ? TestNode.NODE4 : TestNode.NODE6;
      Netns there = node.outside();
      ways.add(way(pod.netns(), node.node(), router));
      ways.add(way(node.node(), pod.netns(), address));
      ways.add(way(pod.netns(), there, NetworkedNode.address(family, 2)));
      ways.add(way(there, pod.netns(), address));
    }
    assertAll(ways);
  }

  /** Tried again for a while: a link that came up just now may lose the first packet. */
  private static Executable way(Netns from, Netns to, IpAddress address) {
    return () -> {
      Instant end = Instant.now().plus(Duration.ofSeconds(5));
      boolean reached = false;
      while (!reached && Instant.now().isBefore(end)) {
        reached = EbpfDatapathKernelIT.tcp(from, to, address);
      }
      assertTrue(reached, from + " to " + address + " of " + to);
    };
  }
}
