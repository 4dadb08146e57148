// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.MacAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The bytes of requests, as strace and the kernel's headers have them on a little-endian machine.
 */
class NetlinkEncodingTest {

  @BeforeEach
  void needsLittleEndian() {
    Assumptions.assumeTrue(ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN);
  }

  @Test
  void createVeth_withPeerInNetns_isOneNestedMessage() {
    var pair =
        new VethPair(
            "lxc1",
            "eth0",
            MacAddress.parse("02:00:00:00:00:01"),
            MacAddress.parse("02:00:00:00:00:02"),
            1400);
    assertBytes(
        """
        9000 0000 1000 0506 07000000 00000000
          00 00 0000 00000000 00000000 00000000
          0900 0300 6c786331 00 000000
          0a00 0100 020000000001 0000
          0800 0400 78050000
          5000 1280
            0900 0100 76657468 00 000000
            4000 0280
              3c00 0180
                00 00 0000 00000000 00000000 00000000
                0900 0300 65746830 00 000000
                0a00 0100 020000000002 0000
                0800 0400 78050000
                0800 1c00 09000000
        """,
        LinkMessages.createVeth(pair, 9, "x"));
  }

  @Test
  void replaceRoute_withLargestPacket_locksThatMetric() {
    assertBytes(
        """
        4000 0000 1800 0505 07000000 00000000
          02 20 00 00 fe 04 fd 01 00000000
          0800 0100 0a010203
          1400 0880
            0800 0100 04000000
            0800 0200 14050000
          0800 0400 05000000
        """,
        RouteMessages.replace(Route.to(IpPrefix.parse("10.1.2.3/32"), 5).mtu(1300)));
  }

  @Test
  void addRule_blackhole_carriesItsOwnerInPlaceOfATable() {
    assertBytes(
        """
        4000 0000 2000 0506 07000000 00000000
          02 00 18 00 00 00 00 06 00000000
          0800 0200 0a010200
          0900 0300 65746830 00 000000
          0800 0600 01000000
          0800 0f00 44332211
        """,
        RuleMessages.add(new BlackholeRule("eth0", IpPrefix.parse("10.1.2.0/24")), 0x11223344));
  }

  /** Begin, the change, end; numbers of nftables are in the byte order of the network. */
  @Test
  void addChain_ofADevice_isABatchOfItsOwn() {
    assertBytes(
        """
        1400 0000 1000 0100 07000000 00000000 00 00 000a
        5c00 0000 030a 0506 07000000 00000000 05 00 0000
          0800 0100 626c75 00
          0900 0300 6c786331 00 000000
          2000 0480
            0800 0100 00000000
            0800 0200 80000000
            0900 0300 6c786331 00 000000
          0800 0500 00000000
          0b00 0700 66696c746572 00 00
        1400 0000 1100 0100 07000000 00000000 00 00 000a
        """,
        NftMessages.addDroppingChain("blu", "lxc1"));
  }

  @Test
  void addAddress_v6WithoutDuplicateCheck_carriesTheFlag() {
    assertBytes(
        """
        4800 0000 1400 0506 07000000 00000000
          0a 80 00 00 05000000
          1400 0200 fd000000000000000000000000001234
          1400 0100 fd000000000000000000000000001234
          0800 0800 02000000
        """,
        AddressMessages.add(
            5, InterfaceAddress.host(IpAddress.parse("fd00::1234")), DuplicateCheck.SKIP));
  }

  @Test
  void addAddress_v4_keepsHostBits() {
    assertBytes(
        """
        2800 0000 1400 0506 07000000 00000000
          02 18 00 00 05000000
          0800 0200 0a010203
          0800 0100 0a010203
        """,
        AddressMessages.add(
            5, new InterfaceAddress(IpAddress.parse("10.1.2.3"), 24), DuplicateCheck.SKIP));
  }

