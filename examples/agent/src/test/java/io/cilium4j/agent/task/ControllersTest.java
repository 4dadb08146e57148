// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.ControllerState;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.core.state.Scheduler;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ControllersTest {

  private static final Duration INTERVAL = Duration.ofSeconds(3);

  private final ManualScheduler time = new ManualScheduler();
  private final AtomicInteger runs = new AtomicInteger();

  private Controllers repeating(RepeatedTask.Task task) {
    var controllers =
        new Controllers(
            time, Clock.systemUTC(), List.of(new RepeatedTask("sweep", INTERVAL, task)));
    controllers.start();
    time.runDue();
    return controllers;
  }

  private static ControllerState state(Controllers controllers) {
    return controllers.states().get("sweep").orElseThrow();
  }

  @Test
  void start_runsAtOnceAndAtEachInterval() {
    var controllers = repeating(runs::incrementAndGet);
    assertEquals(1, runs.get());
    time.advance(INTERVAL.multipliedBy(4));
    assertEquals(5, runs.get());
    assertEquals(5, state(controllers).successes());
  }

  @Test
  void failure_isRepeatedSoonerThenLaterEachTime() {
    var controllers =
        repeating(() -> {
          if (runs.incrementAndGet() < 4) {
            throw new IOException("no\nroute");
          }
        });
    assertEquals("no route", state(controllers).lastError());
    time.advance(Controllers.RETRY_BASE);
    assertEquals(2, runs.get());
    time.advance(Controllers.RETRY_BASE);
    assertEquals(2, runs.get());
    time.advance(Controllers.RETRY_BASE);
    assertEquals(3, runs.get());
    assertEquals(3, state(controllers).failuresInARow());
    time.advance(Controllers.RETRY_BASE.multipliedBy(3));
    assertEquals(4, runs.get());
    assertEquals(0, state(controllers).failuresInARow());
    assertEquals(3, state(controllers).failures());
  }

  @Test
  void stop_nothingRunsAnyMore() {
    var controllers = repeating(runs::incrementAndGet);
    controllers.stop();
    time.advance(INTERVAL.multipliedBy(4));
    assertEquals(1, runs.get());
  }

  /** Else a task would meet what it uses closed, and tell of a failure that is none. */
  @Test
  void stop_waitsForTheTaskThatRuns() throws Exception {
    var running = new CountDownLatch(1);
    var mayEnd = new CountDownLatch(1);
    var ended = new AtomicBoolean();
    var controllers =
        new Controllers(
            Scheduler.ofThread("controllers"),
            Clock.systemUTC(),
            List.of(
                new RepeatedTask(
                    "slow",
                    INTERVAL,
                    () -> {
                      running.countDown();
                      mayEnd.await();
                      ended.set(true);
                    })));
    controllers.start();
    running.await();
    var stopped = new AtomicBoolean();
    Thread stopping =
        Thread.ofVirtual()
            .start(() -> {
              controllers.stop();
              stopped.set(ended.get());
            });
    assertFalse(stopping.join(Duration.ofMillis(20)));
    mayEnd.countDown();
    stopping.join();
    assertTrue(stopped.get());
  }
}
