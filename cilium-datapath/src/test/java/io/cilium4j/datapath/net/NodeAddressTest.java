// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.MacAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NodeAddressTest {

  private static final int LO = 1;
  private static final int ETH = 2;
  private static final int GLOBAL = 0;
  private static final int NODE = 254;
  private static final int TENTATIVE = 0x40;
  private static final int OPTIMISTIC = 0x04;
  private static final int DAD_FAILED = 0x08;
  private static final String NO_BROADCAST = "-";
  private static final int NO_PREFIX_ROUTE = 0x200;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          10.1.2.3     | 10.1.2.0/24      | -          | 10.1.2.3/32 10.1.2.255/32
          10.1.2.3     | 10.1.2.0/24      | 10.1.2.255 | 10.1.2.3/32 10.1.2.255/32
          10.1.2.3     | 10.1.2.0/24      | 10.1.2.0   | 10.1.2.3/32 10.1.2.0/32 10.1.2.255/32
          10.1.2.3     | 10.1.2.3/32      | -          | 10.1.2.3/32
          10.1.2.3     | 10.1.2.3/32      | 10.1.2.3   | 10.1.2.3/32
          10.1.2.3     | 10.1.2.2/31      | -          | 10.1.2.3/32
          10.1.2.3     | 10.9.0.0/16      | -          | 10.1.2.3/32 10.9.255.255/32
          169.254.20.1 | 169.254.20.1/32  | -          | 169.254.20.1/32
          10.1.2.3     | 0.0.0.0/0        | 0.0.0.0    | 10.1.2.3/32
          10.1.2.3     | 10.0.0.0/8       | 255.255.255.255 | 10.1.2.3/32 10.255.255.255/32
          fd00::5      | fd00::/64        | -          | fd00::5/128 fd00::/128
          fd00::5      | fd00::5/128      | -          | fd00::5/128
          fd00::5      | fd00::4/127      | -          | fd00::5/128
          fd00::5      | ::/0             | -          | fd00::5/128
          fe80::5      | fe80::/64        | -          | ''
          febf::5      | febf::/64        | -          | ''
          fec0::5      | fec0::/64        | -          | fec0::5/128 fec0::/128
          ::1          | ::1/128          | -          | ::1/128
          """)
  void delivered_ofADevice_isWhatTheKernelTakes(
      String address, String subnet, String broadcast, String expected) {
    assertEquals(expected, text(of(address, subnet, 0, broadcast).delivered(false)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          127.0.0.1    | 127.0.0.0/8     | 127.0.0.1/32 127.0.0.0/8
          169.254.20.1 | 169.254.20.1/32 | 169.254.20.1/32
          198.51.100.1 | 198.51.100.0/24 | 198.51.100.1/32 198.51.100.0/24
          ::1          | ::1/128         | ::1/128
          """)
  void delivered_ofALoopbackDevice_isTheWholeIpv4Subnet(
      String address, String subnet, String expected) {
    assertEquals(expected, text(of(address, subnet, 0, NO_BROADCAST).delivered(true)));
  }

  @Test
  void delivered_onLoopbackWithoutItsRoute_isTheAddress() {
    assertEquals(
        "198.51.100.1/32",
        text(of("198.51.100.1", "198.51.100.0/24", NO_PREFIX_ROUTE, NO_BROADCAST).delivered(true)));
  }

  /** Somebody else's, perhaps: what he says from it must not be taken for ours. */
  @Test
  void delivered_whileTheLinkIsAsked_isNothing() {
    assertEquals("", text(of("fd00::5", "fd00::/64", TENTATIVE, NO_BROADCAST).delivered(false)));
    assertEquals("", text(of("fd00::5", "fd00::/64", DAD_FAILED, NO_BROADCAST).delivered(false)));
    assertEquals(
        "fd00::5/128 fd00::/128",
        text(of("fd00::5", "fd00::/64", TENTATIVE | OPTIMISTIC, NO_BROADCAST).delivered(false)));
  }

  @Test
  void external_withoutNames_isWhatHasAGlobalAddressOrADefaultRoute() {
    NodeNetwork network =
        new NodeNetwork(
            Map.of(
                LO,
                link(LO, "lo", Link.IFF_LOOPBACK),
                ETH,
                link(ETH, "eth0", 0),
                3,
                link(3, "cilium_host", 0),
                4,
                link(4, "lxc5", 0),
                5,
                link(5, "wan", 0),
                6,
                link(6, "idle", 0)),
            List.of(
                address(LO, "198.51.100.1", GLOBAL),
                address(ETH, "10.1.2.3", GLOBAL),
                address(3, "10.244.0.1", GLOBAL),
                address(4, "10.244.0.1", NODE - 1),
                address(6, "fe80::5", NODE - 1)),
            Set.of(5),
            Set.of());
    assertEquals(Set.of("eth0", "wan"), names(network, List.of()));
    assertEquals(Set.of("eth0", "wan", "cilium_host"), names(network, List.of(), ""));
    assertEquals(Set.of("idle"), names(network, List.of("idle", "lo", "cilium_host", "none")));
    assertEquals(Set.of("eth0", "idle"), names(network, List.of("eth+", "idl+")));
    assertEquals(Set.of("eth0", "wan", "idle", "lxc5"), names(network, List.of("+")));
    assertEquals(Set.of(), names(network, List.of("eth")));
  }

  /** By these it reaches its pods and not a network, under whichever name. */
  @Test
  void external_devicesOfAnotherInstance_areLeftOut() {
    NodeNetwork network =
        new NodeNetwork(
            Map.of(
                ETH,
                link(ETH, "eth0", 0, "uplink"),
                3,
                link(3, "blue_host", 0, PrefixUse.alias("blue", List.of())),
                4,
                link(4, "green_host", 0)),
            List.of(
                address(ETH, "10.1.2.3", GLOBAL),
                address(3, "10.245.0.1", GLOBAL),
                address(4, "10.246.0.1", GLOBAL)),
            Set.of(),
            Set.of());
    assertEquals(Set.of("eth0", "green_host"), names(network, List.of()));
    assertEquals(Set.of("eth0", "green_host"), names(network, List.of("+")));
  }

  private static Set<String> names(NodeNetwork network, List<String> wanted) {
    return names(network, wanted, "cilium_host");
  }

  private static Set<String> names(NodeNetwork network, List<String> wanted, String ours) {
    return network.external(wanted, link -> link.name().equals(ours)).stream()
        .map(Link::name)
        .collect(Collectors.toSet());
  }

  @Test
  void decode_ofAPeersAddress_tellsOursAndTheSubnetOfTheOther() {
    Assumptions.assumeTrue(ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN);
    NodeAddress read =
        read(
            """
            02 18 80 00 07000000
            0800 0100 0a09 0102
            0800 0200 0a01 0203
            0800 0400 0a09 01ff
            0800 0800 80020000
            """);
    assertEquals(
        new NodeAddress(
            7,
            IpAddress.parse("10.1.2.3"),
            IpPrefix.parse("10.9.1.0/24"),
            0,
            0x280,
            Optional.of(IpAddress.parse("10.9.1.255"))),
        read);
  }

  /** {@code ::ffff:1.2.3.4/128} on a device: an IPv4 address to us, and none with that length. */
  @Test
  void decode_ofAMappedAddress_isPassedOver() {
    Assumptions.assumeTrue(ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN);
    assertNull(
        read(
            """
            0a 80 00 00 07000000
            1400 0100 00000000 00000000 0000ffff 01020304
            """));
  }

  private static @Nullable NodeAddress read(String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex.replaceAll("\\s", ""));
    return AddressMessages.decode(ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder()));
  }

  private static NodeAddress of(String address, String subnet, int flags, String broadcast) {
    return new NodeAddress(
        ETH,
        IpAddress.parse(address),
        IpPrefix.parse(subnet),
        GLOBAL,
        flags,
        IpAddress.tryParse(broadcast));
  }

  private static NodeAddress address(int ifindex, String address, int scope) {
    IpAddress parsed = IpAddress.parse(address);
    return new NodeAddress(ifindex, parsed, IpPrefix.host(parsed), scope, 0, Optional.empty());
  }

  private static Link link(int index, String name, int flags) {
    return link(index, name, flags, "");
  }

  private static Link link(int index, String name, int flags, String alias) {
    return new Link(index, name, "", new MacAddress(index), 1500, flags, 0, alias);
  }

  private static String text(Set<IpPrefix> prefixes) {
    return prefixes.stream().map(IpPrefix::toString).collect(Collectors.joining(" "));
  }
}
