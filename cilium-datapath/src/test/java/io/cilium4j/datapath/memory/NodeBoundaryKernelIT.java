// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.PodTraffic.PATIENCE_MILLIS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.datapath.memory.PodTraffic.Place;
import io.cilium4j.datapath.net.FrameBatch;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.PacketSocket;
import io.cilium4j.datapath.net.Sysctl;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Where the forwarder and the node's own stack meet: what the one leaves to the other. */
class NodeBoundaryKernelIT {

  private static final int PORT = 9000;

  @TempDir private Path folder;
  private PodTraffic traffic;

  @BeforeEach
  void makePods() {
    traffic = new PodTraffic(folder);
  }

  @AfterEach
  void removePods() {
    traffic.close();
  }

  private int index(Place place, String device) {
    try (Netlink links = Netlink.open(traffic.at(place))) {
      return links.linkByName(device).orElseThrow().index();
    }
  }

  private void send(Place from, String device, MacAddress to, ByteBuffer frame) {
    byte[] bytes = Frames.bytes(frame);
    System.arraycopy(to.bytes(), 0, bytes, 0, 6);
    try (PacketSocket socket = PacketSocket.open(traffic.at(from), index(from, device));
        FrameBatch batch = new FrameBatch(1)) {
      batch.put(0, bytes, bytes.length);
      assertEquals(1, socket.send(batch, 0, 1));
    }
  }

  /** The node's sockets see nothing of what a pod may not send, whomever it is sent to. */
  @Test
  void podThatMaySendNothing_toAllStations_reachesNoSocketOfTheNode() throws Exception {
    traffic.apply(PolicyMapState.DENY_ALL, PolicyMapState.DENY_ALL);
    var all = new MacAddress((1L << 48) - 1);
    try (DatagramSocket server =
        KernelTests.bound(traffic.at(Place.NODE), () -> new DatagramSocket(PORT))) {
      for (String source : List.of("0.0.0.0", "10.8.0.5", "127.0.0.1")) {
        for (String destination :
            List.of("255.255.255.255", "224.0.0.1", "10.8.0.1", "127.0.0.1", "0.0.0.0")) {
          ByteBuffer frame =
              Frames.between(IpAddress.parse(source), IpAddress.parse(destination)).udp(1, PORT);
          Frames.fillIpv4Checksum(frame);
          send(Place.POD_A, "eth0", all, frame);
          send(Place.POD_A, "eth0", new MacAddress(0x0100_5e00_0001L), frame);
        }
      }
      server.setSoTimeout(PATIENCE_MILLIS);
      InetSocketAddress uplink =
          new InetSocketAddress(Place.OUTSIDE.address(IpFamily.IPV4).plus(1).toInetAddress(), PORT);
      try (DatagramSocket client = traffic.at(Place.OUTSIDE).call(() -> new DatagramSocket())) {
        client.send(new DatagramPacket(new byte[33], 33, uplink));
      }
      var first = new DatagramPacket(new byte[100], 100);
      server.receive(first);
      assertEquals(33, first.getLength(), "what came before the one from outside");
    }
  }

  /** A datagram that the receiver's device does not take is answered, and then comes in pieces. */
  @ParameterizedTest
  @EnumSource
  void podWithSmallerDevice_largeDatagram_arrivesOnceItsSenderKnows(IpFamily family)
      throws Exception {
    traffic.apply(PolicyMapState.ALLOW_ALL, World.only(TrafficDirection.INGRESS));
    try (Netlink node = Netlink.open(traffic.at(Place.NODE));
        Netlink pod = Netlink.open(traffic.at(Place.POD_B))) {
      node.setMtu(node.linkByName("it_6").orElseThrow().index(), 1300);
      pod.setMtu(pod.linkByName("eth0").orElseThrow().index(), 1300);
    }
    assertArrives(Place.POD_A, Place.POD_B, family, 1400);
    assertArrives(Place.OUTSIDE, Place.POD_B, family, 1400);
    assertArrives(Place.NODE, Place.POD_B, family, 1400);
  }

