// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Map operations on every kind of map the datapath uses. */
@KernelTest
class BpfMapKernelIT {
  private static final Seam.HashKey WEB = new Seam.HashKey(1, 0x1234, 6);
  private static BpfObject object;

  @BeforeAll
  static void load() {
    object = Seam.open().load();
  }

  @AfterAll
  static void close() {
    object.close();
  }

  private static BpfMap<Seam.HashKey, Seam.HashValue> hash() {
    return object.map("c4j_hash", Seam.HASH_KEY, Seam.HASH_VALUE);
  }

  private static void clear(BpfMap<Seam.HashKey, Seam.HashValue> map) {
    map.keys().forEach(map::delete);
  }

  @Test
  void hash_putLookupDelete_roundTrips() {
    try (var map = hash()) {
      clear(map);
      assertEquals(Optional.empty(), map.lookup(WEB));
      assertFalse(map.replace(WEB, new Seam.HashValue(1, 2)));
      assertTrue(map.putIfAbsent(WEB, new Seam.HashValue(1, 2)));
      assertFalse(map.putIfAbsent(WEB, new Seam.HashValue(9, 9)));
      assertEquals(new Seam.HashValue(1, 2), map.lookup(WEB).orElseThrow());
      assertTrue(map.replace(WEB, new Seam.HashValue(3, 4)));
      map.put(WEB, new Seam.HashValue(1L << 40, 5));
      assertEquals(new Seam.HashValue(1L << 40, 5), map.lookup(WEB).orElseThrow());
      assertTrue(map.contains(WEB));
      assertTrue(map.delete(WEB));
      assertFalse(map.delete(WEB));
    }
  }

  @Test
  void hash_writtenByJava_isFoundByTheProgram() {
    try (var map = hash();
        BpfProgram count = object.program("count")) {
      clear(map);
      map.put(WEB, new Seam.HashValue(0, 0));
      assertEquals(0, count.testRun(Seam.PACKET, TestRunOptions.repeated(10)).retval());
      assertEquals(10, map.lookup(WEB).orElseThrow().packets());
    }
  }

  @Test
  void put_intoAFullHash_isE2BIG() {
    try (var map = hash()) {
      clear(map);
      for (int i = 0; i < 16; i++) {
        map.put(new Seam.HashKey(i, 1, 1), new Seam.HashValue(i, i));
      }
      BpfException full =
          assertThrows(BpfException.class, () -> map.put(WEB, new Seam.HashValue(0, 0)));
      assertEquals(Errno.E2BIG, full.errno());
      assertEquals("bpf_map_update_elem c4j_hash: E2BIG", full.getMessage());
      clear(map);
    }
  }

  @Test
  void putAll_andForEach_seeAllEntries() {
    try (var map = hash()) {
      clear(map);
      Map<Seam.HashKey, Seam.HashValue> entries = new HashMap<>();
      for (int i = 0; i < 16; i++) {
        entries.put(new Seam.HashKey(i, 80, 17), new Seam.HashValue(i, i));
      }
      map.putAll(entries);
      Map<Seam.HashKey, Seam.HashValue> seen = new HashMap<>();
      map.forEach((key, value) -> {
        seen.put(key, value);
        map.delete(key);
      });
      assertEquals(entries, seen);
      assertEquals(List.of(), map.keys());
    }
  }

  @Test
  void keys_whileAnotherThreadChangesTheMap_holdAllThatStay() throws InterruptedException {
    try (var map = hash()) {
      clear(map);
      for (int i = 0; i < 8; i++) {
        map.put(new Seam.HashKey(i, 1, 1), new Seam.HashValue(i, i));
      }
      AtomicBoolean stop = new AtomicBoolean();
      Thread churn =
          Thread.ofPlatform()
              .start(() -> {
                try (var other = hash()) {
                  for (int i = 100; !stop.get(); i = 100 + (i + 1) % 8) {
                    Seam.HashKey key = new Seam.HashKey(i, 2, 2);
                    other.put(key, new Seam.HashValue(0, 0));
                    other.delete(key);
                  }
                }
              });
      try {
        for (int round = 0; round < 200; round++) {
          List<Seam.HashKey> keys = map.keys();
          assertEquals(8, keys.stream().filter(k -> k.id() < 100).count());
          assertEquals(keys.size(), keys.stream().distinct().count());
        }
      } finally {
        stop.set(true);
        churn.join();
      }
      clear(map);
    }
  }

