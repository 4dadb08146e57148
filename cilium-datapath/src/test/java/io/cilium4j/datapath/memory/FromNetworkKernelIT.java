// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.PodTraffic.DENIED_MILLIS;
import static io.cilium4j.datapath.memory.PodTraffic.PATIENCE_MILLIS;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.datapath.memory.PodTraffic.Place;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Sysctl;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Nobody outside is somebody inside: forged sources do not get to pods. */
class FromNetworkKernelIT {

  private static final int PORT = 8082;

  @TempDir private Path folder;
  private PodTraffic traffic;

  @BeforeEach
  void makePods() {
    traffic = new PodTraffic(folder);
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    traffic
        .at(Place.NODE)
        .call(() -> {
          for (String device : new String[] {"all", "uplink"}) {
            Sysctl.write("net/ipv4/conf/" + device + "/rp_filter", "0");
          }
          return true;
        });
    try (Netlink links = Netlink.open(traffic.at(Place.OUTSIDE))) {
      links.setUp(1);
    }
  }

  @AfterEach
  void removePods() {
    traffic.close();
  }

  @ParameterizedTest
  @EnumSource
  void source_ofSomebodyInside_doesNotReachAPod(IpFamily family) throws Exception {
    IpAddress uplink = Place.OUTSIDE.address(family).plus(1);
    assertTrue(arrives(family, Place.OUTSIDE.address(family), PATIENCE_MILLIS));
    assertFalse(arrives(family, Place.POD_B.address(family), DENIED_MILLIS));
    assertFalse(arrives(family, Place.NODE.address(family), DENIED_MILLIS));
    assertFalse(arrives(family, uplink, DENIED_MILLIS));
    assertTrue(arrives(family, Place.OUTSIDE.address(family), PATIENCE_MILLIS));
  }

  /** As soon as a device leads to a network. */
  @ParameterizedTest
  @EnumSource
  void source_ofSomebodyInside_afterARestart_doesNotReachAPod(IpFamily family) throws Exception {
    traffic.restart();
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    assertTrue(arrives(family, Place.OUTSIDE.address(family), PATIENCE_MILLIS));
    assertFalse(arrives(family, Place.POD_B.address(family), DENIED_MILLIS));
  }

  /** Whether one datagram reaches pod A whose sender outside says that it is {@code source}. */
  private boolean arrives(IpFamily family, IpAddress source, int millis) throws IOException {
    var target = new InetSocketAddress(Place.POD_A.address(family).toInetAddress(), PORT);
    var own = InterfaceAddress.host(source);
    try (Netlink links = Netlink.open(traffic.at(Place.OUTSIDE))) {
      links.ensureAddress(1, own, DuplicateCheck.SKIP);
      try (DatagramSocket server = traffic.at(Place.POD_A).call(() -> new DatagramSocket(target));
          DatagramSocket client =
              traffic.at(Place.OUTSIDE).call(() -> new DatagramSocket(0, source.toInetAddress()))) {
        server.setSoTimeout(millis);
        client.send(new DatagramPacket(new byte[1], 1, target));
        server.receive(new DatagramPacket(new byte[1], 1));
        return true;
      } catch (SocketTimeoutException e) {
        return false;
      } finally {
        links.deleteAddress(1, own);
      }
    }
  }
}
