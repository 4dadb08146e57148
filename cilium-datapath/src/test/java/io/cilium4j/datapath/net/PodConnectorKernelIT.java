// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PodConnectorKernelIT {

  private static final IpAddress NODE_V4 = IpAddress.parse("10.9.0.1");
  private static final IpAddress NODE_V6 = IpAddress.parse("fd00:9::1");
  private static final IpAddress POD_V4 = IpAddress.parse("10.9.0.5");
  private static final IpAddress POD_V6 = IpAddress.parse("fd00:9::5");

  @TempDir private Path folder;
  private final List<Netns> namespaces = new ArrayList<>();
  private Netns pod;
  private Netlink node;
  private Netlink podLinks;
  private PodConnector connector;

  @BeforeEach
  void makeNamespaces() {
    Netns hub = netns();
    pod = netns();
    node = Netlink.open(hub);
    podLinks = Netlink.open(pod);
    connector = new PodConnector(node, List.of(NODE_V4, NODE_V6));
  }

  private Netns netns() {
    Netns netns = KernelTests.netns(folder);
    namespaces.add(netns);
    return netns;
  }

  @AfterEach
  void removeNamespaces() {
    if (node != null) {
      node.close();
      podLinks.close();
    }
    for (Netns netns : namespaces) {
      netns.close();
      Netns.delete(netns.path());
    }
  }

  private ConnectRequest request(Netns netns, IpAddress... addresses) {
    return new ConnectRequest(5, netns.path().toString(), "eth0", List.of(addresses), 1400);
  }

  private Link podDevice() {
    return podLinks.linkByName("eth0").orElseThrow();
  }

  @Test
  void connect_bothFamilies_setsThePodUp() {
    var seen = new ArrayList<Boolean>();
    EndpointInterface device =
        connector.connect(
            request(pod, POD_V4, POD_V6),
            "lxc5",
            made -> seen.add(node.linkByIndex(made.hostIfindex()).orElseThrow().isUp()));
    assertEquals(List.of(false), seen, "the node's side is down until all is attached");
    Link host = node.linkByName("lxc5").orElseThrow();
    Link end = podDevice();
    assertTrue(host.isUp());
    assertTrue(end.isRunning());
    assertEquals(1400, end.mtuBytes());
    assertEquals(
        new EndpointInterface("lxc5", host.index(), host.mac(), end.mac(), pod.path().toString()),
        device);
    List<InterfaceAddress> addresses = podLinks.listAddresses(end.index());
    assertTrue(addresses.contains(InterfaceAddress.host(POD_V4)), addresses::toString);
    assertTrue(addresses.contains(InterfaceAddress.host(POD_V6)), addresses::toString);
    List<Route> routes = podLinks.listRoutes(end.index());
    int index = end.index();
    for (IpAddress next : List.of(NODE_V4, NODE_V6)) {
      assertTrue(routes.contains(Route.to(IpPrefix.host(next), index)), routes::toString);
      IpPrefix everything = IpPrefix.parse(next.isV4() ? "0.0.0.0/0" : "::/0");
      assertTrue(routes.contains(Route.to(everything, index).via(next)), routes::toString);
    }
  }

  private void assertMtu(int bytes, EndpointInterface device) {
    assertEquals(bytes, node.linkByIndex(device.hostIfindex()).orElseThrow().mtuBytes());
    assertEquals(bytes, podDevice().mtuBytes());
  }

  @Test
  void mtu_formerOrTooLarge_followsAtBothEndsAndASmallerOneStays() {
    EndpointInterface device = connector.connect(request(pod, POD_V4), "lxc5", _ -> {});
    assertEquals(List.of(), PodMtu.set(node, List.of(device), 1500, 1450));
    assertMtu(1400, device);
    assertEquals(List.of(), PodMtu.set(node, List.of(device), 1400, 1450));
    assertMtu(1450, device);
    assertEquals(List.of(), PodMtu.set(node, List.of(device), 0, 1300));
    assertMtu(1300, device);
  }

  /** A namespace that has no name here and no process in it. */
  @Test
  void mtu_endInsideNotFound_staysAtBothEnds() {
    EndpointInterface device = connector.connect(request(pod, POD_V4), "lxc5", _ -> {});
    var hidden =
        new EndpointInterface(
            device.hostName(), device.hostIfindex(), device.hostMac(), device.podMac(), "");
    assertEquals(List.of(hidden), PodMtu.set(node, List.of(hidden), 1400, 1300));
    assertMtu(1400, device);
  }

  @Test
  void connect_again_takesThePairOver() {
    EndpointInterface first = connector.connect(request(pod, POD_V4), "lxc5", _ -> {});
    assertEquals(first, connector.connect(request(pod, POD_V4, POD_V6), "lxc5", _ -> {}));
    assertTrue(podLinks.listAddresses(podDevice().index()).contains(InterfaceAddress.host(POD_V6)));
  }

  @Test
  void connect_nameOfAnotherPod_failsAndLeavesItAlone() {
    connector.connect(request(pod, POD_V4), "lxc5", _ -> {});
    Netns other = netns();
    var error =
        assertThrows(
            DatapathException.class,
            () -> connector.connect(request(other, POD_V4), "lxc5", _ -> {}));
    assertTrue(String.valueOf(error.getMessage()).contains("lxc5"), error::toString);
    assertTrue(podDevice().isRunning());
  }

  @Test
  void connect_failureHalfWay_leavesNothing() {
    assertThrows(
        IllegalStateException.class,
        () ->
            connector.connect(
                request(pod, POD_V4),
                "lxc5",
                _ -> {
                  throw new IllegalStateException("no room for the program");
                }));
    assertTrue(node.linkByName("lxc5").isEmpty());
    assertTrue(podLinks.linkByName("eth0").isEmpty());
  }

  @Test
  void connect_familyWithoutNextHop_failsBeforeAnythingIsMade() {
    var v4Only = new PodConnector(node, List.of(NODE_V4));
    assertThrows(
        DatapathException.class,
        () -> v4Only.connect(request(pod, POD_V4, POD_V6), "lxc5", _ -> {}));
    assertTrue(node.linkByName("lxc5").isEmpty());
  }

  @Test
  void disconnect_twice_removesBothEndsOnce() {
    EndpointInterface device = connector.connect(request(pod, POD_V4), "lxc5", _ -> {});
    assertTrue(connector.disconnect(device));
    assertFalse(connector.disconnect(device));
    assertTrue(podLinks.linkByName("eth0").isEmpty());
  }

  @Test
  void disconnect_deviceOfThatNameIsAnother_leavesIt() {
    EndpointInterface device = connector.connect(request(pod, POD_V4), "lxc5", _ -> {});
    assertTrue(PodConnector.holds(node, device));
    node.setMac(device.hostIfindex(), PodConnector.randomMac());
    assertFalse(PodConnector.holds(node, device), "name and index alone prove nothing");
    assertFalse(connector.disconnect(device));
    assertTrue(node.linkByName("lxc5").isPresent());
  }

  @Test
  void randomMac_always_isUnicastAndOfNoVendor() {
    for (int i = 0; i < 100; i++) {
      assertEquals(2, PodConnector.randomMac().bytes()[0] & 3);
    }
  }
}
