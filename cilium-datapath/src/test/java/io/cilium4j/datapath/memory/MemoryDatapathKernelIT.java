// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.PodTraffic.DENIED_MILLIS;
import static io.cilium4j.datapath.memory.PodTraffic.PATIENCE_MILLIS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.datapath.memory.PodTraffic.Place;
import io.cilium4j.datapath.net.FrameBatch;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.OpenFiles;
import io.cilium4j.datapath.net.PacketSocket;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.slf4j.Logger;

/** Real packets between real namespaces, moved in user space. */
class MemoryDatapathKernelIT {

  private static final int NOBODY = 65_534;

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

  @ParameterizedTest
  @EnumSource
  void connect_noRowYet_nothingPasses(IpFamily family) throws Exception {
    assertFalse(traffic.udp(Place.POD_A, Place.POD_B, family, DENIED_MILLIS));
    assertTrue(traffic.drops(DropReason.UNKNOWN_SENDER, TrafficDirection.EGRESS) > 0);
    assertFalse(traffic.ping(Place.NODE, Place.POD_A, family, DENIED_MILLIS));
    assertTrue(traffic.drops(DropReason.NO_LOCAL_ENDPOINT, TrafficDirection.INGRESS) > 0);
  }

  @ParameterizedTest
  @EnumSource
  void apply_bothAllow_tcpUdpAndIcmpPass(IpFamily family) throws Exception {
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    assertTrue(traffic.tcp(Place.POD_A, Place.POD_B, family, PATIENCE_MILLIS));
    assertTrue(traffic.udp(Place.POD_B, Place.POD_A, family, PATIENCE_MILLIS));
    assertTrue(traffic.ping(Place.POD_A, Place.POD_B, family, PATIENCE_MILLIS));
  }

  @ParameterizedTest
  @EnumSource
  void apply_receiverDenies_nothingPassesThatWay(IpFamily family) throws Exception {
    traffic.apply(PolicyMapState.ALLOW_ALL, World.only(TrafficDirection.EGRESS));
    assertFalse(traffic.tcp(Place.POD_A, Place.POD_B, family, DENIED_MILLIS));
    assertFalse(traffic.udp(Place.POD_A, Place.POD_B, family, DENIED_MILLIS));
    assertFalse(traffic.ping(Place.POD_A, Place.POD_B, family, DENIED_MILLIS));
    assertTrue(traffic.drops(DropReason.POLICY_DENIED, TrafficDirection.INGRESS) >= 3);
    assertFalse(traffic.tcp(Place.NODE, Place.POD_B, family, DENIED_MILLIS));
    assertTrue(traffic.tcp(Place.POD_B, Place.POD_A, family, PATIENCE_MILLIS));
  }

  @ParameterizedTest
  @EnumSource
  void apply_bothAllow_nodeAndPodReachEachOther(IpFamily family) throws Exception {
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    assertTrue(traffic.tcp(Place.NODE, Place.POD_A, family, PATIENCE_MILLIS));
    assertTrue(traffic.udp(Place.NODE, Place.POD_A, family, PATIENCE_MILLIS));
    assertTrue(traffic.tcp(Place.POD_A, Place.NODE, family, PATIENCE_MILLIS));
    assertTrue(traffic.ping(Place.POD_A, Place.NODE, family, PATIENCE_MILLIS));
  }

  @ParameterizedTest
  @EnumSource
  void apply_egressDenied_evenTheNodeIsOutOfReach(IpFamily family) throws Exception {
    traffic.apply(World.only(TrafficDirection.INGRESS), PolicyMapState.ALLOW_ALL);
    assertFalse(traffic.tcp(Place.POD_A, Place.NODE, family, DENIED_MILLIS));
    assertFalse(traffic.ping(Place.POD_A, Place.NODE, family, DENIED_MILLIS));
    assertTrue(traffic.tcp(Place.NODE, Place.POD_A, family, PATIENCE_MILLIS));
  }

  @ParameterizedTest
  @EnumSource
  void apply_bothAllow_theOutsideIsReachedThroughTheNode(IpFamily family) throws Exception {
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    assertTrue(traffic.tcp(Place.POD_A, Place.OUTSIDE, family, PATIENCE_MILLIS));
    assertTrue(traffic.tcp(Place.OUTSIDE, Place.POD_A, family, PATIENCE_MILLIS));
  }