  @Test
  void replaceRoute_onLinkWithSource_hasUniverseScope() {
    assertBytes(
        """
        3c00 0000 1800 0505 07000000 00000000
          02 08 00 00 fe 04 00 01 04000000
          0800 0100 0a000000
          0800 0500 c0a80001
          0800 0700 0a010203
          0800 0400 05000000
        """,
        RouteMessages.replace(
            Route.to(IpPrefix.parse("10.0.0.0/8"), 5)
                .viaOnLink(IpAddress.parse("192.168.0.1"))
                .from(IpAddress.parse("10.1.2.3"))));
  }

  @Test
  void addRoute_withoutGateway_hasLinkScope() {
    assertBytes(
        """
        2c00 0000 1800 0506 07000000 00000000
          02 20 00 00 fe 04 fd 01 00000000
          0800 0100 0a010203
          0800 0400 05000000
        """,
        RouteMessages.add(Route.to(IpPrefix.parse("10.1.2.3/32"), 5)));
  }

  @Test
  void setNeighbour_v4_isPermanentAndReplaces() {
    assertBytes(
        """
        3000 0000 1c00 0505 07000000 00000000
          02 00 0000 05000000 8000 00 00
          0800 0100 0a010203
          0a00 0200 020000000001 0000
        """,
        AddressMessages.setNeighbour(
            5, IpAddress.parse("10.1.2.3"), MacAddress.parse("02:00:00:00:00:01")));
  }

  @Test
  void setFlags_up_changesThatFlagAlone() {
    assertBytes(
        """
        2000 0000 1000 0500 07000000 00000000
          00 00 0000 05000000 01000000 01000000
        """,
        LinkMessages.setFlags(5, Link.IFF_UP, Link.IFF_UP, "up"));
  }

  @Test
  void decodeLink_ofVeth_readsPeerAndKind() {
    ByteBuffer payload =
        bytes(
            """
            00 00 0100 05000000 43100000 00000000
            0900 0300 6c786331 00 000000
            0a00 0100 020000000001 0000
            0800 0400 78050000
            0800 0500 07000000
            1000 1200 0900 0100 76657468 00 000000
            """);
    assertEquals(
        new Link(5, "lxc1", "veth", MacAddress.parse("02:00:00:00:00:01"), 1400, 0x1043, 7, ""),
        LinkMessages.decode(payload));
  }

  @Test
  void decodeRoute_equalsTheRouteThatWasEncoded() {
    Route route =
        Route.to(IpPrefix.parse("fd00::/64"), 0x1234).viaOnLink(IpAddress.parse("fe80::1"));
    byte[] message = RouteMessages.add(route).encode(1, 0);
    ByteBuffer payload = ByteBuffer.wrap(message, 16, message.length - 16).slice();
    assertEquals(route, RouteMessages.decode(payload.order(ByteOrder.nativeOrder()), 0x1234));
  }

  @Test
  void readAttributes_lengthBeyondTheEnd_isRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> NetlinkAttributes.read(bytes("0900 0300 6c786331")));
    assertThrows(IllegalArgumentException.class, () -> NetlinkAttributes.read(bytes("0300 0300")));
  }

  @Test
  void message_cappedAcknowledgement_isTheKernelsText() {
    ByteBuffer payload =
        bytes(
            """
            efffffff 2000 0000 1000 0500 07000000 00000000
            0700 0100 6e6f 00 00
            """);
    assertEquals("no", NetlinkSocket.message(2, 0x300, payload));
    assertEquals("", NetlinkSocket.message(2, 0x100, payload));
  }

  private static ByteBuffer bytes(String hex) {
    return ByteBuffer.wrap(HexFormat.of().parseHex(hex.replaceAll("\\s", "")))
        .order(ByteOrder.nativeOrder());
  }

  private static void assertBytes(String hex, NetlinkRequest request) {
    assertEquals(
        hex.replaceAll("\\s", ""), HexFormat.of().formatHex(request.encode(7, NetlinkRequest.ACK)));
  }
}
