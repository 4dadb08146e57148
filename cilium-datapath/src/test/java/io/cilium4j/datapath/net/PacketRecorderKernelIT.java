// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.datapath.recorder.PacketFilter;
import io.cilium4j.datapath.recorder.PacketRecorder;
import io.cilium4j.datapath.recorder.PacketRecorder.Recording;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Packets of a namespace, in files as they are read by others. */
class PacketRecorderKernelIT {

  private static final int UDP = 17;
  private static final int LO = 1;
  private static final int FRAME_BYTES = 14 + 40 + 8 + 100;

  @TempDir private Path folder;

  private static void send(Netns netns, int port) throws IOException {
    netns.call(() -> {
      try (var socket = new DatagramSocket()) {
        for (String address : List.of("127.0.0.1", "::1")) {
          socket.send(new DatagramPacket(new byte[100], 100, InetAddress.getByName(address), port));
        }
        return true;
      }
    });
  }

  /** How many bytes there were, and are kept, of each packet in a file. */
  private static List<String> packets(Path file) throws IOException {
    ByteBuffer content = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.nativeOrder());
    List<String> packets = new ArrayList<>();
    content.position(24);
    while (content.remaining() >= 16) {
      content.position(content.position() + 8);
      int kept = content.getInt();
      packets.add(kept + " of " + content.getInt());
      content.position(content.position() + kept);
    }
    return packets;
  }

  private static void await(Path file, List<String> wanted) throws IOException {
    long end = System.nanoTime() + 20_000_000_000L;
    while (!packets(file).equals(wanted)) {
      List<String> seen = packets(file);
      assertTrue(System.nanoTime() - end < 0, () -> file + ": " + seen);
      LockSupport.parkNanos(1_000_000);
    }
  }

  @Test
  void recording_packetsOfBothFamilies_haveThoseThatItsFiltersMean() throws Exception {
    try (Netns netns = KernelTests.netns(folder);
        Netlink netlink = Netlink.open(netns);
        var recorder = new PacketRecorder("it")) {
      netlink.setUp(LO);
      Optional<IpPrefix> any = Optional.empty();
      var all =
          new Recording(
              folder.resolve("1.pcap"), List.of(new PacketFilter(any, 0, any, 7777, UDP)), 262_144);
      var v6 =
          new Recording(
              folder.resolve("2.pcap"),
              List.of(
                  new PacketFilter(Optional.of(IpPrefix.parse("::1/128")), 0, any, 7777, 0),
                  new PacketFilter(any, 0, any, 7778, 0)),
              60);
      netns.call(() -> {
        recorder.put(1, all);
        recorder.put(2, v6);
        return true;
      });
      assertTrue(recorder.isRunning(1));
      send(netns, 7777);
      send(netns, 7778);
      send(netns, 7779);
      int v4Bytes = FRAME_BYTES - 20;
      await(
          folder.resolve("1.pcap"),
          List.of(v4Bytes + " of " + v4Bytes, FRAME_BYTES + " of " + FRAME_BYTES));
      await(
          folder.resolve("2.pcap"),
          List.of("60 of " + FRAME_BYTES, "60 of " + v4Bytes, "60 of " + FRAME_BYTES));
      recorder.remove(1);
      assertFalse(recorder.isRunning(1));
      send(netns, 7777);
      await(
          folder.resolve("2.pcap"),
          List.of(
              "60 of " + FRAME_BYTES,
              "60 of " + v4Bytes,
              "60 of " + FRAME_BYTES,
              "60 of " + FRAME_BYTES));
      assertEquals(2, packets(folder.resolve("1.pcap")).size());
      Netns.delete(netns.path());
    }
  }
}
