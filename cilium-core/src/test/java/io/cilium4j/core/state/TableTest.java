// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class TableTest {
  private static final Duration LONG = Duration.ofSeconds(20);

  private final TableWriter<String, Integer> writer = TableWriter.create("t");
  private final Table<String, Integer> table = writer.table();

  @Test
  void put_equalValue_isNoChange() {
    assertEquals(1, writer.put("a", 1));
    Snapshot<String, Integer> before = table.snapshot();
    assertEquals(1, writer.put("a", 1));
    assertSame(before, table.snapshot());
  }

  @Test
  void snapshot_laterChanges_areNotSeen() {
    writer.put("a", 1);
    Snapshot<String, Integer> before = table.snapshot();
    writer.put("a", 2);
    writer.remove("a");
    assertEquals(Optional.of(1), before.get("a"));
    assertEquals(1, before.size());
    assertTrue(table.snapshot().isEmpty());
  }

  @Test
  void write_exception_leavesTheTableAsItWas() {
    writer.put("a", 1);
    Snapshot<String, Integer> before = table.snapshot();
    assertThrows(
        IllegalStateException.class,
        () ->
            writer.write(batch -> {
              batch.put("b", 2);
              batch.remove("a");
              throw new IllegalStateException("half way");
            }));
    assertSame(before, table.snapshot());
  }

  @Test
  void write_severalChanges_areSeenAtOnce() {
    var seen = new ArrayList<Integer>();
    Watch<String, Integer> watch = table.watch(() -> seen.add(table.snapshot().size()));
    writer.write(batch -> {
      batch.put("a", 1);
      batch.put("b", 2);
      assertEquals(Optional.of(1), batch.get("a"));
      batch.put("c", 3);
      batch.remove("b");
    });
    assertEquals(List.of(2), seen);
    watch.close();
  }

  @Test
  void poll_firstTime_givesEveryRow() {
    writer.put("a", 1);
    try (Watch<String, Integer> watch = table.watch()) {
      Changes<String, Integer> first = watch.poll();
      assertEquals(0, first.before().size());
      assertEquals(List.of(new Change.Put<>("a", 1, 1)), first.list());
      assertTrue(watch.poll().isEmpty());
    }
  }

  @Test
  void poll_removal_givesTombstoneWithLastValueToEveryWatch() {
    try (Watch<String, Integer> quick = table.watch();
        Watch<String, Integer> slow = table.watch()) {
      writer.put("a", 7);
      quick.poll();
      slow.poll();
      writer.remove("a");
      var removed = List.of(new Change.Removed<>("a", 7, 2));
      assertEquals(removed, quick.poll().list());
      writer.put("b", 1);
      assertEquals(1, table.snapshot().tombstoneCount(), "the slow one has not seen it");
      Changes<String, Integer> late = slow.poll();
      assertEquals(2, late.list().size());
      assertEquals(removed.getFirst(), late.list().getFirst());
      writer.put("b", 2);
      assertEquals(0, table.snapshot().tombstoneCount(), "all have seen it");
    }
  }

  @Test
  void poll_removedAndPutAgain_isOneChange() {
    writer.put("a", 1);
    try (Watch<String, Integer> watch = table.watch()) {
      watch.poll();
      writer.remove("a");
      writer.put("a", 2);
      assertEquals(List.of(new Change.Put<>("a", 2, 3)), watch.poll().list());
      assertEquals(0, table.snapshot().tombstoneCount());
    }
  }

  @Test
  void remove_nobodyWatches_keepsNoTombstone() {
    writer.put("a", 1);
    writer.remove("a");
    assertEquals(0, table.snapshot().tombstoneCount());
  }

  @Test
  void poll_moreRemovalsThanRemembered_givesThemAllTheSame() {
    TableWriter<Integer, Integer> bounded =
        TableWriter.create("bounded", Comparator.naturalOrder(), Set.of(), 10);
    try (Watch<Integer, Integer> watch = bounded.table().watch()) {
      for (int i = 0; i < 30; i++) {
        bounded.put(i, i);
      }
      watch.poll();
      for (int i = 0; i < 11; i++) {
        bounded.remove(i);
      }
      bounded.put(11, 5);
      bounded.put(30, 30);
      bounded.remove(30);
      assertEquals(10, bounded.table().snapshot().tombstoneCount());
      Changes<Integer, Integer> changes = watch.poll();
      assertEquals(30, changes.before().size());
      assertEquals(12, changes.list().size());
      for (int i = 0; i < 11; i++) {
        var removed = assertInstanceOf(Change.Removed.class, changes.list().get(i));
        assertEquals(i, removed.key());
        assertEquals(i, removed.last());
      }
      assertEquals(new Change.Put<>(11, 5, 42), changes.list().getLast());
    }
  }

  @Test
  void poll_keyChangedOften_isListedOnce() {
    try (Watch<String, Integer> watch = table.watch()) {
      writer.put("a", 1);
      writer.put("b", 1);
      watch.poll();
      for (int i = 2; i < 100; i++) {
        writer.put("a", i);
      }
      assertEquals(List.of(new Change.Put<>("a", 99, 100)), watch.poll().list());
    }
  }

  @Test
  void isInitialised_severalInputs_waitsForAll() throws Exception {
    TableWriter<String, Integer> fed =
        TableWriter.create("fed", Comparator.naturalOrder(), Set.of("pods", "nodes"));
    assertFalse(fed.table().awaitInitialised(Duration.ZERO));
    fed.synced("pods");
    fed.synced("pods");
    fed.synced("stranger");
    assertEquals(Set.of("nodes"), fed.table().snapshot().pendingInputs());
    try (Watch<String, Integer> watch = fed.table().watch()) {
      watch.poll();
      fed.synced("nodes");
      assertTrue(watch.take(LONG).snapshot().isInitialised(), "becoming initialised is news");
    }
    assertTrue(fed.table().awaitInitialised(Duration.ZERO));
  }

  @Test
  void take_changeByAnotherThread_wakesTheReader() throws Exception {
    try (Watch<String, Integer> watch = table.watch()) {
      watch.poll();
      Thread other = Thread.ofPlatform().start(() -> writer.put("a", 1));
      assertEquals(1, watch.take(LONG).list().size());
      other.join();
    }
  }

  @Test
  void take_watchClosed_returns() throws Exception {
    Watch<String, Integer> watch = table.watch();
    watch.poll();
    Thread other = Thread.ofPlatform().start(watch::close);
    assertTrue(watch.take(LONG).isEmpty());
    other.join();
    assertTrue(watch.isClosed());
  }

  @Test
  void snapshot_concurrentWriters_neverShowsHalfABatch() throws Exception {
    TableWriter<Integer, Integer> shared = TableWriter.create("shared");
    var done = new CountDownLatch(2);
    int torn = 0;
    int looks = 0;
    for (int t = 0; t < 2; t++) {
      Thread.ofPlatform()
          .start(() -> {
            for (int i = 0; i < 2_000; i++) {
              int value = i;
              shared.write(batch -> {
                batch.put(1, value);
                batch.put(2, value);
              });
            }
            done.countDown();
          });
    }
    while (done.getCount() > 0) {
      Snapshot<Integer, Integer> seen = shared.table().snapshot();
      torn += seen.get(1).equals(seen.get(2)) ? 0 : 1;
      looks++;
    }
    assertTrue(looks > 0);
    assertEquals(0, torn);
  }

  /** A reader that looks at random moments, and carries out what it is told, never goes astray. */
  @Property(tries = 300)
  void poll_anyMoments_rebuildsTheTable(
      @ForAll @Size(max = 200) List<@IntRange(max = 99) Integer> steps) {
    TableWriter<Integer, Integer> random =
        TableWriter.create("random", Comparator.naturalOrder(), Set.of(), 5);
    Map<Integer, Integer> model = new TreeMap<>();
    Map<Integer, Integer> copy = new TreeMap<>();
    try (Watch<Integer, Integer> watch = random.table().watch()) {
      for (int i = 0; i < steps.size(); i++) {
        int step = steps.get(i);
        int key = step % 12;
        if (step < 48) {
          random.put(key, i);
          model.put(key, i);
        } else if (step < 90) {
          random.remove(key);
          model.remove(key);
        } else {
          follow(watch, copy);
          assertEquals(model, copy);
        }
        assertEquals(model, asMap(random.table().snapshot()));
        assertTrue(random.table().snapshot().tombstoneCount() <= 5);
      }
      follow(watch, copy);
      assertEquals(model, copy);
    }
  }

  private static void follow(Watch<Integer, Integer> watch, Map<Integer, Integer> copy) {
    Changes<Integer, Integer> changes = watch.poll();
    for (Change<Integer, Integer> change : changes.list()) {
      switch (change) {
        case Change.Put<Integer, Integer> put -> copy.put(put.key(), put.value());
        case Change.Removed<Integer, Integer> removed -> copy.remove(removed.key());
      }
    }
  }

  private static Map<Integer, Integer> asMap(Snapshot<Integer, Integer> snapshot) {
    var map = new TreeMap<Integer, Integer>();
    snapshot.forEach(row -> map.put(row.key(), row.value()));
    assertEquals(map.size(), snapshot.size());
    return map;
  }
}
