// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.MacAddress;
import io.cilium4j.datapath.bpf.SystemCallException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NetRecordsTest {

  private static final MacAddress MAC = new MacAddress(2L << 40);

  @ParameterizedTest
  @ValueSource(strings = {"", ".", "..", "a/b", "a b", "a:b", "a%d", "sixteencharacter", "\u00e4"})
  void vethPair_badName_isRefused(String name) {
    assertThrows(IllegalArgumentException.class, () -> new VethPair(name, "eth0", MAC, MAC, 1500));
    assertThrows(IllegalArgumentException.class, () -> new VethPair("eth0", name, MAC, MAC, 1500));
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 67, 65_536})
  void vethPair_badMtu_isRefused(int mtuBytes) {
    assertThrows(IllegalArgumentException.class, () -> new VethPair("a", "b", MAC, MAC, mtuBytes));
  }

  @Test
  void route_text_isAsIpRouteHasIt() {
    Route route =
        Route.to(IpPrefix.parse("10.0.0.0/8"), 5)
            .viaOnLink(IpAddress.parse("192.168.0.1"))
            .from(IpAddress.parse("10.1.2.3"));
    assertEquals("10.0.0.0/8 via 192.168.0.1 dev 5 src 10.1.2.3 onlink", route.toString());
    assertNotEquals(route, route.via(IpAddress.parse("192.168.0.2")));
  }

  @Test
  void route_gatewayOfTheOtherFamily_isRefused() {
    Route route = Route.to(IpPrefix.parse("10.0.0.0/8"), 5);
    IpAddress v6 = IpAddress.parse("fe80::1");
    assertThrows(IllegalArgumentException.class, () -> route.via(v6));
    assertThrows(IllegalArgumentException.class, () -> route.viaOnLink(v6));
    assertThrows(IllegalArgumentException.class, () -> route.from(v6));
    assertThrows(IllegalArgumentException.class, () -> Route.to(IpPrefix.parse("10.0.0.0/8"), 0));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "net",
        "net/",
        "kernel/hostname",
        "net/../kernel",
        "net/.",
        "net//x",
        "/net/x"
      })
  void sysctl_keyOutsideOfNet_isRefused(String key) {
    assertThrows(IllegalArgumentException.class, () -> Sysctl.read(key));
  }

  @Test
  void errors_sayCallObjectAndReasonInOneLine() {
    assertEquals(
        "setns /run/netns/x: EPERM",
        new SystemCallException("setns", "/run/netns/x", 1).getMessage());
    assertEquals(
        "RTM_NEWLINK veth a: EEXIST (in use)",
        new NetlinkException("RTM_NEWLINK", "veth a", 17, "in use").getMessage());
    assertEquals("errno 999", new SystemCallException("x", "y", 999).errnoName());
  }
}
