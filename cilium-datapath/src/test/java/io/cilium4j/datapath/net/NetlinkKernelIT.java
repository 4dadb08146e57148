// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.MacAddress;
import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NetlinkKernelIT {

  private static final VethPair PAIR =
      new VethPair(
          "lxc1",
          "eth0",
          MacAddress.parse("02:00:00:00:00:01"),
          MacAddress.parse("02:00:00:00:00:02"),
          1400);

  @TempDir Path folder;
  private Netns host;
  private Netns pod;
  private Netlink hostLink;
  private Netlink podLink;

  @BeforeEach
  void create() {
    host = KernelTests.netns(folder);
    pod = KernelTests.netns(folder);
    hostLink = Netlink.open(host);
    podLink = Netlink.open(pod);
  }

  @AfterEach
  void delete() {
    if (podLink == null) {
      return;
    }
    hostLink.close();
    podLink.close();
    host.close();
    pod.close();
    Netns.delete(host.path());
    Netns.delete(pod.path());
  }

  @Test
  void createVeth_peerIsBornInsideWithNameAndMac() {
    Link here = hostLink.createVeth(PAIR, pod);
    Link there = podLink.linkByName("eth0").orElseThrow();
    assertEquals(
        new Link(here.index(), "lxc1", "veth", PAIR.mac(), 1400, here.flags(), there.index(), ""),
        here);
    assertEquals(PAIR.peerMac(), there.mac());
    assertEquals(1400, there.mtuBytes());
    assertEquals(here.index(), there.peerIndex());
    assertFalse(here.isUp());
    assertEquals(here, hostLink.linkByIndex(here.index()).orElseThrow());
    assertEquals(List.of(here), hostLink.listLinks("lxc"));
    assertTrue(hostLink.linkByName("none").isEmpty());
    assertTrue(hostLink.linkByIndex(4711).isEmpty());
  }

  @Test
  void setters_changeTheDevice() {
    int index = hostLink.createVeth(PAIR, pod).index();
    var mac = MacAddress.parse("02:00:00:00:12:34");
    hostLink.setMac(index, mac);
    hostLink.setMtu(index, 1280);
    hostLink.setNoArp(index);
    hostLink.setUp(index);
    Link link = hostLink.linkByIndex(index).orElseThrow();
    assertEquals(mac, link.mac());
    assertEquals(1280, link.mtuBytes());
    assertTrue(link.isUp() && link.isNoArp());
    assertFalse(link.isRunning());
    podLink.setUp(link.peerIndex());
    assertTrue(hostLink.linkByIndex(index).orElseThrow().isRunning());
    hostLink.setDown(index);
    assertFalse(hostLink.linkByIndex(index).orElseThrow().isUp());
  }

  @Test
  void deleteLink_takesThePeerAlong_andAgainReportsAbsence() {
    int index = hostLink.createVeth(PAIR, pod).index();
    assertTrue(hostLink.deleteLink(index));
    assertTrue(podLink.linkByName("eth0").isEmpty());
    assertFalse(hostLink.deleteLink(index));
    assertEquals(List.of(), hostLink.listAddresses(index));
    assertEquals(List.of(), hostLink.listRoutes(index));
  }

  @Test
  void createVeth_nameTaken_isEexistInOneLine() {
    hostLink.createVeth(PAIR, pod);
    var e = assertThrows(NetlinkException.class, () -> hostLink.createVeth(PAIR, pod));
    assertEquals(Errno.EEXIST, e.errno());
    assertEquals("EEXIST", e.errnoName());
    assertEquals("RTM_NEWLINK", e.call());
    assertTrue(
        message(e).startsWith("RTM_NEWLINK veth lxc1 with peer eth0 in " + pod), e.getMessage());
    assertEquals(1, message(e).lines().count());
  }

  @Test
  void addRoute_toUnreachableGateway_carriesTheKernelsWords() {
    int index = hostLink.createVeth(PAIR, pod).index();
    hostLink.setUp(index);
    Route route = Route.to(IpPrefix.parse("10.9.0.0/16"), index).via(IpAddress.parse("192.0.2.1"));
    var e = assertThrows(NetlinkException.class, () -> hostLink.addRoute(route));
    assertEquals(
        "RTM_NEWROUTE route 10.9.0.0/16 via 192.0.2.1 dev "
            + index
            + ": ENETUNREACH (Nexthop has invalid gateway)",
        e.getMessage());
    assertEquals("Nexthop has invalid gateway", e.kernelMessage());
  }

  @Test
  void setUp_noSuchDevice_isEnodev() {
    var e = assertThrows(NetlinkException.class, () -> hostLink.setUp(4711));
    assertEquals(Errno.ENODEV, e.errno());
    assertTrue(message(e).startsWith("RTM_NEWLINK device 4711 up: ENODEV"), e.getMessage());
  }

  @Test
  void addresses_addedTwice_areThereOnce() {
    int index = hostLink.createVeth(PAIR, pod).index();
    var v4 = new InterfaceAddress(IpAddress.parse("10.1.2.3"), 24);
    var v6 = InterfaceAddress.host(IpAddress.parse("fd00::1234"));
    for (InterfaceAddress address : List.of(v4, v6)) {
      assertTrue(hostLink.ensureAddress(index, address, DuplicateCheck.SKIP));
      assertFalse(hostLink.ensureAddress(index, address, DuplicateCheck.SKIP));
      var e =
          assertThrows(
              SystemCallException.class,
              () -> hostLink.addAddress(index, address, DuplicateCheck.SKIP));
      assertEquals(Errno.EEXIST, e.errno());
    }
    assertEquals(List.of(v4, v6), hostLink.listAddresses(index));
    assertTrue(hostLink.deleteAddress(index, v4));
    assertFalse(hostLink.deleteAddress(index, v4));
    assertEquals(List.of(v6), hostLink.listAddresses(index));
  }

  @Test
  void routes_replacedListedDeleted_areAsGiven() {
    int index = hostLink.createVeth(PAIR, pod).index();
    hostLink.setUp(index);
    podLink.setUp(podLink.linkByName("eth0").orElseThrow().index());
    IpAddress own = IpAddress.parse("10.1.2.3");
    hostLink.addAddress(index, InterfaceAddress.host(own), DuplicateCheck.SKIP);
    Route plain = Route.to(IpPrefix.parse("10.2.0.0/16"), index);
    Route sourced = plain.from(own);
    Route v4Default =
        Route.to(IpPrefix.parse("0.0.0.0/0"), index).viaOnLink(IpAddress.parse("169.254.1.1"));
    Route v6Default = Route.to(IpPrefix.parse("::/0"), index).via(IpAddress.parse("fe80::1"));
    Route v6OnLink =
        Route.to(IpPrefix.parse("fd00::/64"), index).viaOnLink(IpAddress.parse("fe80::2"));
    hostLink.addRoute(plain);
    hostLink.replaceRoute(sourced);
    hostLink.replaceRoute(sourced);
    for (Route route : List.of(v4Default, v6Default, v6OnLink)) {
      hostLink.addRoute(route);
      var e = assertThrows(NetlinkException.class, () -> hostLink.addRoute(route));
      assertEquals(Errno.EEXIST, e.errno());
    }
    List<Route> routes = hostLink.listRoutes(index);
    assertTrue(
        routes.containsAll(List.of(sourced, v4Default, v6Default, v6OnLink)), routes.toString());
    assertFalse(routes.contains(plain));
    assertEquals(
        Set.of("169.254.1.1", "fe80::1", "fe80::2"),
        hostLink.listGateways().stream().map(IpAddress::toString).collect(Collectors.toSet()));
    for (Route route : List.of(sourced, v4Default, v6Default, v6OnLink)) {
      assertTrue(hostLink.deleteRoute(route));
      assertFalse(hostLink.deleteRoute(route));
      assertFalse(hostLink.listRoutes(index).contains(route));
    }
  }

  @ParameterizedTest
  @CsvSource({"10.1.0.1, 10.1.0.2", "fd00:1::1, fd00:1::2"})
  void tcp_throughRoutesAndFixedNeighbours_reachesTheOtherSide(String hostText, String podText)
      throws Exception {
    IpAddress hostIp = IpAddress.parse(hostText);
    IpAddress podIp = IpAddress.parse(podText);
    int hostIndex = hostLink.createVeth(PAIR, pod).index();
    int podIndex = podLink.linkByName("eth0").orElseThrow().index();
    for (Netlink link : List.of(hostLink, podLink)) {
      boolean isHost = link == hostLink;
      int index = isHost ? hostIndex : podIndex;
      link.addAddress(index, InterfaceAddress.host(isHost ? hostIp : podIp), DuplicateCheck.SKIP);
      link.setNoArp(index);
      link.setUp(index);
      IpAddress other = isHost ? podIp : hostIp;
      link.setNeighbour(index, other, isHost ? PAIR.peerMac() : PAIR.mac());
      link.replaceRoute(Route.to(IpPrefix.host(other), index));
    }
    try (ServerSocket server = pod.call(() -> new ServerSocket(0, 1, podIp.toInetAddress()))) {
      server.setSoTimeout(10_000);
      try (Socket client =
              host.call(() -> {
                var socket = new Socket();
                socket.connect(
                    new InetSocketAddress(podIp.toInetAddress(), server.getLocalPort()), 10_000);
                return socket;
              });
          Socket accepted = server.accept()) {
        assertEquals(hostIp, IpAddress.of(accepted.getInetAddress()));
        client.getOutputStream().write(42);
        assertEquals(42, accepted.getInputStream().read());
      }
    }
    assertEquals(0, ping(podIp));
    assertTrue(hostLink.deleteNeighbour(hostIndex, podIp));
    assertFalse(hostLink.deleteNeighbour(hostIndex, podIp));
  }

  private static String message(Exception e) {
    return String.valueOf(e.getMessage());
  }

  private int ping(IpAddress target) throws IOException, InterruptedException {
    return new ProcessBuilder(
            "nsenter", "--net=" + host.path(), "ping", "-c1", "-W5", "-q", target.toString())
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start()
        .waitFor();
  }

  @Test
  void thousandPairs_createdAndDeleted_leaveNoLinkAndNoDescriptor() throws Exception {
    // Once beforehand, so that what the JVM opens lazily is open.
    hostLink.deleteLink(hostLink.createVeth(PAIR, pod).index());
    OpenFiles open = OpenFiles.now();
    int links = hostLink.listLinks("").size() + podLink.listLinks("").size();
    for (int i = 0; i < 1000; i++) {
      try (Netns opened = Netns.open(pod.path());
          Netlink netlink = Netlink.open(host)) {
        Link link = netlink.createVeth(PAIR, opened);
        assertTrue(netlink.deleteLink(link.index()));
      }
    }
    assertEquals(links, hostLink.listLinks("").size() + podLink.listLinks("").size());
    open.assertNoMore();
  }

  @Test
  void sharedSocket_usedByManyThreadsWhileDevicesCome_mixesNothingUp() throws Exception {
    var makers = new ArrayList<FutureTask<Integer>>();
    for (int i = 0; i < 4; i++) {
      int maker = i;
      var task =
          new FutureTask<>(() -> {
            int right = 0;
            for (int n = 0; n < 50; n++) {
              String name = "m" + maker + "-" + n;
              var pair = new VethPair(name, "p" + name, PAIR.mac(), PAIR.peerMac(), 1400);
              // One socket for all, one of its own for the listing that others disturb.
              Link made = hostLink.createVeth(pair, pod);
              try (Netlink own = Netlink.open(host)) {
                boolean listed =
                    own.listLinks("m" + maker + "-").size() == n + 1
                        && own.linkByIndex(made.index()).equals(hostLink.linkByName(name));
                right += listed ? 1 : 0;
              }
            }
            return right;
          });
      makers.add(task);
      Thread.ofPlatform().start(task);
    }
    for (FutureTask<Integer> maker : makers) {
      assertEquals(50, maker.get(60, TimeUnit.SECONDS));
    }
  }

  @Test
  void listLinks_manyDevices_areAllListed() {
    for (int i = 0; i < 300; i++) {
      hostLink.createVeth(
          new VethPair("lxc" + i, "eth" + i, PAIR.mac(), PAIR.peerMac(), 1400), pod);
    }
    assertEquals(300, hostLink.listLinks("lxc").size());
    // Those whose names begin with lxc1: 1, 10 to 19, 100 to 199.
    assertEquals(111, hostLink.listLinks("lxc1").size());
  }
}
