// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.state.Follower.Look;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** What a reader is told, also one that fails now and then. */
class FollowerTest {
  private static final Duration PACE = Duration.ofMillis(20);

  private final ManualScheduler time = new ManualScheduler();
  private final TableWriter<Integer, String> writer = TableWriter.create("texts");
  private final List<String> told = new ArrayList<>();

  private void tell(Look look) {
    told.add(text(look.of(writer.table())));
  }

  private static String text(Changes<Integer, String> changes) {
    List<String> parts = new ArrayList<>();
    for (Change<Integer, String> change : changes.list()) {
      parts.add(
          switch (change) {
            case Change.Put<Integer, String> put -> put.key() + "=" + put.value();
            case Change.Removed<Integer, String> gone -> gone.key() + " gone";
          });
    }
    return String.join(" ", parts);
  }

  private Follower follower(Follower.Reader reader) {
    return new Follower(time, PACE, List.of(writer.table()), reader);
  }

  private void settle() {
    time.advance(PACE);
  }

  @Test
  void start_ofATableWithoutRows_isALookAllTheSame() {
    follower(this::tell).start();
    settle();
    assertEquals(List.of(""), told);
  }

  @Test
  void changes_soonerThanThePaceAllows_areOfOneLook() {
    writer.put(1, "a");
    follower(this::tell).start();
    time.advance(Duration.ofMillis(1));
    assertEquals(List.of("1=a"), told);
    writer.put(2, "b");
    writer.put(1, "c");
    time.advance(Duration.ofMillis(18));
    assertEquals(1, told.size());
    time.advance(Duration.ofMillis(1));
    assertEquals(List.of("1=a", "2=b 1=c"), told);
  }

  @Test
  void stop_endsTheLooks() {
    Follower follower = follower(this::tell);
    follower.start();
    settle();
    writer.put(1, "a");
    follower.stop();
    settle();
    follower.look();
    assertEquals(List.of(""), told);
  }

  @Test
  void reader_thatThrows_forgetsAndIsToldEverythingASecondLater() {
    var fails = new boolean[1];
    var forgotten = new int[1];
    Follower follower =
        follower(
            new Follower.Reader() {
              @Override
              public void read(Look look) {
                if (fails[0]) {
                  throw new IllegalStateException("not now");
                }
                tell(look);
              }

              @Override
              public void forget() {
                forgotten[0]++;
              }
            });
    writer.put(1, "a");
    writer.put(2, "b");
    follower.start();
    settle();
    fails[0] = true;
    writer.remove(1);
    writer.put(3, "c");
    settle();
    assertEquals(1, forgotten[0]);
    fails[0] = false;
    time.advance(Duration.ofMillis(900));
    assertEquals(List.of("1=a 2=b"), told);
    time.advance(Duration.ofMillis(200));
    assertEquals(List.of("1=a 2=b", "1 gone 2=b 3=c"), told);
    writer.put(4, "d");
    settle();
    assertEquals("4=d", told.getLast());
  }

  @Test
  void look_thatIsLeft_isToldAgainWithWhatCameSince() {
    TableWriter<Integer, String> other = TableWriter.create("other");
    new Follower(
            time,
            PACE,
            List.of(writer.table(), other.table()),
            look -> {
              if (look.of(other.table()).snapshot().isEmpty()) {
                look.leave();
              } else {
                tell(look);
              }
            })
        .start();
    writer.put(1, "a");
    settle();
    writer.put(2, "b");
    writer.remove(1);
    settle();
    assertEquals(List.of(), told);
    other.put(1, "x");
    settle();
    assertEquals(List.of("2=b"), told, "what came and went is not told");
  }

  @Test
  void look_onTheCallersThread_hasWhatIsThereAndThrowsWhatTheReaderThrows() {
    var fails = new boolean[1];
    Follower follower =
        follower(look -> {
          tell(look);
          if (fails[0]) {
            throw new IllegalStateException("not now");
          }
        });
    follower.start();
    writer.put(1, "a");
    follower.look();
    assertEquals(List.of("1=a"), told);
    fails[0] = true;
    assertThrows(IllegalStateException.class, follower::look);
  }

  @Test
  void look_ofATableThatIsNotFollowed_isRefused() {
    TableWriter<Integer, String> other = TableWriter.create("other");
    Follower follower = follower(look -> look.of(other.table()));
    follower.start();
    assertThrows(IllegalArgumentException.class, follower::look);
  }

  /**
   * What a reader wrote somewhere else is as what it follows, however often it fails half way. It
   * forgets what it made of its looks, and what it wrote stays written.
   */
  @Property(tries = 300)
  void mirror_byAReaderThatFailsAtRandom_isAsTheTables(@ForAll long seed) {
    var random = new Random(seed);
    var clock = new ManualScheduler();
    var database = new Database();
    TableWriter<Integer, Integer> one =
        database.table("one", Comparator.naturalOrder(), Set.of(), List.of(), 3);
    TableWriter<Integer, Integer> two = database.table("two", Comparator.naturalOrder(), Set.of());
    Map<String, Integer> mirror = new HashMap<>();
    var failures = new int[] {1 + random.nextInt(4)};
    var follower =
        new Follower(
            clock,
            Duration.ZERO,
            List.of(one.table(), two.table()),
            look -> {
              mirror(look.of(one.table()), "one", mirror);
              if (failures[0] > 0 && random.nextBoolean()) {
                failures[0]--;
                throw new IllegalStateException("half way");
              }
              mirror(look.of(two.table()), "two", mirror);
            });
    follower.start();
    for (int i = 0; i < 60; i++) {
      int key = random.nextInt(8);
      int value = random.nextInt(3);
      switch (random.nextInt(6)) {
        case 0 -> one.remove(key);
        case 1 -> two.remove(key);
        case 2 -> one.put(key, value);
        case 3 -> two.put(key, value);
        case 4 ->
            database.write(changes -> {
              changes.of(one).remove(key);
              changes.of(two).put(key, value);
            });
        default -> clock.advance(Duration.ofMillis(random.nextInt(1500)));
      }
    }
    clock.advance(Duration.ofSeconds(10));
    assertTrue(failures[0] >= 0);
    Map<String, Integer> wanted = new HashMap<>();
    one.table().snapshot().forEach(row -> wanted.put("one" + row.key(), row.value()));
    two.table().snapshot().forEach(row -> wanted.put("two" + row.key(), row.value()));
    assertEquals(wanted, mirror);
    follower.stop();
    one.put(99, 1);
    clock.advance(Duration.ofSeconds(10));
    assertFalse(mirror.containsKey("one99"));
  }

  private static void mirror(
      Changes<Integer, Integer> changes, String name, Map<String, Integer> mirror) {
    for (Change<Integer, Integer> change : changes.list()) {
      switch (change) {
        case Change.Put<Integer, Integer> put -> mirror.put(name + put.key(), put.value());
        case Change.Removed<Integer, Integer> gone -> mirror.remove(name + gone.key());
      }
    }
  }
}