  @ParameterizedTest
  @EnumSource
  void apply_revoked_endsTheConnectionAndANewOneMayBeginWhenAllowed(IpFamily family)
      throws Exception {
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    try (ServerSocket server = traffic.listen(Place.POD_B, family);
        Socket client = traffic.dial(Place.POD_A, Place.POD_B, family, PATIENCE_MILLIS);
        Socket accepted = server.accept()) {
      client.getOutputStream().write(1);
      assertEquals(1, accepted.getInputStream().read());
      traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.DENY_ALL);
      // The server speaks first: no flow of its own comes of it.
      accepted.getOutputStream().write(2);
      client.setSoTimeout(DENIED_MILLIS);
      assertThrows(SocketTimeoutException.class, () -> client.getInputStream().read());
      assertTrue(traffic.drops(DropReason.POLICY_DENIED, TrafficDirection.INGRESS) > 0);
      traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
      client.getOutputStream().write(3);
      accepted.setSoTimeout(DENIED_MILLIS);
      assertThrows(SocketTimeoutException.class, () -> accepted.getInputStream().read());
      assertTrue(
          traffic.drops(DropReason.CONNECTION_REVOKED, TrafficDirection.INGRESS)
                  + traffic.drops(DropReason.CONNECTION_REVOKED, TrafficDirection.EGRESS)
              > 0);
    }
    assertTrue(traffic.tcp(Place.POD_A, Place.POD_B, family, PATIENCE_MILLIS));
  }

  /** The kernel heeds frames for all stations, whatever address they are sent to. */
  @Test
  void frameForAllStations_isDecidedLikeAnyOther() throws Exception {
    ByteBuffer frame =
        Frames.between(Place.POD_A.address(IpFamily.IPV4), Place.NODE.address(IpFamily.IPV4))
            .udp(1000, 9000);
    Frames.fillIpv4Checksum(frame);
    byte[] bytes = Frames.bytes(frame);
    Arrays.fill(bytes, 0, 6, (byte) 0xff);
    InetSocketAddress address =
        new InetSocketAddress(Place.NODE.address(IpFamily.IPV4).toInetAddress(), 9000);
    try (DatagramSocket server =
            KernelTests.bound(traffic.at(Place.NODE), () -> new DatagramSocket(address));
        Netlink links = Netlink.open(traffic.at(Place.POD_A));
        PacketSocket pod =
            PacketSocket.open(
                traffic.at(Place.POD_A), links.linkByName("eth0").orElseThrow().index());
        FrameBatch batch = new FrameBatch(1)) {
      batch.put(0, bytes, bytes.length);
      traffic.apply(PolicyMapState.DENY_ALL, PolicyMapState.DENY_ALL);
      pod.send(batch, 0, 1);
      server.setSoTimeout(DENIED_MILLIS);
      var packet = new DatagramPacket(new byte[100], 100);
      assertThrows(SocketTimeoutException.class, () -> server.receive(packet));
      traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
      pod.send(batch, 0, 1);
      server.setSoTimeout(PATIENCE_MILLIS);
      server.receive(packet);
      assertEquals(4, packet.getLength());
    }
  }

  @ParameterizedTest
  @EnumSource
  void close_andOpenAgain_goesOnWithTheSameDevices(IpFamily family) throws Exception {
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    List<String> devices = traffic.nodeDevices();
    traffic.restart();
    assertFalse(traffic.udp(Place.POD_A, Place.POD_B, family, DENIED_MILLIS));
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    assertEquals(devices, traffic.nodeDevices());
    assertTrue(traffic.tcp(Place.POD_A, Place.POD_B, family, PATIENCE_MILLIS));
    assertTrue(traffic.tcp(Place.NODE, Place.POD_B, family, PATIENCE_MILLIS));
  }

  @Test
  void prune_podOfAnEarlierProcess_goesWithItsRoutes() throws Exception {
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    traffic.restart();
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    assertEquals(4, traffic.podRoutes().size());
    traffic.restart();
    traffic.prune(Place.POD_A);
    assertEquals(List.of("it_5", "it_host", "it_net", "lo", "uplink"), traffic.nodeDevices());
    // No row has an address yet, but those rows may still come: pods that stay keep theirs then.
    assertEquals(List.of(), traffic.podRoutes());
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    assertTrue(traffic.tcp(Place.NODE, Place.POD_A, IpFamily.IPV6, PATIENCE_MILLIS));
    assertEquals(Place.POD_A.addresses(), traffic.podRoutes());
  }

  @Test
  void destroy_always_leavesNothingBehind() throws Exception {
    assertEquals(
        List.of("it_5", "it_6", "it_host", "it_net", "lo", "uplink"), traffic.nodeDevices());
    traffic.destroy();
    assertEquals(List.of("lo", "uplink"), traffic.nodeDevices());
    assertFalse(folder.resolve("run").resolve("memory-devices").toFile().exists());
    assertTrue(
        Thread.getAllStackTraces().keySet().stream()
            .noneMatch(thread -> thread.getName().startsWith("it-forwarder")));
    assertThrows(DatapathException.class, () -> traffic.datapath().destroy());
  }

  @Test
  void connect_noSuchNamespace_failsAndTheOthersGoOn() throws Exception {
    traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    List<String> devices = traffic.nodeDevices();
    var request =
        new ConnectRequest(
            7,
            folder.resolve("nobody").toString(),
            "eth0",
            List.of(IpAddress.parse("10.8.0.7")),
            1500);
    assertThrows(
        DatapathException.class,
        () -> traffic.at(Place.NODE).call(() -> traffic.datapath().connect(request)));
    assertEquals(devices, traffic.nodeDevices());
    assertTrue(traffic.tcp(Place.POD_A, Place.POD_B, IpFamily.IPV4, PATIENCE_MILLIS));
  }

  @Test
  void openAndClose_again_leavesNoDescriptor() throws Exception {
    traffic.restart();
    OpenFiles open = OpenFiles.now();
    for (int i = 0; i < 5; i++) {
      traffic.restart();
    }
    open.assertNoMore();
  }

  @Test
  void connect_unprivilegedInUserNamespace_worksToo() throws Exception {
    Path readableByAll =
        Files.createTempDirectory(
            "slf4j",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
    Path library = readableByAll.resolve("slf4j.jar");
    try {
      runUnprivileged(classPath(library));
    } finally {
      Files.delete(library);
      Files.delete(readableByAll);
    }
  }

  private void runUnprivileged(String classPath) throws Exception {
    Process process =
        new ProcessBuilder(
                "setpriv",
                "--reuid=" + NOBODY,
                "--regid=" + NOBODY,
                "--clear-groups",
                "unshare",
                "-Urnm",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "--enable-native-access=ALL-UNNAMED",
                "--class-path",
                classPath,
                PodTraffic.class.getName())
            .directory(folder.getRoot().toFile())
            .redirectErrorStream(true)
            .start();
    String out;
    // All three are closed here, and not whenever they are collected: others count descriptors.
    try (var _ = process.getOutputStream();
        var output = process.getInputStream();
        var _ = process.getErrorStream()) {
      out = new String(output.readAllBytes(), StandardCharsets.UTF_8);
    }
    KernelTests.require(
        !out.startsWith("unshare: ") && !out.startsWith("setpriv: "),
        "user namespaces are not for everyone here: " + out);
    String family = "true true true true true false ";
    assertTrue(out.contains(family + family + "[lo, uplink]"), out);
    assertEquals(0, process.waitFor());
  }

  /** Where our classes lie, and a copy of the one library: its own place may be for us alone. */
  private static String classPath(Path library) throws Exception {
    Files.copy(location(Logger.class), library, StandardCopyOption.REPLACE_EXISTING);
    return String.join(
        System.getProperty("path.separator"),
        List.of(
            location(MacAddress.class).toString(),
            library.toString(),
            Path.of("target/classes").toAbsolutePath().toString(),
            Path.of("target/test-classes").toAbsolutePath().toString()));
  }

  private static Path location(Class<?> type) throws Exception {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
  }
}
