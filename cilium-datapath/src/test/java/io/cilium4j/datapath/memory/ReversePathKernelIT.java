// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.PodTraffic.DENIED_MILLIS;
import static io.cilium4j.datapath.memory.PodTraffic.PATIENCE_MILLIS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.memory.PodTraffic.Place;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Sysctl;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code rp_filter}, under every value that an administrator may set: what the forwarder writes
 * passes, and what the kernel sees of the pods' devices beside it does not.
 */
class ReversePathKernelIT {

  private static final int PORT = 8081;

  @TempDir private Path folder;
  private PodTraffic traffic;

  @BeforeEach
  void makePods() {
    traffic = new PodTraffic(folder);
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
  }

  @AfterEach
  void removePods() {
    traffic.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void all_setWhilePodsRun_everyWayPassesAndDevicesStayDeaf(int all) throws Exception {
    set("all", all);
    for (IpFamily family : IpFamily.values()) {
      assertTrue(traffic.udp(Place.POD_A, Place.NODE, family, PATIENCE_MILLIS));
      assertTrue(traffic.udp(Place.NODE, Place.POD_A, family, PATIENCE_MILLIS));
      assertTrue(traffic.udp(Place.POD_A, Place.OUTSIDE, family, PATIENCE_MILLIS));
      assertTrue(traffic.udp(Place.OUTSIDE, Place.POD_A, family, PATIENCE_MILLIS));
    }
    assertDeaf();
  }

  /** As udev does with the lines of an administrator's file, some time after a device came. */
  @ParameterizedTest
  @ValueSource(strings = {"it_5", "it_net"})
  void device_openedBySomebody_isSetBack(String device) throws Exception {
    set("all", 0);
    set(device, 0);
    Instant end = Instant.now().plus(Duration.ofSeconds(10));
    while (!get(device).equals("1")) {
      assertTrue(Instant.now().isBefore(end), device + " not set back");
      Thread.onSpinWait();
    }
    assertDeaf();
  }

  /** The other value under which a device without an address takes nothing is the user's to set. */
  @Test
  void device_setToLoose_isLeftAlone() throws Exception {
    set("all", 0);
    set("it_5", 2);
    set("it_6", 0);
    Instant end = Instant.now().plus(Duration.ofSeconds(10));
    while (!get("it_6").equals("1")) {
      assertTrue(Instant.now().isBefore(end), "not set back");
      Thread.onSpinWait();
    }
    assertEquals("2", get("it_5"));
    assertDeaf();
  }

  /** A pod's frame to all stations reaches no socket of the node that policy was not asked for. */
  private void assertDeaf() throws Exception {
    var everybody = InetAddress.getByName("255.255.255.255");
    traffic.apply(World.only(TrafficDirection.INGRESS), PolicyMapState.ALLOW_ALL);
    try (DatagramSocket server =
            KernelTests.bound(traffic.at(Place.NODE), () -> new DatagramSocket(PORT));
        DatagramSocket client = traffic.at(Place.POD_A).call(() -> new DatagramSocket())) {
      server.setSoTimeout(DENIED_MILLIS);
      client.setBroadcast(true);
      client.send(new DatagramPacket(new byte[1], 1, new InetSocketAddress(everybody, PORT)));
      assertThrows(
          SocketTimeoutException.class, () -> server.receive(new DatagramPacket(new byte[1], 1)));
      server.setSoTimeout(PATIENCE_MILLIS);
      InetAddress uplink = Place.OUTSIDE.address(IpFamily.IPV4).plus(1).toInetAddress();
      try (DatagramSocket outside = traffic.at(Place.OUTSIDE).call(() -> new DatagramSocket())) {
        outside.send(new DatagramPacket(new byte[1], 1, new InetSocketAddress(uplink, PORT)));
      }
      server.receive(new DatagramPacket(new byte[1], 1));
    }
  }

  private void set(String device, int value) {
    traffic
        .at(Place.NODE)
        .call(() -> {
          Sysctl.write("net/ipv4/conf/" + device + "/rp_filter", String.valueOf(value));
          return true;
        });
  }

  private String get(String device) {
    return traffic
        .at(Place.NODE)
        .call(() -> Sysctl.read("net/ipv4/conf/" + device + "/rp_filter").orElse("none"));
  }
}
