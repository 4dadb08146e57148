// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.datapath.net.Masquerade.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MasqueradeTest {

  private static final InstanceNames NAMES = new InstanceNames("blue");

  @TempDir private Path folder;

  private static List<IpPrefix> prefixes(String... texts) {
    return Stream.of(texts).map(IpPrefix::parse).toList();
  }

  @Test
  void script_ofBothFamilies_isThisText() {
    var scope =
        new Scope(
            prefixes("10.0.1.0/24", "fd00:1::/120"),
            prefixes("10.0.2.0/24", "10.0.2.128/25", "192.0.2.2/32", "fd00:2::/120"));
    assertEquals(
        """
        add table inet t
        add set inet t inside4 { type ipv4_addr; flags interval; }
        flush set inet t inside4
        add element inet t inside4 { 10.0.1.0/24, 10.0.2.0/24, 169.254.0.0/16, 192.0.2.2/32, 224.0.0.0/4, 255.255.255.255/32 }
        add set inet t inside6 { type ipv6_addr; flags interval; }
        flush set inet t inside6
        add element inet t inside6 { fd00:1::/120, fd00:2::/120, fe80::/10, ff00::/8 }
        add chain inet t postrouting { type nat hook postrouting priority srcnat; policy accept; }
        flush chain inet t postrouting
        add rule inet t postrouting oifname { "blue_host", "blue_net", "blue_vxlan", "blue_proxy" } return
        add rule inet t postrouting ip saddr 10.0.1.0/24 ip daddr != @inside4 masquerade
        add rule inet t postrouting ip6 saddr fd00:1::/120 ip6 daddr != @inside6 masquerade
        add set inet t ipmasq4 { type ipv4_addr; flags interval; }
        delete set inet t ipmasq4
        add set inet t ipmasq6 { type ipv6_addr; flags interval; }
        delete set inet t ipmasq6
        """,
        Masquerade.script("t", NAMES, scope));
  }

  @Test
  void script_withExclusions_hasThemInSetsOfTheirOwnAndTranslatesLinkLocal() {
    var scope =
        new Scope(
            prefixes("10.0.1.0/24", "fd00:1::/120"),
            List.of(),
            Optional.of(prefixes("10.0.0.0/8", "10.1.0.0/16", "fe80::/10")));
    assertEquals(
        """
        add table inet t
        add set inet t inside4 { type ipv4_addr; flags interval; }
        flush set inet t inside4
        add element inet t inside4 { 10.0.1.0/24, 224.0.0.0/4, 255.255.255.255/32 }
        add set inet t inside6 { type ipv6_addr; flags interval; }
        flush set inet t inside6
        add element inet t inside6 { fd00:1::/120, ff00::/8 }
        add set inet t ipmasq4 { type ipv4_addr; flags interval; }
        flush set inet t ipmasq4
        add element inet t ipmasq4 { 10.0.0.0/8 }
        add set inet t ipmasq6 { type ipv6_addr; flags interval; }
        flush set inet t ipmasq6
        add element inet t ipmasq6 { fe80::/10 }
        add chain inet t postrouting { type nat hook postrouting priority srcnat; policy accept; }
        flush chain inet t postrouting
        add rule inet t postrouting oifname { "blue_host", "blue_net", "blue_vxlan", "blue_proxy" } return
        add rule inet t postrouting ip saddr 10.0.1.0/24 ip daddr != @inside4 ip daddr != @ipmasq4 masquerade
        add rule inet t postrouting ip6 saddr fd00:1::/120 ip6 daddr != @inside6 ip6 daddr != @ipmasq6 masquerade
        """,
        Masquerade.script("t", NAMES, scope));
  }

  @Test
  void excluded_asTheProgramShowsThem_areRead() throws IOException {
    var table =
        new Masquerade(NAMES, program("[ \"$1\" != -s ] || cat %s/shown".formatted(folder)));
    Files.writeString(folder.resolve("shown"), "table inet cilium4j_blue {\n}\n");
    assertEquals(Optional.empty(), table.excluded());
    Files.writeString(
        folder.resolve("shown"),
        """
        table inet cilium4j_blue {
        	set inside4 {
        		type ipv4_addr
        		flags interval
        		elements = { 10.0.1.0/24 }
        	}

        	set ipmasq4 {
        		type ipv4_addr
        		flags interval
        		elements = { 10.0.0.0/8, 172.16.0.0/12,
        			     192.0.2.7 }
        	}

        	set ipmasq6 {
        		type ipv6_addr
        		flags interval
        	}
        }
        """);
    assertEquals(
        Optional.of(prefixes("10.0.0.0/8", "172.16.0.0/12", "192.0.2.7/32")), table.excluded());
  }

  @Test
  void script_ofOneFamily_hasNoRuleOfTheOther() {
    String script =
        Masquerade.script("t", NAMES, new Scope(prefixes("fd00:1::/120"), prefixes("0.0.0.0/0")));
    assertFalse(script.contains("ip saddr"), script);
    assertTrue(script.contains("inside4 { 0.0.0.0/0 }"), script);
  }

  /** A program that notes with what it was called, and answers as a script of the shell says. */
  private Nft program(String answer) throws IOException {
    Path program = folder.resolve("nft");
    Files.writeString(
        program,
        """
        #!/bin/sh
        echo "$*" >>%1$s/calls
        [ "$1" = -s ] || cat >>%1$s/input
        %2$s
        """
            .formatted(folder, answer));
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    return new Nft(program);
  }

  private List<String> calls() throws IOException {
    return Files.readAllLines(folder.resolve("calls"));
  }

  @Test
  void apply_theSameAgain_runsNothing() throws IOException {
    var table = new Masquerade(NAMES, program(""));
    var scope = new Scope(prefixes("10.0.1.0/24"), List.of());
    table.apply(scope);
    table.apply(scope);
    assertEquals(List.of("-f -", "-s list table inet cilium4j_blue"), calls());
    table.apply(new Scope(scope.pods(), prefixes("10.0.2.0/24")));
    assertEquals(4, calls().size());
  }

  @Test
  void mend_tableShownOtherwise_writesItAgain() throws IOException {
    var table =
        new Masquerade(NAMES, program("[ \"$1\" != -s ] || cat %s/shown".formatted(folder)));
    Files.writeString(folder.resolve("shown"), "as written");
    assertFalse(table.mend());
    table.apply(new Scope(prefixes("10.0.1.0/24"), List.of()));
    assertFalse(table.mend());
    Files.writeString(folder.resolve("shown"), "changed");
    assertTrue(table.mend());
    assertFalse(table.mend());
    assertTrue(
        Files.readString(folder.resolve("input")).contains("delete table inet cilium4j_blue\n"));
  }

  @Test
  void apply_afterRemoval_runsNothing() throws IOException {
    var table = new Masquerade(NAMES, program(""));
    table.remove();
    table.apply(new Scope(prefixes("10.0.1.0/24"), List.of()));
    assertEquals(List.of("-f -"), calls());
  }

  @Test
  void apply_programRefuses_saysItsFirstLine() throws IOException {
    var table = new Masquerade(NAMES, program("echo 'Error: no'; echo more; exit 1"));
    var scope = new Scope(prefixes("10.0.1.0/24"), List.of());
    var e = assertThrows(DatapathException.class, () -> table.apply(scope));
    assertEquals(folder.resolve("nft") + ": Error: no", e.getMessage());
    assertThrows(DatapathException.class, () -> table.check(scope));
  }

  @Test
  void check_noSuchProgram_isAnError() {
    var table = new Masquerade(NAMES, new Nft(folder.resolve("missing")));
    assertThrows(
        DatapathException.class, () -> table.check(new Scope(prefixes("10.0.1.0/24"), List.of())));
  }
}
