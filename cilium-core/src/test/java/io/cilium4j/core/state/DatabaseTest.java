// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.state.Database.View;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Several tables are read as of one moment, and written in one step. */
class DatabaseTest {
  private final Database database = new Database();
  private final TableWriter<Integer, Integer> left = table(database, "left");
  private final TableWriter<Integer, Integer> right = table(database, "right");

  private static TableWriter<Integer, Integer> table(Database database, String name) {
    return database.table(name, Comparator.naturalOrder(), Set.of());
  }

  /** In both tables or in neither. */
  private void putBoth(int key, int value) {
    database.write(changes -> {
      changes.of(left).put(key, value);
      changes.of(right).put(key, value);
    });
  }

  @Test
  void write_ofTwoTables_isInBothAndWakesThoseWhoFollowOne() {
    try (var ofLeft = left.table().watch();
        var ofRight = right.table().watch()) {
      putBoth(1, 7);
      assertEquals(1, ofLeft.poll().list().size());
      assertEquals(1, ofRight.poll().list().size());
    }
    assertEquals(Optional.of(7), left.table().get(1));
    assertEquals(1, right.table().revision());
  }

  @Test
  void write_thatThrows_changesNoTable() {
    assertThrows(
        IllegalStateException.class,
        () ->
            database.write(changes -> {
              changes.of(left).put(1, 1);
              throw new IllegalStateException("not now");
            }));
    assertEquals(0, left.table().revision());
  }

  @Test
  void view_isOfOneMoment_whateverIsWrittenLater() {
    putBoth(1, 1);
    View view = database.view();
    left.put(1, 2);
    putBoth(2, 2);
    assertEquals(Optional.of(1), view.of(left.table()).get(1));
    assertEquals(1, view.of(right.table()).size());
    assertEquals(Optional.of(2), database.view().of(left.table()).get(1));
  }

  @Test
  void table_ofAnotherDatabase_isRefused() {
    TableWriter<Integer, Integer> stranger = TableWriter.create("stranger");
    assertThrows(IllegalArgumentException.class, () -> database.view().of(stranger.table()));
    assertThrows(
        IllegalArgumentException.class,
        () -> database.write(changes -> changes.of(stranger).put(1, 1)));
    View before = database.view();
    assertThrows(IllegalArgumentException.class, () -> before.of(table(database, "late").table()));
  }

  /** A batch of the one table is open while the other one is written. */
  @Test
  void write_withinAWriteOfAnotherTable_keepsBoth() {
    left.write(batch -> {
      batch.put(1, 1);
      right.put(1, 2);
    });
    assertEquals(Optional.of(1), left.table().get(1));
    assertEquals(Optional.of(2), right.table().get(1));
  }

  /** As a model: maps that are written together. */
  @Property(tries = 200)
  void view_afterAnyWrites_isAsTheModel(
      @ForAll @Size(max = 40) List<@IntRange(min = 0, max = 5) Integer> keys,
      @ForAll @Size(max = 40) List<@IntRange(min = 0, max = 4) Integer> kinds) {
    var tables = new Database();
    TableWriter<Integer, Integer> one = table(tables, "one");
    TableWriter<Integer, Integer> two = table(tables, "two");
    Map<Integer, Integer> modelOne = new HashMap<>();
    Map<Integer, Integer> modelTwo = new HashMap<>();
    for (int i = 0; i < Math.min(keys.size(), kinds.size()); i++) {
      int key = keys.get(i);
      int value = i;
      switch (kinds.get(i)) {
        case 0 -> {
          one.put(key, value);
          modelOne.put(key, value);
        }
        case 1 -> {
          two.remove(key);
          modelTwo.remove(key);
        }
        case 2 -> {
          tables.write(changes -> {
            changes.of(one).remove(key);
            changes.of(two).put(key, value);
          });
          modelOne.remove(key);
          modelTwo.put(key, value);
        }
        case 3 ->
            assertThrows(
                IllegalStateException.class,
                () ->
                    tables.write(changes -> {
                      changes.of(one).put(key, value);
                      changes.of(two).put(key, value);
                      throw new IllegalStateException();
                    }));
        default -> {
          tables.write(changes -> {
            changes.of(one).put(key, value);
            changes.of(two).put(key, value);
          });
          modelOne.put(key, value);
          modelTwo.put(key, value);
        }
      }
    }
    View view = tables.view();
    assertEquals(modelOne, rows(view.of(one.table())));
    assertEquals(modelTwo, rows(view.of(two.table())));
  }

  private static Map<Integer, Integer> rows(Snapshot<Integer, Integer> snapshot) {
    Map<Integer, Integer> rows = new HashMap<>();
    snapshot.forEach(row -> rows.put(row.key(), row.value()));
    return rows;
  }

  /** Readers on threads of their own, while both tables are written in one step each time. */
  @Test
  void reader_duringManyWrites_neverSeesHalfAWrite() throws Exception {
    var isOver = new AtomicBoolean();
    var wrong = new AtomicReference<String>();
    var looks = new ArrayList<AtomicReference<Integer>>();
    List<Thread> readers = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      var count = new AtomicReference<>(0);
      looks.add(count);
      readers.add(
          Thread.ofPlatform()
              .start(() -> {
                while (!isOver.get()) {
                  View view = database.view();
                  Map<Integer, Integer> ofLeft = rows(view.of(left.table()));
                  if (!ofLeft.equals(rows(view.of(right.table())))) {
                    wrong.set(ofLeft + " and " + rows(view.of(right.table())));
                  }
                  count.set(count.get() + 1);
                }
              }));
    }
    List<String> halves = new ArrayList<>();
    try (var thread = Scheduler.ofThread("follower")) {
      var follower =
          new Follower(
              thread,
              Duration.ZERO,
              List.of(left.table(), right.table()),
              look -> {
                var ofLeft = rows(look.of(left.table()).snapshot());
                if (!ofLeft.equals(rows(look.of(right.table()).snapshot()))) {
                  halves.add(ofLeft.toString());
                }
              });
      follower.start();
      for (int i = 0; i < 20_000 || looks.stream().anyMatch(each -> each.get() < 100); i++) {
        putBoth(i % 5, i);
      }
      follower.stop();
    }
    isOver.set(true);
    for (Thread reader : readers) {
      reader.join();
    }
    assertEquals(null, wrong.get());
    assertTrue(halves.isEmpty(), halves.toString());
  }
}
