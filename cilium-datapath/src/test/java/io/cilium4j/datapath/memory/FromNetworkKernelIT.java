// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.PodTraffic.DENIED_MILLIS;
import static io.cilium4j.datapath.memory.PodTraffic.PATIENCE_MILLIS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.memory.PodTraffic.Place;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Nft;
import io.cilium4j.datapath.net.Sysctl;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Nobody outside is somebody inside: forged sources get neither to pods nor to the node. */
class FromNetworkKernelIT {

  /** Another for each datagram: a program that starts just then holds a closed socket's a while. */
  private int port = 8082;

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

  @ParameterizedTest
  @EnumSource
  void source_ofSomebodyInside_isToldAndCounted(IpFamily family) throws Exception {
    List<Flow> flows = new CopyOnWriteArrayList<>();
    IpAddress uplink = Place.OUTSIDE.address(family).plus(1);
    try (var _ = traffic.datapath().subscribe(flows::add)) {
      awaitGuard(family);
      for (IpAddress source : List.of(Place.POD_B.address(family), Place.NODE.address(family))) {
        assertTold(family, source, Place.POD_A.address(family), flows);
      }
      assertTold(family, uplink, Place.POD_A.address(family), flows);
    }
  }

  /** The node's own sockets believe no forged pod either. */
  @ParameterizedTest
  @EnumSource
  void source_ofAPodToTheNode_isDroppedAndTold(IpFamily family) throws Exception {
    List<Flow> flows = new CopyOnWriteArrayList<>();
    IpAddress uplink = Place.OUTSIDE.address(family).plus(1);
    try (var _ = traffic.datapath().subscribe(flows::add)) {
      awaitGuard(family);
      assertTrue(arrives(Place.OUTSIDE.address(family), Place.NODE, uplink, PATIENCE_MILLIS));
      assertTold(family, Place.POD_B.address(family), uplink, flows);
      traffic.destroy();
      assertTrue(arrives(Place.OUTSIDE.address(family), Place.NODE, uplink, PATIENCE_MILLIS));
    }
  }

  /** The table is written a moment after its devices and addresses are known. */
  private void awaitGuard(IpFamily family) {
    Instant end = Instant.now().plusMillis(PATIENCE_MILLIS);
    String wanted = Place.POD_B.address(family).toString();
    while (!guard().contains(wanted)) {
      assertTrue(Instant.now().isBefore(end), () -> "no " + wanted + " in " + guard());
    }
  }

  private String guard() {
    Nft nft = Nft.find().orElseThrow();
    return traffic.at(Place.NODE).call(() -> nft.list("inet", "cilium4j_it_forged").orElse(""));
  }

  private void assertTold(IpFamily family, IpAddress source, IpAddress target, List<Flow> flows)
      throws Exception {
    flows.clear();
    long before = drops();
    Place receiver = target.equals(Place.POD_A.address(family)) ? Place.POD_A : Place.NODE;
    assertFalse(arrives(source, receiver, target, DENIED_MILLIS));
    Instant end = Instant.now().plusMillis(PATIENCE_MILLIS);
    while (flows.stream().noneMatch(flow -> isOf(flow, source, target))) {
      assertTrue(Instant.now().isBefore(end), () -> source + " to " + target + ": " + flows);
      Thread.onSpinWait();
    }
    assertEquals(before + 1, drops());
  }

  private static boolean isOf(Flow flow, IpAddress source, IpAddress target) {
    return flow.drop().equals(Optional.of(DropReason.INVALID_SOURCE_IP))
        && flow.source().equals(source)
        && flow.destination().equals(target)
        && flow.direction() == TrafficDirection.INGRESS;
  }

  private long drops() {
    return traffic.drops(DropReason.INVALID_SOURCE_IP, TrafficDirection.INGRESS);
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
    return arrives(source, Place.POD_A, Place.POD_A.address(family), millis);
  }

  /** As above, at an address of whatever place. */
  private boolean arrives(IpAddress source, Place receiver, IpAddress address, int millis)
      throws IOException {
    var target = new InetSocketAddress(address.toInetAddress(), ++port);
    var own = InterfaceAddress.host(source);
    try (Netlink links = Netlink.open(traffic.at(Place.OUTSIDE))) {
      links.ensureAddress(1, own, DuplicateCheck.SKIP);
      try (DatagramSocket server =
              KernelTests.bound(traffic.at(receiver), () -> new DatagramSocket(target));
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
