// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.spi.IpamException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class HostScopeAllocatorTest {

  @Test
  void allocate_smallPrefix_givesAllButNetworkRouterAndBroadcast() {
    HostScopeAllocator allocator = of("10.1.2.8/29");
    assertEquals(Optional.of(IpAddress.parse("10.1.2.9")), allocator.router(IpFamily.IPV4));
    assertEquals(5, allocator.free(IpFamily.IPV4));
    var got = new ArrayList<String>();
    for (int i = 0; i < 5; i++) {
      got.add(allocator.allocate(IpFamily.IPV4, "default/a").toString());
    }
    assertEquals(List.of("10.1.2.10", "10.1.2.11", "10.1.2.12", "10.1.2.13", "10.1.2.14"), got);
    var e =
        assertThrows(IpamException.class, () -> allocator.allocate(IpFamily.IPV4, "default/late"));
    assertEquals(
        "no IPV4 address for default/late: node node-1 has used up [10.1.2.8/29]", e.getMessage());
    assertThrows(IpamException.class, () -> allocator.allocate(IpFamily.IPV6, "default/late"));
  }

  @Test
  void claim_reserved_saysForWhat() {
    HostScopeAllocator allocator = of("10.1.2.0/24", "fd00::/64");
    for (String text : List.of("10.1.2.0", "fd00::")) {
      assertRefused(allocator, text, "it is the network's own address");
    }
    for (String text : List.of("10.1.2.1", "fd00::1")) {
      assertRefused(allocator, text, "it is the node's own address");
    }
    for (String text : List.of("10.1.2.255", "fd00::ffff:ffff:ffff:ffff")) {
      assertRefused(allocator, text, "it is the network's last address");
    }
    assertRefused(allocator, "10.1.3.7", "no pod CIDR of node node-1 holds it");
  }

  private static void assertRefused(HostScopeAllocator allocator, String text, String why) {
    var e =
        assertThrows(
            IpamException.class, () -> allocator.claim(IpAddress.parse(text), "default/a"));
    assertEquals("address " + text + " for default/a: " + why, e.getMessage());
  }

  @Test
  void allocate_hugePrefix_claimsInTheWayAreStepped() {
    HostScopeAllocator allocator = of("fd00::/64");
    allocator.claim(IpAddress.parse("fd00::2"), "default/restored");
    allocator.claim(IpAddress.parse("fd00::3"), "default/restored-too");
    assertEquals(IpAddress.parse("fd00::4"), allocator.allocate(IpFamily.IPV6, "default/a"));
    allocator.claim(IpAddress.parse("fd00:0:0:0:8000::"), "default/far");
    assertEquals(Long.MAX_VALUE, allocator.free(IpFamily.IPV6));
    allocator.release(IpAddress.parse("fd00::4"), "default/a");
    assertEquals(
        IpAddress.parse("fd00::5"),
        allocator.allocate(IpFamily.IPV6, "default/a"),
        "what was given back comes last");
  }

  @Test
  void sparse_atTheEnd_beginsAnew() {
    var pool = new AddressPool.Sparse(IpPrefix.parse("fd00::/126"), AddressPool.Reserved.OF_NODE);
    assertEquals(IpAddress.parse("fd00::2"), pool.takeNext());
    pool.giveBack(IpAddress.parse("fd00::2"));
    assertEquals(IpAddress.parse("fd00::2"), pool.takeNext());
  }

  @Test
  void nodeChanged_prefixGoesAndComesBack_keepsItsOwners() {
    HostScopeAllocator allocator = of("10.1.0.0/30");
    IpAddress kept = allocator.allocate(IpFamily.IPV4, "default/a");
    allocator.nodeChanged(node("10.2.0.0/30"));
    assertEquals(Optional.of("default/a"), allocator.allocations().get(kept));
    assertEquals(IpAddress.parse("10.2.0.2"), allocator.allocate(IpFamily.IPV4, "default/b"));
    assertThrows(IpamException.class, () -> allocator.allocate(IpFamily.IPV4, "default/c"));
    allocator.nodeChanged(node("10.2.0.0/30", "10.1.0.0/30"));
    assertThrows(IpamException.class, () -> allocator.allocate(IpFamily.IPV4, "default/c"));
    assertTrue(allocator.release(kept, "default/a"));
    assertEquals(kept, allocator.allocate(IpFamily.IPV4, "default/c"));
    allocator.nodeChanged(node());
    assertTrue(allocator.release(kept, "default/c"), "also when its prefix is gone");
    assertEquals(Set.of(), allocator.families());
    assertEquals(Optional.empty(), allocator.router(IpFamily.IPV4));
  }

  @Test
  void nodeChanged_badRow_changesNothing() {
    HostScopeAllocator allocator = of("10.1.0.0/24");
    assertThrows(
        IpamException.class, () -> allocator.nodeChanged(node("10.1.0.0/24", "10.1.0.0/25")));
    assertThrows(IpamException.class, () -> allocator.nodeChanged(node("10.1.0.0/32")));
    assertThrows(
        IllegalArgumentException.class,
        () -> allocator.nodeChanged(new Node("other", List.of(), List.of())));
    assertEquals(253, allocator.free(IpFamily.IPV4));
  }

  @Test
  void allocate_badOwner_isRefused() {
    HostScopeAllocator allocator = of("10.1.0.0/24");
    for (String owner : List.of("", " ", "x".repeat(513))) {
      assertThrows(IllegalArgumentException.class, () -> allocator.allocate(IpFamily.IPV4, owner));
    }
    assertEquals(253, allocator.free(IpFamily.IPV4));
  }

  /** Against a model that knows nothing but which address has which owner. */
  @Property(tries = 200)
  void anyCalls_agreeWithTheModel(
      @ForAll @Size(max = 120) List<@IntRange(max = 9999) Integer> steps) {
    HostScopeAllocator allocator = of("10.1.0.0/29", "10.1.1.0/28", "fd00::/100");
    Map<IpAddress, String> model = new TreeMap<>();
    for (int step : steps) {
      IpFamily family = step % 2 == 0 ? IpFamily.IPV4 : IpFamily.IPV6;
      String owner = "default/pod-" + (step / 10) % 3;
      IpAddress address =
          (family == IpFamily.IPV4 ? IpAddress.parse("10.1.0.0") : IpAddress.parse("fd00::"))
              .plus((step / 100) % 20);
      switch ((step / 2) % 5) {
        case 0, 1 -> {
          try {
            IpAddress got = allocator.allocate(family, owner);
            assertEquals(null, model.put(got, owner), "given twice");
          } catch (IpamException e) {
            assertEquals(18, model.keySet().stream().filter(IpAddress::isV4).count());
          }
        }
        case 2 -> {
          boolean possible = model.getOrDefault(address, owner).equals(owner);
          try {
            allocator.claim(address, owner);
            model.put(address, owner);
            assertTrue(possible);
          } catch (IpamException e) {
            assertFalse(model.getOrDefault(address, "").equals(owner));
          }
        }
        default -> assertEquals(model.remove(address, owner), allocator.release(address, owner));
      }
    }
    var seen = new TreeMap<IpAddress, String>();
    allocator.allocations().snapshot().forEach(row -> seen.put(row.key(), row.value()));
    assertEquals(model, seen);
    assertEquals(
        18 - model.keySet().stream().filter(IpAddress::isV4).count(),
        allocator.free(IpFamily.IPV4));
  }

  private static HostScopeAllocator of(String... prefixes) {
    return new HostScopeAllocator(node(prefixes), Node::podCidrs);
  }

  private static Node node(String... prefixes) {
    return new Node("node-1", List.of(), Stream.of(prefixes).map(IpPrefix::parse).toList());
  }
}
