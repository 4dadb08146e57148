// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PolicyMapStateTest {
  private static final int[] PEERS = {1, 2, 1000, 1001, (1 << 24) + 1, (2 << 24) + 1, 70_000};
  private static final int[] KEY_IDS = {0, 11, 12, 13, 14, 1, 1000, 1001, (1 << 24) + 1};

  private static PolicyKey randomKey(Random random) {
    TrafficDirection direction = TrafficDirection.ofCode(random.nextInt(2));
    int id = KEY_IDS[random.nextInt(KEY_IDS.length)];
    if (random.nextInt(5) == 0) {
      return PolicyKey.any(direction, id);
    }
    int length = random.nextInt(17);
    int port = (64 + random.nextInt(64)) & (0xffff << (16 - length)) & 0xffff;
    return new PolicyKey(direction, id, random.nextBoolean() ? 6 : 17, port, length);
  }

  /** Numbers are those of Cilium's monitor. */
  @Test
  void match_entries_tellWhatTheyName() {
    var ingress = TrafficDirection.INGRESS;
    PolicyMapState state =
        PolicyMapState.builder(0)
            .put(PolicyKey.any(ingress, 1000), PolicyEntry.allow(1))
            .put(PolicyKey.port(ingress, 1001, 6, 80), PolicyEntry.allow(2))
            .put(new PolicyKey(ingress, 1001, 17, 0, 0), PolicyEntry.deny(3))
            .put(PolicyKey.port(ingress, 13, 6, 443), PolicyEntry.allow(4))
            .putAll(TrafficDirection.EGRESS, PolicyEntry.allow(5))
            .build();
    assertEquals(PolicyMatch.L3_ONLY, state.match(ingress, 1000, 6, 80, 1));
    assertEquals(PolicyMatch.L3_L4, state.match(ingress, 1001, 6, 80, 2));
    assertEquals(PolicyMatch.L3_PROTO, state.match(ingress, 1001, 17, 53, 3));
    assertEquals(PolicyMatch.NONE, state.match(ingress, 1001, 6, 81, 0), "no entry");
    assertEquals(PolicyMatch.NONE, state.match(ingress, 1000, 6, 80, 9), "another rule by now");
    assertEquals(
        PolicyMatch.L3_L4, state.match(ingress, (1 << 24) + 1, 6, 443, 4), "a rule for the world");
    assertEquals(PolicyMatch.ALL, state.match(TrafficDirection.EGRESS, 1000, 6, 80, 5));
    PolicyMapState.Builder everybody = PolicyMapState.builder(0);
    for (int id : new int[] {0, 11, 12, 13, 14}) {
      everybody.put(PolicyKey.port(ingress, id, 6, 80), PolicyEntry.allow(6));
      everybody.put(new PolicyKey(ingress, id, 17, 0, 0), PolicyEntry.allow(7));
    }
    assertEquals(PolicyMatch.L4_ONLY, everybody.build().match(ingress, 1000, 6, 80, 6));
  }

  private static PolicyEntry randomEntry(Random random, int cookie) {
    int priority = random.nextInt(3);
    boolean deny = random.nextBoolean();
    return new PolicyEntry(
        deny ? Verdict.DENIED : Verdict.ALLOWED,
        PolicyEntry.precedence(priority, deny ? PolicyEntry.DENY_BYTE : PolicyEntry.ALLOW_BYTE),
        "",
        PolicyEntry.Auth.NONE,
        cookie);
  }

  /** The longest match among all keys of one identity, by asking each of them. */
  private static Map.@Nullable Entry<PolicyKey, PolicyEntry> longest(
      Map<PolicyKey, PolicyEntry> content, PolicyKey packet, int id) {
    Map.Entry<PolicyKey, PolicyEntry> best = null;
    for (Map.Entry<PolicyKey, PolicyEntry> each : content.entrySet()) {
      PolicyKey key = each.getKey();
      if (key.identity() == id
          && key.coversL4(packet)
          && (best == null || key.shape() > best.getKey().shape())) {
        best = each;
      }
    }
    return best;
  }

  private static @Nullable PolicyEntry naive(
      Map<PolicyKey, PolicyEntry> content, PolicyKey packet) {
    var own = longest(content, packet, packet.identity());
    var common = longest(content, packet, Identity.aggregate(packet.identity(), 0));
    if (own == null || common == null) {
      var only = own == null ? common : own;
      return only == null ? null : only.getValue();
    }
    int order =
        Integer.compareUnsigned(own.getValue().precedence(), common.getValue().precedence());
    if (order != 0) {
      return order > 0 ? own.getValue() : common.getValue();
    }
    return common.getKey().shape() > own.getKey().shape() ? common.getValue() : own.getValue();
  }

  @Property(tries = 300)
  void lookup_ofRandomStates_isTheLongestMatchOfTheStrongerSide(@ForAll long seed) {
    var random = new Random(seed);
    Map<PolicyKey, PolicyEntry> content = new HashMap<>();
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    int count = random.nextInt(60);
    for (int i = 0; i < count; i++) {
      PolicyKey key = randomKey(random);
      PolicyEntry entry = randomEntry(random, i);
      content.put(key, entry);
      builder.put(key, entry);
    }
    PolicyMapState state = builder.build();
    assertEquals(content, state.toMap());
    PolicyMapState.Builder changed = state.toBuilder();
    for (int i = 0; i < 20; i++) {
      PolicyKey key = randomKey(random);
      content.remove(key);
      changed.remove(key);
      PolicyKey other = randomKey(random);
      PolicyEntry entry = randomEntry(random, 100 + i);
      content.put(other, entry);
      changed.put(other, entry);
    }
    state = changed.build();
    assertEquals(content, state.toMap());
    assertEquals(content.size(), state.size());
    for (TrafficDirection direction : TrafficDirection.values()) {
      for (int peer : PEERS) {
        for (int port = 60; port < 130; port += 3) {
          PolicyKey packet = PolicyKey.port(direction, peer, 6, port);
          assertEquals(naive(content, packet), state.lookup(direction, peer, 6, port));
        }
      }
    }
  }

  @Test
  void lookup_withoutEntry_isADenial() {
    assertNull(PolicyMapState.DENY_ALL.lookup(TrafficDirection.INGRESS, 1000, 6, 80));
    assertFalse(PolicyMapState.DENY_ALL.verdict(TrafficDirection.EGRESS, 1, 6, 80).passes());
    assertTrue(PolicyMapState.ALLOW_ALL.verdict(TrafficDirection.EGRESS, 1, 47, 0).passes());
  }

  @Test
  void lookup_ofManyEntries_allocatesNothing() throws ReflectiveOperationException {
    PolicyMapState state = large(16_384);
    long passed = 0;
    for (int round = 0; round < 20; round++) {
      passed += round(state); // Warm, so that the compiler's own work is done.
    }
    long ofNothing = -Allocations.bytes() + Allocations.bytes();
    long before = Allocations.bytes();
    passed += round(state);
    long allocated = Allocations.bytes() - before;
    assertTrue(passed > 0, "look-ups ran");
    // Asking for the figure allocates a little, and not always the same; 65,536 look-ups that
    // allocated one object each would show as a megabyte.
    assertEquals(0, Math.max(0, allocated - ofNothing) / 4096, "pages filled by 65,536 look-ups");
  }

  private static long round(PolicyMapState state) {
    long passed = 0;
    for (int i = 0; i < 65_536; i++) {
      int id = 1000 + (int) ((i * 0x9E37_79B9L) >>> 8 & 0x7fff);
      if (state.verdict(TrafficDirection.INGRESS, id, 6, i & 0xfff).passes()) {
        passed++;
      }
    }
    return passed;
  }

  private static PolicyMapState large(int entries) {
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    for (int i = 0; i < entries; i++) {
      builder.put(TrafficDirection.INGRESS, 1000 + i, 6, i & 0xfff, 16, PolicyEntry.allow(i + 1));
    }
    return builder.build();
  }

  @Test
  void forEach_ofABuiltState_tellsEveryEntryAndShape() {
    PolicyMapState state =
        PolicyMapState.builder(0)
            .put(PolicyKey.port(TrafficDirection.INGRESS, 1000, 6, 80), PolicyEntry.allow(1))
            .put(PolicyKey.any(TrafficDirection.INGRESS, 0), PolicyEntry.deny(2))
            .build();
    List<PolicyKey> keys = new ArrayList<>();
    state.forEach((key, entry) -> keys.add(key));
    assertEquals(2, keys.size());
    assertEquals(1 << PolicyMapState.MAX_SHAPE, state.ownShapes(TrafficDirection.INGRESS));
    assertEquals(1, state.aggregateShapes(TrafficDirection.INGRESS));
    assertEquals(0, state.ownShapes(TrafficDirection.EGRESS));
  }

  @Test
  void key_notTheFirstPortOfItsBlock_isRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> new PolicyKey(TrafficDirection.INGRESS, 1, 6, 81, 15));
    assertThrows(
        IllegalArgumentException.class,
        () -> new PolicyKey(TrafficDirection.INGRESS, 1, 0, 80, 16));
  }

  @Test
  void coversL4_ofBlocks_isContainment() {
    var block = new PolicyKey(TrafficDirection.INGRESS, 1, 6, 64, 10);
    assertTrue(block.coversL4(PolicyKey.port(TrafficDirection.INGRESS, 2, 6, 127)));
    assertFalse(block.coversL4(PolicyKey.port(TrafficDirection.INGRESS, 2, 6, 128)));
    assertFalse(block.coversL4(PolicyKey.port(TrafficDirection.INGRESS, 2, 17, 64)));
    assertEquals(127, block.lastPort());
  }
}
