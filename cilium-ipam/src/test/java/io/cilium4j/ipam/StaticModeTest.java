// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.conformance.IpamModeConformance;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.spi.IpamMode;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StaticModeTest extends IpamModeConformance {
  private static final Node NODE = new Node("node-1", List.of(), List.of());

  /** Two small IPv4 prefixes, and an IPv6 one that is small enough for a bitmap. */
  @Override
  protected IpamAllocator open() {
    return new StaticMode().open(NODE, Map.of("cidrs", "10.1.0.0/29, 10.1.1.0/28, fd00::/112"));
  }

  @Override
  protected IpamMode mode() {
    return new StaticMode();
  }

  /** What stands in the options, whatever the node's row says. */
  @Override
  protected List<IpPrefix> prefixesAfter(Node changed) {
    return List.of(
        IpPrefix.parse("10.1.0.0/29"), IpPrefix.parse("10.1.1.0/28"), IpPrefix.parse("fd00::/112"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "10.0.0.0",
        "10.0.0.0/24,",
        "10.0.0.0/31",
        "fd00::/127",
        "10.0.0.0/8,10.1.0.0/16"
      })
  void open_wrongCidrs_areRefusedWithOneLine(String cidrs) {
    var e =
        assertThrows(
            IpamException.class, () -> new StaticMode().open(NODE, Map.of("cidrs", cidrs)));
    assertEquals(1, String.valueOf(e.getMessage()).lines().count());
  }

  @Test
  void open_noOption_saysWhatIsWanted() {
    var e = assertThrows(IpamException.class, () -> new StaticMode().open(NODE, Map.of()));
    assertEquals("IPAM mode static: options []: wanted cidrs and no other", e.getMessage());
  }
}
