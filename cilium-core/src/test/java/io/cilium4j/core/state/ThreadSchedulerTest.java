// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ThreadSchedulerTest {
  private final Scheduler scheduler = Scheduler.ofThread("scheduler-test");
  private final List<String> ran = new CopyOnWriteArrayList<>();

  @AfterEach
  void close() {
    scheduler.close();
  }

  @Test
  void execute_severalTasks_runInOrderOnOneDaemonThread() throws Exception {
    var done = new CountDownLatch(1);
    for (int i = 0; i < 3; i++) {
      String name = "task " + i;
      scheduler.execute(() -> ran.add(name + " on " + Thread.currentThread().getName()));
    }
    scheduler.execute(() -> ran.add("daemon " + Thread.currentThread().isDaemon()));
    scheduler.execute(done::countDown);
    assertTrue(done.await(20, TimeUnit.SECONDS));
    assertEquals(
        List.of(
            "task 0 on scheduler-test",
            "task 1 on scheduler-test",
            "task 2 on scheduler-test",
            "daemon true"),
        ran);
  }

  @Test
  void execute_taskThrows_theNextOneRuns() throws Exception {
    var done = new CountDownLatch(1);
    scheduler.execute(() -> {
      throw new IllegalStateException("on purpose");
    });
    scheduler.schedule(Duration.ofMillis(1), done::countDown);
    assertTrue(done.await(20, TimeUnit.SECONDS));
  }

  @Test
  void close_taskRuns_waitsForItAndDropsTheOthers() throws Exception {
    var running = new CountDownLatch(1);
    var mayEnd = new CountDownLatch(1);
    scheduler.execute(() -> {
      running.countDown();
      awaitUninterruptibly(mayEnd);
      ran.add("first");
    });
    scheduler.execute(() -> ran.add("second"));
    scheduler.schedule(Duration.ofMillis(1), () -> ran.add("later"));
    assertTrue(running.await(20, TimeUnit.SECONDS));
    Thread closer = Thread.ofPlatform().start(scheduler::close);
    while (closer.getState() != Thread.State.TIMED_WAITING) {
      Thread.onSpinWait();
    }
    mayEnd.countDown();
    closer.join();
    assertEquals(List.of("first"), ran);
    scheduler.execute(() -> ran.add("after the end"));
    assertEquals(List.of("first"), ran);
  }

  @Test
  void close_byItsOwnTask_doesNotWaitForItself() throws Exception {
    var done = new CountDownLatch(1);
    scheduler.execute(() -> {
      scheduler.close();
      done.countDown();
    });
    assertTrue(done.await(20, TimeUnit.SECONDS));
  }

  @Test
  void reconciler_realThread_realisesAndWaits() throws Exception {
    TableWriter<String, Integer> writer = TableWriter.create("real");
    var operations =
        new Operations<String, Integer>() {
          @Override
          public void update(String key, Integer value) {
            ran.add(key + "=" + value);
          }

          @Override
          public void delete(String key, Integer last) {
            ran.add("no " + key);
          }

          @Override
          public void prune(Snapshot<String, Integer> desired) {}
        };
    var reconciler = Reconciler.create(writer.table(), operations, scheduler);
    assertFalse(reconciler.awaitRealised(1, Duration.ZERO));
    reconciler.start();
    long revision = writer.put("a", 1);
    assertTrue(reconciler.awaitRealised("a", revision, Duration.ofSeconds(20)));
    assertTrue(reconciler.awaitRealised(writer.remove("a"), Duration.ofSeconds(20)));
    assertEquals(List.of("a=1", "no a"), ran);
    reconciler.stop();
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
