// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.datapath.flow.Numbered;
import io.cilium4j.datapath.flow.Ring;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** What a client gets of a ring that others write while its question is answered. */
class ObserverCallTest {
  private static final int CAPACITY = 4;

  private record Item(long number, Instant time) implements Numbered {}

  private final Ring<Item> ring = new Ring<>(CAPACITY);

  private void add() {
    var _ = ring.add(number -> new Item(number, Instant.EPOCH.plusSeconds(number)));
  }

  /** Answers a question for so many at most. */
  private static List<Long> answer(
      Ring<Item> ring, int number, boolean first, Predicate<Item> wanted, Received to)
      throws InterruptedException {
    return answer(
        ring,
        new EventQuery<>(wanted, number, first, false, Optional.empty(), Optional.empty()),
        to);
  }

  /** Answers a question; of what was lost it tells the number, negative. */
  private static List<Long> answer(Ring<Item> ring, EventQuery<Item> query, Received to)
      throws InterruptedException {
    new Observer.Call<Item, Long>(ring, query, Item::number, lost -> Optional.of(-lost))
        .answer(new Outgoing<>(to));
    return to.all;
  }

  private List<Long> answer(int number, boolean first, Predicate<Item> wanted)
      throws InterruptedException {
    return answer(ring, number, first, wanted, new Received());
  }

  @Test
  void answer_ringMovesBeforeTheFirstIsRead_tellsOfNoLoss() throws Exception {
    for (int i = 0; i < 10; i++) {
      add();
    }
    // A filter that few fit looks back as far as the ring goes; meanwhile another one comes.
    Predicate<Item> few =
        item -> {
          if (ring.added() == 10) {
            add();
          }
          return item.number() == 9 || item.number() == 10;
        };
    assertEquals(List.of(9L, 10L), answer(5, false, few));
    assertEquals(11, ring.added());
  }

  @Test
  void answer_theOldest_tellsOfNoLossOfWhatIsTooOld() throws Exception {
    for (int i = 0; i < 10; i++) {
      add();
    }
    assertEquals(List.of(7L, 8L, 9L, 10L), answer(0, true, _ -> true));
  }

  @Test
  void answer_theLastUntilATime_areThoseBeforeIt() throws Exception {
    for (int i = 0; i < CAPACITY; i++) {
      add();
    }
    var until = Optional.of(Instant.EPOCH.plusSeconds(3));
    Predicate<Item> all = _ -> true;
    var query = new EventQuery<>(all, 2, false, false, Optional.empty(), until);
    assertEquals(List.of(2L, 3L), answer(ring, query, new Received()));
  }

  @Test
  void answer_ringMovesWhileItIsRead_tellsOfTheLoss() throws Exception {
    var many = new Ring<Item>(2 * EventQuery.STEP);
    for (int i = 0; i < 2 * EventQuery.STEP; i++) {
      var _ = many.add(number -> new Item(number, Instant.EPOCH));
    }
    var to =
        new Received() {
          @Override
          public void onNext(Long message) {
            super.onNext(message);
            if (message == EventQuery.STEP) {
              // The client was slow: all but the last one that it asked for is gone.
              for (int i = 0; i < 2 * EventQuery.STEP - 1; i++) {
                var _ = many.add(number -> new Item(number, Instant.EPOCH));
              }
            }
          }
        };
    List<Long> all = answer(many, 0, true, _ -> true, to);
    assertEquals(
        List.of((long) EventQuery.STEP, 1L - EventQuery.STEP, 2L * EventQuery.STEP),
        all.subList(EventQuery.STEP - 1, all.size()));
  }

  /** A client that is always ready, and remembers. */
  private static class Received extends ServerCallStreamObserver<Long> {
    final List<Long> all = new ArrayList<>();

    @Override
    public void onNext(Long message) {
      all.add(message);
    }

    @Override
    public boolean isCancelled() {
      return false;
    }

    @Override
    public boolean isReady() {
      return true;
    }

    @Override
    public void setOnCancelHandler(Runnable handler) {}

    @Override
    public void setOnReadyHandler(Runnable handler) {}

    @Override
    public void setCompression(String compression) {}

    @Override
    public void setMessageCompression(boolean on) {}

    @Override
    public void disableAutoInboundFlowControl() {}

    @Override
    public void request(int count) {}

    @Override
    public void onError(Throwable error) {
      throw new AssertionError(error);
    }

    @Override
    public void onCompleted() {}

    @Override
    public void setOnReadyThreshold(int bytes) {}
  }
}