  @Test
  void lpm_lookup_findsTheLongestPrefix() {
    Codec<byte[]> key = Codec.bytes("lpm_key", 8);
    try (BpfMap<byte[], Integer> map = object.map("c4j_lpm", key, Codec.u32())) {
      map.put(new byte[] {8, 0, 0, 0, 10}, 8);
      map.put(new byte[] {24, 0, 0, 0, 10, 1, 2}, 24);
      assertEquals(24, map.lookup(new byte[] {32, 0, 0, 0, 10, 1, 2, 3}).orElseThrow());
      assertEquals(8, map.lookup(new byte[] {32, 0, 0, 0, 10, 9, 2, 3}).orElseThrow());
      assertEquals(Optional.empty(), map.lookup(new byte[] {32, 0, 0, 0, 11, 1, 2, 3}));
      assertEquals(2, map.keys().size());
      assertTrue(map.delete(new byte[] {8, 0, 0, 0, 10}));
      assertFalse(map.delete(new byte[] {8, 0, 0, 0, 10}));
      map.putAll(Map.of(new byte[] {16, 0, 0, 0, 10, 9}, 16));
      assertEquals(16, map.lookup(new byte[] {32, 0, 0, 0, 10, 9, 2, 3}).orElseThrow());
    }
  }

  @Test
  void lru_beyondItsCapacity_evicts() {
    try (BpfMap<Integer, Long> map = object.map("c4j_lru", Codec.u32(), Codec.u64())) {
      for (int i = 0; i < 200; i++) {
        map.put(i, (long) i);
      }
      assertEquals(199L, map.lookup(199).orElseThrow());
      assertTrue(map.keys().size() <= 16);
    }
  }

  @Test
  void array_hasAllElementsFromTheStart_andDeletesNone() {
    try (BpfMap<Integer, Long> map = object.map("c4j_array", Codec.u32(), Codec.u64())) {
      assertEquals(List.of(0, 1, 2, 3), map.keys());
      assertEquals(Optional.empty(), map.lookup(4));
      assertFalse(map.putIfAbsent(0, 1L));
      assertThrows(BpfException.class, () -> map.delete(0));
    }
  }

  @Test
  void putRaw_ofElementZero_isSeenByLookupRaw() {
    try (BpfMap<Integer, Long> map = object.map("c4j_array", Codec.u32(), Codec.u64());
        Arena arena = Arena.ofConfined()) {
      MemorySegment zero = arena.allocate(JAVA_INT);
      MemorySegment value = arena.allocateFrom(JAVA_LONG, 0x1122_3344_5566_7788L);
      map.putRaw(zero, value);
      value.fill((byte) 0);
      assertTrue(map.lookupRaw(zero, value));
      assertEquals(0x1122_3344_5566_7788L, value.get(JAVA_LONG, 0));
      assertThrows(IllegalArgumentException.class, () -> map.lookupRaw(zero, value.asSlice(0, 4)));
    }
  }

  @Test
  void perCpu_value_hasOneElementForEachCpu() {
    Codec<List<Integer>> value = Codec.perCpu(Codec.u32());
    try (BpfMap<Integer, List<Integer>> map = object.map("c4j_percpu", Codec.u32(), value);
        BpfProgram answer = object.program("answer")) {
      List<Integer> before = map.lookup(0).orElseThrow();
      assertEquals(LibBpf.possibleCpus(), before.size());
      answer.testRun(Seam.PACKET, TestRunOptions.repeated(5));
      List<Integer> after = map.lookup(0).orElseThrow();
      assertEquals(
          5, after.stream().mapToInt(i -> i).sum() - before.stream().mapToInt(i -> i).sum());
      map.put(1, after);
      assertEquals(after, map.lookup(1).orElseThrow());
    }
  }

