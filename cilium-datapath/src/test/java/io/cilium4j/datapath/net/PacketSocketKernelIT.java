// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.MacAddress;
import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PacketSocketKernelIT {

  private static final int NOBODY = 65_534;

  @TempDir Path folder;

  @Test
  void forwarding_tcpBetweenVeths_arrivesWholeWithOffloads() throws Exception {
    assertEquals("arrived partial=true segmented=true dropped=0", ForwardedNetwork.run(folder));
  }

  @Test
  void forwarding_unprivilegedInUserNamespace_worksToo() throws Exception {
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
                classPath(),
                ForwardedNetwork.class.getName())
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
    int exit = process.waitFor();
    KernelTests.require(
        !out.startsWith("unshare: ") && !out.startsWith("setpriv: "),
        "user namespaces are not for everyone here: " + out);
    assertEquals("arrived partial=true segmented=true dropped=0", out.strip());
    assertEquals(0, exit);
  }

  /** Where our classes and core's lie; neither the agent nor the tests need more to run this. */
  private static String classPath() throws Exception {
    String core =
        Path.of(MacAddress.class.getProtectionDomain().getCodeSource().getLocation().toURI())
            .toString();
    return String.join(
        System.getProperty("path.separator"),
        List.of(
            core,
            Path.of("target/classes").toAbsolutePath().toString(),
            Path.of("target/test-classes").toAbsolutePath().toString()));
  }

  @Test
  void receive_frameSentOnThePeer_isReadOnceAndOwnFramesNever() {
    try (Pair pair = new Pair();
        var poller = new Poller();
        var batch = new FrameBatch(4)) {
      poller.add(pair.left, 7);
      byte[] frame = frame();
      batch.put(0, frame, frame.length);
      assertEquals(1, pair.left.send(batch, 0, 1));
      assertEquals(0, poller.poll(Duration.ofMillis(50)));
      batch.put(2, frame, frame.length);
      assertEquals(1, pair.right.send(batch, 2, 3));
      assertEquals(1, poller.poll(Duration.ofSeconds(10)));
      assertEquals(7, poller.token(0));
      assertEquals(1, pair.left.receive(batch));
      assertArrayEquals(frame, batch.copy(0));
      assertEquals(0, pair.left.receive(batch));
      assertEquals(0, poller.poll(0));
      poller.remove(pair.left);
    }
  }

  @Test
  void receive_taggedFrame_isMarkedSinceTheTagIsNotInTheBytes() {
    try (Pair pair = new Pair();
        var poller = new Poller();
        var batch = new FrameBatch(2)) {
      byte[] tagged =
          HexFormat.of()
              .parseHex("020000000001020000000002" + "81001234" + "88b5" + "00".repeat(60));
      batch.put(0, tagged, tagged.length);
      assertEquals(1, pair.right.send(batch, 0, 1));
      poller.add(pair.left, 0);
      assertEquals(1, poller.poll(10_000));
      assertEquals(1, pair.left.receive(batch));
      assertEquals(FrameKind.TAGGED, batch.kind(0));
      batch.put(0, tagged, tagged.length);
      assertEquals(FrameKind.PLAIN, batch.kind(0));
    }
  }

  @Test
  void send_moreThanTheDeviceTakes_dropsThatFrameAlone() {
    try (Pair pair = new Pair();
        var batch = new FrameBatch(3)) {
      byte[] good = frame();
      byte[] long9000 = new byte[9000];
      System.arraycopy(good, 0, long9000, 0, good.length);
      batch.put(0, good, good.length);
      batch.put(1, long9000, long9000.length);
      batch.put(2, good, good.length);
      assertEquals(2, pair.right.send(batch, 0, 3));
      assertEquals(2, pair.left.receive(batch));
    }
  }

  @Test
  void device_deleted_neitherReceivesNorThrows() {
    try (Pair pair = new Pair();
        var batch = new FrameBatch(1)) {
      pair.netlink.deleteLink(pair.left.ifindex());
      byte[] frame = frame();
      batch.put(0, frame, frame.length);
      assertEquals(0, pair.left.receive(batch));
      assertEquals(0, pair.left.receive(batch));
      assertEquals(0, pair.left.send(batch, 0, 1));
    }
  }

  @Test
  void open_noSuchDevice_isEnodev() {
    try (Pair pair = new Pair()) {
      var e = assertThrows(SystemCallException.class, () -> PacketSocket.open(pair.netns, 4711));
      assertEquals(Errno.ENODEV, e.errno());
      assertEquals("bind packet socket to device 4711: ENODEV", e.getMessage());
    }
  }

  @Test
  void wakeUp_fromAnotherThread_endsThePoll() {
    try (var poller = new Poller()) {
      Thread.ofPlatform().start(poller::wakeUp);
      long start = System.nanoTime();
      assertEquals(0, poller.poll(Duration.ofSeconds(60)));
      assertTrue(System.nanoTime() - start < Duration.ofSeconds(30).toNanos());
      // It was used up.
      assertEquals(0, poller.poll(1));
    }
  }

  @Test
  void receiveAndSend_warm_allocateNothing() throws Exception {
    try (Pair pair = new Pair();
        var poller = new Poller();
        var batch = new FrameBatch(4)) {
      poller.add(pair.left, 1);
      byte[] frame = frame();
      batch.put(0, frame, frame.length);
      int received = 0;
      long allocated = 0;
      for (int round = 0; round < 60_000; round++) {
        if (round == 50_000) {
          allocated = allocatedBytes();
        }
        pair.right.send(batch, 0, 1);
        poller.poll(1000);
        received += pair.left.receive(batch);
      }
      allocated = allocatedBytes() - allocated;
      assertEquals(60_000, received);
      // A single object per round would be 160,000 bytes; the reading itself takes some.
      assertTrue(allocated < 16_000, "allocated " + allocated + " bytes in 10,000 rounds");
    }
  }

  /** What the calling thread has allocated; by reflection, as the module reads no management. */
  private static long allocatedBytes() throws Exception {
    Object bean =
        Class.forName("java.lang.management.ManagementFactory")
            .getMethod("getThreadMXBean")
            .invoke(null);
    return (long)
        Class.forName("com.sun.management.ThreadMXBean")
            .getMethod("getCurrentThreadAllocatedBytes")
            .invoke(bean);
  }

  /** 60 bytes of an experimental protocol, which no stack answers. */
  private static byte[] frame() {
    return HexFormat.of().parseHex("020000000001020000000002" + "88b5" + "12".repeat(46));
  }

  /** Both ends of a veth in one namespace that has nothing else to say. */
  private final class Pair implements AutoCloseable {
    final Netns netns = KernelTests.netns(folder);
    final Netlink netlink = Netlink.open(netns);
    final PacketSocket left;
    final PacketSocket right;

    Pair() {
      netns.call(() -> Sysctl.writeIfPresent("net/ipv6/conf/default/disable_ipv6", "1"));
      var names =
          new VethPair(
              "left", "right", new MacAddress(2L << 40 | 1), new MacAddress(2L << 40 | 2), 1500);
      int leftIndex = netlink.createVeth(names, netns).index();
      int rightIndex = netlink.linkByName("right").orElseThrow().index();
      netlink.setUp(leftIndex);
      netlink.setUp(rightIndex);
      left = PacketSocket.open(netns, leftIndex);
      right = PacketSocket.open(netns, rightIndex);
    }

    @Override
    public void close() {
      left.close();
      right.close();
      netlink.close();
      netns.close();
      Netns.delete(netns.path());
    }
  }

  @Test
  void socketsAndPollers_openedAndClosed_leaveNoDescriptor() throws Exception {
    try (Pair pair = new Pair()) {
      OpenFiles open = OpenFiles.now();
      for (int i = 0; i < 200; i++) {
        try (var poller = new Poller();
            PacketSocket socket = PacketSocket.open(pair.netns, pair.left.ifindex())) {
          poller.add(socket, i);
        }
      }
      open.assertNoMore();
      assertTrue(Files.exists(pair.netns.path()));
    }
  }
}
