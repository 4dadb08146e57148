// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.conformance.IpamModeConformance;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.spi.IpamMode;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class MultiPoolModeTest extends IpamModeConformance {
  private static final Node NODE = node("10.1.2.0/26", "fd00:1:2::/80");

  private static Node node(String... cidrs) {
    List<IpPrefix> prefixes = Stream.of(cidrs).map(IpPrefix::parse).toList();
    return new Node(
        "node-1", List.of(), List.of(), Map.of("default", NodePool.of(prefixes)), Map.of());
  }

  @Override
  protected IpamAllocator open() {
    return new MultiPoolMode().open(NODE, Map.of());
  }

  @Override
  protected IpamMode mode() {
    return new MultiPoolMode();
  }

  /** What it has is in use by the node itself and stays. */
  @Override
  protected List<IpPrefix> prefixesAfter(Node changed) {
    return NodePool.cidrs(NODE.pools());
  }

  @Test
  void open_oneFamily_hasNoOther() {
    IpamAllocator allocator = new MultiPoolMode().open(NODE, Map.of("families", "ipv6"));
    assertEquals(Optional.empty(), allocator.router(IpFamily.IPV4));
    assertThrows(IpamException.class, () -> allocator.allocate(IpFamily.IPV4, "a/b"));
    assertEquals(
        List.of(IpPrefix.parse("fd00:1:2::/80")),
        allocator.prefixes().snapshot().stream().map(row -> row.key()).toList());
  }

  @Test
  void open_wrongOptions_sayWhich() {
    for (Map<String, String> options :
        List.of(
            Map.of("cidrs", "10.0.0.0/8"),
            Map.of("families", "ipx"),
            Map.of("pre-allocation", "default"),
            Map.of("pre-allocation", "default=-1"),
            Map.of("pre-allocation", "default=65537"),
            Map.of("routers", "10.0.0"))) {
      var e = assertThrows(IpamException.class, () -> new MultiPoolMode().open(NODE, options));
      assertEquals(1, String.valueOf(e.getMessage()).lines().count());
    }
  }
}
