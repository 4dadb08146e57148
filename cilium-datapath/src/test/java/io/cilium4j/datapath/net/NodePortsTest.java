// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.net.NodePorts.ExternalFrontend;
import io.cilium4j.datapath.net.NodePorts.Scope;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class NodePortsTest {

  private static FrontendKey key(String address, int port) {
    return new FrontendKey(IpAddress.parse(address), port, Protocol.TCP);
  }

  private static List<Backend> backends(String... addresses) {
    return Stream.of(addresses).map(each -> Backend.active(IpAddress.parse(each), 8080)).toList();
  }

  private static List<IpPrefix> prefixes(String... texts) {
    return Stream.of(texts).map(IpPrefix::parse).toList();
  }

  private static String script(ExternalFrontend... frontends) {
    return NodePorts.script(
        "t", new Scope(List.of(frontends), prefixes("10.0.1.0/24"), prefixes("10.0.2.0/24")));
  }

  @Test
  void script_ofOneFrontend_isThisText() {
    assertEquals(
        """
        add table inet t
        add set inet t inside4 { type ipv4_addr; flags interval; }
        flush set inet t inside4
        add element inet t inside4 { 10.0.1.0/24, 10.0.2.0/24, 169.254.0.0/16, 224.0.0.0/4, 255.255.255.255/32 }
        add set inet t inside6 { type ipv6_addr; flags interval; }
        flush set inet t inside6
        add element inet t inside6 { fe80::/10, ff00::/8 }
        add set inet t own4 { type ipv4_addr; flags interval; }
        flush set inet t own4
        add element inet t own4 { 10.0.1.0/24 }
        add set inet t own6 { type ipv6_addr; flags interval; }
        flush set inet t own6
        add chain inet t f7
        flush chain inet t f7
        add rule inet t f7 meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.0.1.5 . 8080, 1 : 10.0.2.5 . 8080 }
        add map inet t frontends4 { type ipv4_addr . inet_proto . inet_service : verdict; }
        flush map inet t frontends4
        add element inet t frontends4 { 192.0.2.1 . tcp . 30080 : goto f7 }
        add set inet t refused4 { type ipv4_addr . inet_proto . inet_service; }
        flush set inet t refused4
        add set inet t addresses4 { type ipv4_addr; }
        flush set inet t addresses4
        add element inet t addresses4 { 192.0.2.1 }
        add set inet t backends4 { type ipv4_addr . inet_proto . inet_service; }
        flush set inet t backends4
        add element inet t backends4 { 10.0.1.5 . tcp . 8080, 10.0.2.5 . tcp . 8080 }
        add map inet t frontends6 { type ipv6_addr . inet_proto . inet_service : verdict; }
        flush map inet t frontends6
        add set inet t refused6 { type ipv6_addr . inet_proto . inet_service; }
        flush set inet t refused6
        add set inet t addresses6 { type ipv6_addr; }
        flush set inet t addresses6
        add set inet t backends6 { type ipv6_addr . inet_proto . inet_service; }
        flush set inet t backends6
        add chain inet t prerouting { type nat hook prerouting priority dstnat; policy accept; }
        flush chain inet t prerouting
        add chain inet t output { type nat hook output priority -100; policy accept; }
        flush chain inet t output
        add chain inet t postrouting { type nat hook postrouting priority srcnat - 1; policy accept; }
        flush chain inet t postrouting
        add chain inet t forward { type filter hook forward priority filter; policy accept; }
        flush chain inet t forward
        add rule inet t prerouting ip daddr . meta l4proto . th dport vmap @frontends4
        add rule inet t output ip daddr . meta l4proto . th dport vmap @frontends4
        add rule inet t forward ip daddr . meta l4proto . th dport @refused4 meta l4proto tcp reject with tcp reset
        add rule inet t forward ip daddr . meta l4proto . th dport @refused4 reject
        add rule inet t forward ip daddr @addresses4 ip saddr != @own4 ct state invalid drop
        add rule inet t forward ip daddr @addresses4 ip saddr != @own4 meta l4proto tcp reject with tcp reset
        add rule inet t forward ip daddr @addresses4 ip saddr != @own4 reject
        add rule inet t postrouting ct status dnat ct original ip daddr @addresses4 ip daddr . meta l4proto . th dport @backends4 ip saddr @inside4 masquerade
        add rule inet t postrouting ct status dnat ct original ip daddr @addresses4 ip daddr . meta l4proto . th dport @backends4 ip daddr 10.0.1.0/24 return
        add rule inet t postrouting ct status dnat ct original ip daddr @addresses4 ip daddr . meta l4proto . th dport @backends4 masquerade
        add rule inet t prerouting ip6 daddr . meta l4proto . th dport vmap @frontends6
        add rule inet t output ip6 daddr . meta l4proto . th dport vmap @frontends6
        add rule inet t forward ip6 daddr . meta l4proto . th dport @refused6 meta l4proto tcp reject with tcp reset
        add rule inet t forward ip6 daddr . meta l4proto . th dport @refused6 reject
        add rule inet t forward ip6 daddr @addresses6 ip6 saddr != @own6 ct state invalid drop
        add rule inet t forward ip6 daddr @addresses6 ip6 saddr != @own6 meta l4proto tcp reject with tcp reset
        add rule inet t forward ip6 daddr @addresses6 ip6 saddr != @own6 reject
        add rule inet t postrouting ct status dnat ct original ip6 daddr @addresses6 ip6 daddr . meta l4proto . th dport @backends6 ip6 saddr @inside6 masquerade
        add rule inet t postrouting ct status dnat ct original ip6 daddr @addresses6 ip6 daddr . meta l4proto . th dport @backends6 masquerade
        """,
        script(
            new ExternalFrontend(
                7,
                key("192.0.2.1", 30_080),
                backends("10.0.2.5", "10.0.1.5"),
                false,
                List.of(),
                false)));
  }

  @Test
  void script_ofAffinity_choosesByTheClient() {
    String script =
        script(
            new ExternalFrontend(
                1, key("fd00::1", 80), backends("fd00:1::5", "fd00:1::6"), true, List.of(), false));
    assertTrue(script.contains("dnat ip6 to jhash ip6 saddr mod 2 seed "), script);
  }

  @Test
  void script_ofSources_dropsOthers() {
    List<Backend> one = backends("10.0.1.5");
    var given = prefixes("192.0.2.0/24", "fd00::/8");
    String v4 = script(new ExternalFrontend(1, key("198.51.100.1", 80), one, false, given, false));
    assertTrue(v4.contains("f1 ip saddr != { 192.0.2.0/24 } drop\n"), v4);
    // None of its family: nobody.
    String other =
        script(
            new ExternalFrontend(
                1, key("198.51.100.1", 80), one, false, prefixes("fd00::/8"), false));
    assertTrue(other.contains("f1 drop\n"), other);
    assertFalse(other.contains("f1 meta"), other);
  }

  @Test
  void script_withoutBackends_refusesOrIsSilent() {
    FrontendKey key = key("198.51.100.1", 80);
    String nobody = script(new ExternalFrontend(1, key, List.of(), false, List.of(), false));
    assertTrue(nobody.contains("refused4 { 198.51.100.1 . tcp . 80 }\n"), nobody);
    assertFalse(nobody.contains("goto"), nobody);
    String elsewhere = script(new ExternalFrontend(1, key, List.of(), false, List.of(), true));
    assertTrue(elsewhere.contains("f1 drop\n"), elsewhere);
    assertTrue(elsewhere.contains("goto f1"), elsewhere);
  }
}
