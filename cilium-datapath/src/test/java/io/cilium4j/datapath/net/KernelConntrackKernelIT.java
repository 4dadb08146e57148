// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Protocol;
import io.cilium4j.datapath.net.KernelConntrack.Connection;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KernelConntrackKernelIT {

  private static final int LO = 1;

  @TempDir private Path folder;

  @ParameterizedTest
  @EnumSource
  void connections_translated_areListedAndForgotten(IpFamily family) throws Exception {
    Optional<Nft> nft = Nft.find();
    assumeTrue(nft.isPresent());
    boolean isV4 = family == IpFamily.IPV4;
    InetAddress own = InetAddress.getByName(isV4 ? "127.0.0.1" : "::1");
    try (Netns netns = KernelTests.netns(folder);
        Netlink netlink = Netlink.open(netns);
        KernelConntrack connections = netns.call(KernelConntrack::open)) {
      netlink.setUp(LO);
      netns.call(() -> {
        nft.get()
            .apply(
                """
                add table inet t
                add chain inet t output { type nat hook output priority -100; policy accept; }
                add rule inet t output udp dport 7000 dnat %s to %s
                """
                    .formatted(isV4 ? "ip" : "ip6", isV4 ? "127.0.0.1:7001" : "[::1]:7001"));
        return true;
      });
      try (DatagramSocket server = netns.call(() -> new DatagramSocket(7001));
          DatagramSocket client = netns.call(() -> new DatagramSocket())) {
        client.send(new DatagramPacket(new byte[1], 1, own, 7000));
        server.setSoTimeout(10_000);
        server.receive(new DatagramPacket(new byte[1], 1));
        List<Connection> all = connections.list(family);
        assertEquals(1, all.size(), all::toString);
        Connection seen = all.getFirst();
        assertEquals(Protocol.UDP.number(), seen.protocol());
        assertEquals(client.getLocalPort(), seen.original().sourcePort());
        assertEquals(7000, seen.original().destinationPort());
        assertEquals(7001, seen.translated().destinationPort());
        assertTrue(seen.isDestinationTranslated());
        assertTrue(seen.secondsLeft() > 0);
        assertEquals(0, connections.delete(family, each -> each.protocol() == 6));
        assertEquals(1, connections.delete(family, each -> each.id() == seen.id()));
        assertEquals(List.of(), connections.list(family));
      }
      Netns.delete(netns.path());
    }
  }
}
