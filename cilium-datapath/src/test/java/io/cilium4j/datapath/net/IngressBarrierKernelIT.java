// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.MacAddress;
import io.cilium4j.datapath.memory.Frames;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Frames for all stations, which reach a socket of the namespace unless their device is shut. */
class IngressBarrierKernelIT {

  private static final int PORT = 9000;

  @TempDir Path folder;

  @Test
  void shut_device_isHeardByPacketSocketsAlone() throws Exception {
    try (Netns netns = KernelTests.netns(folder);
        Netlink netlink = Netlink.open(netns)) {
      var names =
          new VethPair(
              "left", "right", new MacAddress(2L << 40 | 1), new MacAddress(2L << 40 | 2), 1500);
      int left = netlink.createVeth(names, netns).index();
      int right = netlink.linkByName("right").orElseThrow().index();
      netlink.setUp(left);
      netlink.setUp(right);
      try (DatagramSocket server = KernelTests.bound(netns, () -> new DatagramSocket(PORT));
          PacketSocket tap = PacketSocket.open(netns, left);
          PacketSocket sender = PacketSocket.open(netns, right);
          IngressBarrier barrier = netns.call(() -> new IngressBarrier(new InstanceNames("it")));
          IngressBarrier other = netns.call(() -> new IngressBarrier(new InstanceNames("it2")))) {
        assertFalse(barrier.exists());
        assertTrue(hears(server, tap, sender));
        assertTrue(barrier.shut("left"));
        assertTrue(barrier.shut("left"));
        assertFalse(hears(server, tap, sender));
        barrier.open("left");
        barrier.open("left");
        assertTrue(hears(server, tap, sender));
        barrier.shut("left");
        other.shut("right");
        barrier.remove();
        barrier.remove();
        assertFalse(barrier.exists());
        assertTrue(other.exists());
        assertTrue(hears(server, tap, sender));
        // A device that went took its chain along, or its chain waits for it: either is no error.
        other.shut("left");
        netlink.deleteLink(left);
        other.open("left");
        other.open("right");
      } finally {
        Netns.delete(netns.path());
      }
    }
  }

  /** Whether a frame reaches the socket; the packet socket sees it always. */
  private static boolean hears(DatagramSocket server, PacketSocket tap, PacketSocket sender)
      throws Exception {
    var frame =
        Frames.between(IpAddress.parse("0.0.0.0"), IpAddress.parse("255.255.255.255"))
            .udp(1000, PORT);
    Frames.fillIpv4Checksum(frame);
    byte[] bytes = Frames.bytes(frame);
    Arrays.fill(bytes, 0, 6, (byte) 0xff);
    try (var batch = new FrameBatch(8);
        var poller = new Poller()) {
      batch.put(0, bytes, bytes.length);
      assertEquals(1, sender.send(batch, 0, 1));
      poller.add(tap, 1);
      assertEquals(1, poller.poll(Duration.ofSeconds(10)));
      assertTrue(tap.receive(batch) > 0);
      poller.remove(tap);
    }
    server.setSoTimeout(400);
    try {
      server.receive(new DatagramPacket(new byte[100], 100));
      return true;
    } catch (SocketTimeoutException e) {
      return false;
    }
  }
}
