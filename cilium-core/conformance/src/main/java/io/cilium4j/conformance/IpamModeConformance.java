// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.spi.IpamMode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the allocator of every {@link io.cilium4j.core.spi.IpamMode} must do. */
public abstract class IpamModeConformance {

  /** So few that a test can use them all up. */
  protected static final int MOST_FREE = 300;

  private IpamAllocator allocator;

  /**
   * An allocator with addresses of both families, nothing of it in use, and 4 to {@link #MOST_FREE}
   * addresses free of IPv4.
   */
  protected abstract IpamAllocator open();

  /** The mode, as {@link java.util.ServiceLoader} makes it. */
  protected abstract IpamMode mode();

  /**
   * Prefixes of both families that addresses come from once the allocator of {@link #open} was told
   * of this row of its node: the row's, or those that it has in any case.
   */
  protected abstract List<IpPrefix> prefixesAfter(Node changed);

  /** For the implementation's test class. */
  protected IpamModeConformance() {}

  @BeforeEach
  void openAllocator() {
    allocator = open();
  }

  @Test
  void serviceLoader_nameOfTheMode_findsIt() {
    Discovery.assertFound(ServiceLoader.load(IpamMode.class), IpamMode::name, mode());
  }

  @Test
  void nodeChanged_otherPrefixes_ownersKeepTheirsAndOthersComeFromTheNewOnes() {
    var changed =
        new Node(
            "node-1",
            List.of(),
            List.of(IpPrefix.parse("10.77.0.0/26"), IpPrefix.parse("fd00:77::/112")));
    for (IpFamily family : IpFamily.values()) {
      IpAddress before = allocator.allocate(family, "default/before");
      allocator.nodeChanged(changed);
      allocator.nodeChanged(changed);
      assertEquals(Optional.of("default/before"), allocator.allocations().get(before));
      IpAddress after = allocator.allocate(family, "default/after");
      assertTrue(
          prefixesAfter(changed).stream().anyMatch(prefix -> prefix.contains(after)),
          () -> after + " is of none of " + prefixesAfter(changed));
      assertTrue(
          allocator.router(family).stream()
              .allMatch(router ->
                  !router.equals(after)
                      && prefixesAfter(changed).stream()
                          .anyMatch(prefix -> prefix.contains(router))),
          () -> "router " + allocator.router(family));
      assertTrue(allocator.release(before, "default/before"), "its owner may still give it back");
      assertEquals(Optional.empty(), allocator.allocations().get(before));
    }
  }

  @Test
  void families_bothGiven_areBothThere() {
    assertEquals(Set.of(IpFamily.IPV4, IpFamily.IPV6), allocator.families());
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void allocate_severalTimes_givesDifferentAddressesAndNeverTheRouters(IpFamily family) {
    var seen = new HashSet<IpAddress>();
    allocator.router(family).ifPresent(seen::add);
    for (int i = 0; i < 4; i++) {
      IpAddress address = allocator.allocate(family, "default/pod-" + i);
      assertEquals(family, address.family());
      assertTrue(seen.add(address), () -> address + " came twice");
      assertEquals(Optional.of("default/pod-" + i), allocator.allocations().get(address));
    }
  }

  @Test
  void allocate_untilNoneIsLeft_failsWithOneLineAndGoesOnAfterARelease() {
    long free = allocator.free(IpFamily.IPV4);
    assertTrue(free >= 4 && free <= MOST_FREE, "free " + free);
    var taken = new ArrayList<IpAddress>();
    for (int i = 0; i < free; i++) {
      taken.add(allocator.allocate(IpFamily.IPV4, "default/pod"));
    }
    assertEquals(free, Set.copyOf(taken).size());
    assertEquals(0, allocator.free(IpFamily.IPV4));
    for (int i = 0; i < 2; i++) {
      var e =
          assertThrows(
              IpamException.class, () -> allocator.allocate(IpFamily.IPV4, "default/late"));
      assertEquals(1, String.valueOf(e.getMessage()).lines().count());
      assertTrue(String.valueOf(e.getMessage()).contains("default/late"), e.getMessage());
    }
    IpAddress freed = taken.get(taken.size() / 2);
    assertTrue(allocator.release(freed, "default/pod"));
    assertEquals(freed, allocator.allocate(IpFamily.IPV4, "default/late"));
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void release_byAnother_changesNothing(IpFamily family) {
    IpAddress address = allocator.allocate(family, "default/a");
    assertFalse(allocator.release(address, "default/b"));
    assertEquals(Optional.of("default/a"), allocator.allocations().get(address));
    assertTrue(allocator.release(address, "default/a"));
    assertFalse(allocator.release(address, "default/a"), "released before");
    assertEquals(Optional.empty(), allocator.allocations().get(address));
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void claim_freeAddress_isTheOwnersFromThenOn(IpFamily family) {
    IpAddress address = allocator.allocate(family, "default/a");
    allocator.release(address, "default/a");
    allocator.claim(address, "default/restored");
    allocator.claim(address, "default/restored");
    assertEquals(Optional.of("default/restored"), allocator.allocations().get(address));
    for (int i = 0; i < 3; i++) {
      assertNotEquals(address, allocator.allocate(family, "default/b"));
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void claim_addressOfAnother_namesTheOwner(IpFamily family) {
    IpAddress address = allocator.allocate(family, "default/a");
    var e = assertThrows(IpamException.class, () -> allocator.claim(address, "default/b"));
    assertTrue(String.valueOf(e.getMessage()).contains("default/a"), e.getMessage());
    assertTrue(String.valueOf(e.getMessage()).contains(address.toString()), e.getMessage());
  }

  @Test
  void claim_reservedOrOutOfReach_isRefused() {
    for (IpFamily family : allocator.families()) {
      allocator
          .router(family)
          .ifPresent(router ->
              assertThrows(IpamException.class, () -> allocator.claim(router, "default/a")));
    }
    for (String text : List.of("192.0.2.77", "2001:db8:ffff::1")) {
      assertThrows(
          IpamException.class, () -> allocator.claim(IpAddress.parse(text), "default/a"), text);
    }
    assertTrue(allocator.allocations().snapshot().isEmpty());
  }

  @Test
  void allocate_manyThreads_neverGiveAnAddressTwice() throws Exception {
    Set<IpAddress> seen = ConcurrentHashMap.newKeySet();
    var threads = new ArrayList<Thread>();
    for (int t = 0; t < 4; t++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < 50; i++) {
                  seen.add(allocator.allocate(IpFamily.IPV6, "default/pod"));
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertEquals(200, seen.size());
  }
}