  @Test
  void map_withCodecsOfAnotherSize_isRefused() {
    MapMismatchException mismatch =
        assertThrows(
            MapMismatchException.class, () -> object.map("c4j_array", Codec.u32(), Codec.u32()));
    assertEquals(4, mismatch.wanted().valueBytes());
    assertEquals(8, mismatch.got().valueBytes());
    assertThrows(BpfException.class, () -> object.map("c4j_percpu", Codec.u32(), Codec.u32()));
    assertThrows(
        IllegalArgumentException.class, () -> object.map("c4j_none", Codec.u32(), Codec.u32()));
  }

  @Test
  void lookup_afterClose_isRefused() {
    BpfMap<Integer, Long> map = object.map("c4j_array", Codec.u32(), Codec.u64());
    map.close();
    map.close();
    assertThrows(IllegalStateException.class, () -> map.lookup(0));
  }

  @Test
  void forEach_overManyEntries_seesEachOnce() {
    try (BpfObject large = Seam.open().maxEntries("c4j_hash", 20_000).load();
        var map = large.map("c4j_hash", Seam.HASH_KEY, Seam.HASH_VALUE)) {
      Map<Seam.HashKey, Seam.HashValue> entries = new HashMap<>();
      for (int i = 0; i < 15_000; i++) {
        entries.put(new Seam.HashKey(i, i & 0xffff, 6), new Seam.HashValue(i, i));
      }
      map.putAll(entries);
      Map<Seam.HashKey, Seam.HashValue> seen = new HashMap<>();
      map.forEach((key, value) -> assertNull(seen.put(key, value)));
      assertEquals(entries, seen);
    }
  }

  @Test
  void putAndReplace_whenWarm_allocateNothing() throws ReflectiveOperationException {
    Seam.HashValue value = new Seam.HashValue(1, 1);
    try (var map = hash();
        BpfMap<Integer, Long> array = object.map("c4j_array", Codec.u32(), Codec.u64())) {
      clear(map);
      map.put(WEB, value);
      Integer zero = 0;
      Long epoch = 1L << 40;
      Runnable round =
          () -> {
            for (int i = 0; i < 20_000; i++) {
              map.put(WEB, value);
              map.replace(WEB, value);
              map.contains(WEB);
              array.put(zero, epoch);
            }
          };
      for (int i = 0; i < 5; i++) {
        round.run(); // until the compiler has seen it
      }
      long before = Seam.allocatedBytes();
      round.run();
      long bytes = Seam.allocatedBytes() - before;
      // 80,000 operations; what is left is the measuring itself.
      assertTrue(bytes < 80_000, bytes + " bytes");
      map.delete(WEB);
    }
  }

  @Test
  void close_underTheHandsOfOtherThreads_neverReachesAnotherFile() throws InterruptedException {
    for (int round = 0; round < 50; round++) {
      BpfMap<Integer, Long> map = object.map("c4j_array", Codec.u32(), Codec.u64());
      AtomicReference<@Nullable Throwable> unexpected = new AtomicReference<>();
      CountDownLatch running = new CountDownLatch(2);
      List<Thread> users = new ArrayList<>();
      for (int user = 0; user < 2; user++) {
        users.add(
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    map.put(0, 1L);
                    running.countDown();
                    while (true) {
                      map.put(0, 1L);
                    }
                  } catch (IllegalStateException closed) {
                    // how it ends
                  } catch (Throwable e) {
                    unexpected.set(e);
                  }
                }));
      }
      running.await();
      map.close();
      for (Thread user : users) {
        user.join();
      }
      assertNull(unexpected.get());
    }
  }
}
