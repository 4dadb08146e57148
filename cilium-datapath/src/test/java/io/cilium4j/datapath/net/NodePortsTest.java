// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static io.cilium4j.core.service.LoadBalancerAlgorithm.MAGLEV;
import static io.cilium4j.core.service.LoadBalancerAlgorithm.RANDOM;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.MaglevParameters;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.lb.MaglevTable;
import io.cilium4j.datapath.net.NftTable.Script;
import io.cilium4j.datapath.net.NodePorts.ExternalFrontend;
import io.cilium4j.datapath.net.NodePorts.Scope;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
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

  private static final MaglevParameters SMALL = new MaglevParameters(251, "JLfvgnHc2kaSUFaI");

  private static Script whole(MaglevParameters maglev, ExternalFrontend... frontends) {
    List<ExternalFrontend> all = List.of(frontends);
    return NodePortScript.of(
        "t",
        new Scope(all, prefixes("10.0.1.0/24"), prefixes("10.0.2.0/24"), maglev),
        new BackendMaps(all, maglev));
  }

  private static String script(ExternalFrontend... frontends) {
    return whole(SMALL, frontends).text();
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
        add rule inet t f7 meta l4proto tcp dnat ip to numgen random mod 2 map @b70c7231bf145b25c_tcp
        add map inet t frontends4 { type ipv4_addr . inet_proto . inet_service : verdict; }
        flush map inet t frontends4
        add element inet t frontends4 { 192.0.2.1 . tcp . 30080 : goto f7 }
        add set inet t refused4 { type ipv4_addr . inet_proto . inet_service; }
        flush set inet t refused4
        add set inet t outside4 { type ipv4_addr . inet_proto . inet_service; }
        flush set inet t outside4
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
        add set inet t outside6 { type ipv6_addr . inet_proto . inet_service; }
        flush set inet t outside6
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
        add rule inet t prerouting ip saddr @own4 ip daddr . meta l4proto . th dport @outside4 return
        add rule inet t output ip daddr . meta l4proto . th dport @outside4 return
        add rule inet t prerouting ip daddr . meta l4proto . th dport vmap @frontends4
        add rule inet t output ip daddr . meta l4proto . th dport vmap @frontends4
        add rule inet t forward ip daddr . meta l4proto . th dport @refused4 meta l4proto tcp reject with tcp reset
        add rule inet t forward ip daddr . meta l4proto . th dport @refused4 reject
        add rule inet t forward ip daddr @addresses4 ip saddr != @own4 ct state invalid drop
        add rule inet t forward ip daddr @addresses4 ip saddr != @own4 meta l4proto tcp reject with tcp reset
        add rule inet t forward ip daddr @addresses4 ip saddr != @own4 reject
        add rule inet t postrouting ct status dnat ct original ip daddr @addresses4 ip daddr . meta l4proto . th dport @backends4 ip saddr @inside4 masquerade
        add rule inet t postrouting ct status dnat ct original ip daddr @addresses4 ip daddr . meta l4proto . th dport @backends4 ip daddr @own4 return
        add rule inet t postrouting ct status dnat ct original ip daddr @addresses4 ip daddr . meta l4proto . th dport @backends4 masquerade
        add rule inet t prerouting ip6 saddr @own6 ip6 daddr . meta l4proto . th dport @outside6 return
        add rule inet t output ip6 daddr . meta l4proto . th dport @outside6 return
        add rule inet t prerouting ip6 daddr . meta l4proto . th dport vmap @frontends6
        add rule inet t output ip6 daddr . meta l4proto . th dport vmap @frontends6
        add rule inet t forward ip6 daddr . meta l4proto . th dport @refused6 meta l4proto tcp reject with tcp reset
        add rule inet t forward ip6 daddr . meta l4proto . th dport @refused6 reject
        add rule inet t forward ip6 daddr @addresses6 ip6 saddr != @own6 ct state invalid drop
        add rule inet t forward ip6 daddr @addresses6 ip6 saddr != @own6 meta l4proto tcp reject with tcp reset
        add rule inet t forward ip6 daddr @addresses6 ip6 saddr != @own6 reject
        add rule inet t postrouting ct status dnat ct original ip6 daddr @addresses6 ip6 daddr . meta l4proto . th dport @backends6 ip6 saddr @inside6 masquerade
        add rule inet t postrouting ct status dnat ct original ip6 daddr @addresses6 ip6 daddr . meta l4proto . th dport @backends6 ip6 daddr @own6 return
        add rule inet t postrouting ct status dnat ct original ip6 daddr @addresses6 ip6 daddr . meta l4proto . th dport @backends6 masquerade
        """,
        script(
            new ExternalFrontend(
                7,
                key("192.0.2.1", 30_080),
                backends("10.0.2.5", "10.0.1.5"),
                false,
                List.of(),
                false,
                RANDOM,
                false)));
  }

  @Test
  void script_ofAffinity_choosesByTheClient() {
    String script =
        script(
            new ExternalFrontend(
                1,
                key("fd00::1", 80),
                backends("fd00:1::5", "fd00:1::6"),
                true,
                List.of(),
                false,
                RANDOM,
                false));
    assertTrue(script.contains("dnat ip6 to jhash ip6 saddr mod 2 seed "), script);
  }

  @Test
  void script_ofSources_dropsOthers() {
    List<Backend> one = backends("10.0.1.5");
    var given = prefixes("192.0.2.0/24", "fd00::/8");
    String v4 =
        script(
            new ExternalFrontend(
                1, key("198.51.100.1", 80), one, false, given, false, RANDOM, false));
    assertTrue(v4.contains("f1 ip saddr != { 192.0.2.0/24 } drop\n"), v4);
    // None of its family: nobody.
    String other =
        script(
            new ExternalFrontend(
                1,
                key("198.51.100.1", 80),
                one,
                false,
                prefixes("fd00::/8"),
                false,
                RANDOM,
                false));
    assertTrue(other.contains("f1 drop\n"), other);
    assertFalse(other.contains("f1 meta"), other);
  }

  /** CVE-2020-8554: a service takes nothing that pods and processes of the node send outside. */
  @Test
  void script_forOutsideOnly_leavesPodsAndProcessesAlone() {
    FrontendKey key = key("198.51.100.1", 80);
    String script =
        script(
            new ExternalFrontend(
                1, key, backends("10.0.1.5"), false, List.of(), false, RANDOM, true));
    assertTrue(
        script.contains(
            """
            add element inet t outside4 { 198.51.100.1 . tcp . 80 }
            """),
        script);
    String nobody =
        script(new ExternalFrontend(1, key, List.of(), false, List.of(), false, RANDOM, true));
    assertFalse(nobody.contains("element inet t refused4"), nobody);
    String forAll =
        script(
            new ExternalFrontend(
                1, key, backends("10.0.1.5"), false, List.of(), false, RANDOM, false));
    assertFalse(forAll.contains("element inet t outside4"), forAll);
    assertTrue(nobody.contains("addresses4 { 198.51.100.1 }"), nobody);
  }

  @Test
  void script_withoutBackends_refusesOrIsSilent() {
    FrontendKey key = key("198.51.100.1", 80);
    String nobody =
        script(new ExternalFrontend(1, key, List.of(), false, List.of(), false, RANDOM, false));
    assertTrue(nobody.contains("refused4 { 198.51.100.1 . tcp . 80 }\n"), nobody);
    assertFalse(nobody.contains("goto"), nobody);
    String elsewhere =
        script(new ExternalFrontend(1, key, List.of(), false, List.of(), true, RANDOM, false));
    assertTrue(elsewhere.contains("f1 drop\n"), elsewhere);
    assertTrue(elsewhere.contains("goto f1"), elsewhere);
  }

  private static ExternalFrontend maglev(int number, String address, List<Backend> backends) {
    return new ExternalFrontend(
        number, key(address, 80), backends, false, List.of(), false, MAGLEV, false);
  }

  @Test
  void script_ofMaglev_leadsIntoAMapThatFrontendsShare() {
    List<Backend> two = backends("10.0.1.5", "10.0.2.5");
    Script script =
        whole(
            SMALL,
            maglev(1, "192.0.2.1", two),
            maglev(2, "198.51.100.1", two.reversed()),
            maglev(3, "fd00::1", backends("fd00:1::5", "fd00:1::6", "fd00:1::7")),
            maglev(4, "192.0.2.4", backends("10.0.1.5")),
            new ExternalFrontend(
                5, key("192.0.2.5", 80), two, true, List.of(), false, MAGLEV, false));
    assertEquals(2, script.constants().size(), () -> script.constants().keySet().toString());
    String map = "m" + new MaglevTable(two, SMALL).digest() + "_tcp";
    String rule =
        "meta l4proto tcp dnat ip to jhash ip saddr . th sport mod 251 seed 616034178 map @";
    assertTrue(script.text().contains("f1 " + rule + map + "\n"), script::text);
    assertTrue(script.text().contains("f2 " + rule + map + "\n"), script::text);
    assertTrue(
        script
            .text()
            .contains("f3 meta l4proto tcp dnat ip6 to jhash ip6 saddr . th sport mod 251"),
        script::text);
    // Nothing to choose from; and a client with affinity is its address alone.
    assertTrue(script.text().contains("f4 meta l4proto tcp dnat ip to 10.0.1.5:8080\n"));
    assertTrue(script.text().contains("jhash ip saddr mod 251 seed 616034178 map @" + map + "\n"));
    String made = Objects.requireNonNull(script.constants().get(map)).get();
    assertTrue(
        made.startsWith(
            "add map inet t "
                + map
                + " { typeof numgen inc mod 2 : ip daddr . tcp dport; flags constant; elements = {"
                + " 0 : "),
        made);
    assertTrue(
        made.endsWith(", 250 : " + place(new MaglevTable(two, SMALL).slots()) + " } }\n"), made);
  }

  private static String place(List<Backend> slots) {
    return slots.getLast().address() + " . " + slots.getLast().port();
  }

  @Test
  void maglev_moreTablesThanThereIsRoomFor_leavesOutTheSameOnEachNode() {
    MaglevParameters largest = new MaglevParameters(131_071, SMALL.hashSeed());
    List<ExternalFrontend> frontends =
        new ArrayList<>(
            IntStream.rangeClosed(1, 10)
                .mapToObj(i -> maglev(i, "192.0.2." + i, backends("10.0.1." + i, "10.0.2." + i)))
                .toList());
    var maps = new BackendMaps(frontends, largest);
    List<ExternalFrontend> without =
        frontends.stream().filter(each -> !maps.hasTable(each)).toList();
    assertEquals(2, without.size());
    assertEquals(10, maps.definitions("inet t").size());
    assertEquals(
        8,
        maps.definitions("inet t").keySet().stream().filter(each -> each.startsWith("m")).count());
    assertEquals(
        "2 of 10 Maglev tables are not made: there is room for 8 of 131,071 slots, and a slot for"
            + " each backend; the clients of these services move when backends change",
        maps.problem());
    Collections.reverse(frontends);
    var others = new BackendMaps(frontends, largest);
    assertEquals(
        new HashSet<>(without),
        new HashSet<>(frontends.stream().filter(each -> !others.hasTable(each)).toList()));
    // Without a table it is the client that chooses still, alike on all nodes.
    Script script = whole(largest, frontends.toArray(ExternalFrontend[]::new));
    int one = without.getFirst().number();
    String rule =
        "f%d meta l4proto tcp dnat ip to jhash ip saddr . th sport mod 2 seed 616034178 map @b"
            .formatted(one);
    assertTrue(script.text().contains(rule), script::text);
    String list = "elements = { 0 : 10.0.1.%1$d . 8080, 1 : 10.0.2.%1$d . 8080 } }".formatted(one);
    assertTrue(
        script.constants().values().stream().anyMatch(each -> each.get().contains(list)), list);
  }

  @Test
  void maglev_moreBackendsThanSlots_hasNoTable() {
    List<Backend> many =
        IntStream.range(0, 252)
            .mapToObj(i -> Backend.active(IpAddress.parse("10.0.1.0").plus(i), 8080))
            .toList();
    var maps = new BackendMaps(List.of(maglev(1, "192.0.2.1", many)), SMALL);
    assertTrue(maps.definitions("inet t").keySet().iterator().next().startsWith("b"));
    assertTrue(maps.problem().startsWith("1 of 1 Maglev tables are not made: "), maps::problem);
    // The same set in other states is no other table.
    List<Backend> two = backends("10.0.1.5", "10.0.2.5");
    List<Backend> ending =
        two.stream()
            .map(each -> new Backend(each.address(), each.port(), Backend.State.TERMINATING))
            .toList();
    var same =
        new BackendMaps(
            List.of(maglev(1, "192.0.2.1", two), maglev(2, "192.0.2.2", ending)), SMALL);
    assertEquals("", same.problem());
    assertEquals(1, same.definitions("inet t").size());
  }

  @Test
  void maglevListing_ofTheProgramsText_isTheTable() {
    String text =
        """
        table inet t {
        	map frontends4 {
        		type ipv4_addr . inet_proto . inet_service : verdict
        		elements = { 192.0.2.1 . tcp . 30080 : goto f7 }
        	}

        	map m0123456789abcdef_tcp {
        		typeof numgen inc mod 2 : ip6 daddr . tcp dport
        		flags constant
        		elements = { 0 : fd00:1::5 . 8080, 1 : fd00:1::6 . 8080,
        			     2 : fd00:1::5 . 8080 }
        	}

        	chain f7 {
        		ip6 saddr != { fd00::/8 } drop
        		dnat ip6 to jhash ip6 saddr . tcp sport mod 3 seed 0x1 map @m0123456789abcdef_tcp
        	}

        	chain f8 {
        		dnat ip6 to jhash ip6 saddr mod 2 seed 0x1 map { 0 : fd00::1 . 80, 1 : fd00::2 . 80 }
        	}
        }
        """;
    List<Backend> two = backends("fd00:1::5", "fd00:1::6");
    assertEquals(
        Map.of(7, List.of(two.getFirst(), two.getLast(), two.getFirst())),
        MaglevListing.read(text));
    assertEquals(Map.of(), MaglevListing.read(""));
  }
}
