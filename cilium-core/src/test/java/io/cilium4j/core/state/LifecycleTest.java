// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.core.state.Lifecycle.LifecycleException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class LifecycleTest {
  private final List<String> told = new ArrayList<>();
  private final Lifecycle lifecycle = new Lifecycle();

  @Test
  void stop_afterStart_goesBackwards() {
    lifecycle.add("a", part("a", Set.of())).add("b", part("b", Set.of()));
    lifecycle.addClosing("c", () -> told.add("close c"));
    lifecycle.start();
    lifecycle.stop();
    lifecycle.stop();
    assertEquals(List.of("start a", "start b", "close c", "stop b", "stop a"), told);
  }

  @Test
  void start_partFails_stopsWhatRan() {
    lifecycle
        .add("a", part("a", Set.of("stop")))
        .add("b", part("b", Set.of("start")))
        .add("c", part("c", Set.of()));
    var e = assertThrows(LifecycleException.class, lifecycle::start);
    assertEquals("start of b: no start of b; stop of a: no stop of a", e.getMessage());
    assertEquals(1, e.getSuppressed().length);
    assertEquals(List.of("start a", "start b", "stop a"), told);
    lifecycle.stop();
    assertEquals(3, told.size());
  }

  @Test
  void stop_partsFail_stopsTheOthersAndTellsAll() {
    lifecycle
        .add("a", part("a", Set.of("stop")))
        .add("b", part("b", Set.of()))
        .add("c", part("c", Set.of("stop")));
    lifecycle.start();
    var e = assertThrows(LifecycleException.class, lifecycle::stop);
    assertEquals("stop of c: no stop of c; stop of a: no stop of a", e.getMessage());
    assertEquals(List.of("start a", "start b", "start c", "stop c", "stop b", "stop a"), told);
  }

  @Test
  void stop_duringStart_startsNoFurtherPart() throws Exception {
    var inStart = new CountDownLatch(1);
    Thread stopper =
        Thread.ofPlatform()
            .unstarted(() -> {
              inStart.countDown();
              lifecycle.stop();
            });
    lifecycle.add("a", part("a", Set.of()));
    lifecycle.add(
        "b",
        new Lifecycle.Part() {
          @Override
          public void start() throws Exception {
            stopper.start();
            inStart.await();
            // Until the stopper stands before the lock, which this thread holds.
            while (stopper.getState() != Thread.State.WAITING) {
              Thread.onSpinWait();
            }
          }

          @Override
          public void stop() {
            told.add("stop b");
          }
        });
    lifecycle.add("c", part("c", Set.of()));
    lifecycle.start();
    stopper.join();
    assertEquals(List.of("start a", "stop b", "stop a"), told);
  }

  private Lifecycle.Part part(String name, Set<String> failing) {
    return new Lifecycle.Part() {
      @Override
      public void start() {
        tell("start");
      }

      @Override
      public void stop() {
        tell("stop");
      }

      private void tell(String what) {
        told.add(what + " " + name);
        if (failing.contains(what)) {
          throw new IllegalStateException("no " + what + " of " + name);
        }
      }
    };
  }
}