  private void assertArrives(Place from, Place to, IpFamily family, int bytes) throws Exception {
    var target = new InetSocketAddress(to.address(family).toInetAddress(), PORT);
    Instant end = Instant.now().plus(Duration.ofSeconds(20));
    try (DatagramSocket server =
            KernelTests.bound(traffic.at(to), () -> new DatagramSocket(target));
        DatagramSocket client = traffic.at(from).call(() -> new DatagramSocket())) {
      server.setSoTimeout(200);
      while (true) {
        client.send(new DatagramPacket(new byte[bytes], bytes, target));
        try {
          var packet = new DatagramPacket(new byte[bytes], bytes);
          server.receive(packet);
          assertEquals(bytes, packet.getLength());
          return;
        } catch (SocketTimeoutException e) {
          assertTrue(Instant.now().isBefore(end), from + " to " + to + " over " + family);
        }
      }
    }
  }

  /** A pod's larger device than the node's usual one is no dead end towards the stack. */
  @ParameterizedTest
  @EnumSource
  void podWithLargerDevice_largeDatagramToTheOutside_isAnsweredByTheNode(IpFamily family)
      throws Exception {
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    try (Netlink node = Netlink.open(traffic.at(Place.NODE));
        Netlink pod = Netlink.open(traffic.at(Place.POD_A))) {
      node.setMtu(node.linkByName("it_5").orElseThrow().index(), 9000);
      pod.setMtu(pod.linkByName("eth0").orElseThrow().index(), 9000);
    }
    assertArrives(Place.POD_A, Place.OUTSIDE, family, 8000);
    assertArrives(Place.POD_A, Place.NODE, family, 8000);
    assertArrives(Place.POD_A, Place.POD_B, family, 8000);
  }

  /** BIG TCP: frames of more than 64 KiB are carried whole, and none is lost for its size. */
  @ParameterizedTest
  @EnumSource
  void podsWithBigTcp_transfer_losesNoFrame(IpFamily family) throws Exception {
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    KernelTests.setGsoMaxSize(traffic.at(Place.POD_A), "eth0", 185_000);
    KernelTests.setGsoMaxSize(traffic.at(Place.POD_B), "eth0", 185_000);
    for (int i = 0; i < 8; i++) {
      assertTrue(traffic.tcp(Place.POD_A, Place.POD_B, family, PATIENCE_MILLIS));
    }
    assertEquals(0, traffic.datapath().counters().get("undeliverable"));
  }

  /** From outside, in the name of a pod or of the node. */
  @ParameterizedTest
  @EnumSource
  void packetFromOutside_withAnAddressFromInside_isNotForwarded(IpFamily family) throws Exception {
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    MacAddress uplink;
    try (Netlink node = Netlink.open(traffic.at(Place.NODE))) {
      uplink = node.linkByName("uplink").orElseThrow().mac();
    }
    traffic
        .at(Place.NODE)
        .call(() -> {
          Sysctl.write("net/ipv4/conf/all/rp_filter", "0");
          Sysctl.write("net/ipv4/conf/uplink/rp_filter", "0");
          return Sysctl.writeIfPresent("net/ipv4/conf/uplink/accept_local", "1");
        });
    long before = forwarded();
    for (IpAddress source :
        List.of(
            Place.POD_A.address(family),
            Place.POD_B.address(family),
            Place.NODE.address(family),
            Place.OUTSIDE.address(family).plus(1),
            Place.OUTSIDE.address(family))) {
      ByteBuffer frame = Frames.between(source, Place.POD_B.address(family)).sctp(1, 2);
      if (family == IpFamily.IPV4) {
        Frames.fillIpv4Checksum(frame);
      }
      send(Place.OUTSIDE, "eth0", uplink, frame);
    }
    Instant end = Instant.now().plus(Duration.ofSeconds(10));
    while (forwarded() == before) {
      assertTrue(Instant.now().isBefore(end), "the last one is from outside and may pass");
      Thread.onSpinWait();
    }
    assertEquals(before + 1, forwarded());
    assertTrue(KernelTests.rules(traffic.at(Place.NODE)) > 0);
    traffic.destroy();
    assertEquals(0, KernelTests.rules(traffic.at(Place.NODE)));
  }

  /** What went into pods and was forwarded. */
  private long forwarded() {
    return traffic.datapath().traffic().stream()
        .filter(each -> each.drop().isEmpty() && each.direction() == TrafficDirection.INGRESS)
        .mapToLong(Traffic::packets)
        .sum();
  }

  @Test
  void destroy_always_opensTheDevicesAgain() {
    assertTrue(KernelTests.hasBarrier(traffic.at(Place.NODE), "it"));
    traffic.destroy();
    assertTrue(!KernelTests.hasBarrier(traffic.at(Place.NODE), "it"));
  }
}
