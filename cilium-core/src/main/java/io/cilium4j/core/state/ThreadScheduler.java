// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The scheduler of real time: one daemon thread, which outlives a task that throws. */
final class ThreadScheduler implements Scheduler {
  private static final Logger LOG = LoggerFactory.getLogger(ThreadScheduler.class);

  /** How long {@link #close} waits for the running task; longer than any one batch should take. */
  private static final Duration CLOSE_WAIT = Duration.ofSeconds(30);

  private final String name;
  private final ScheduledThreadPoolExecutor executor;
  private volatile @Nullable Thread thread;

  /** The executor itself would still run what is due when it is shut down. */
  private volatile boolean closed;

  ThreadScheduler(String name) {
    this.name = name;
    this.executor =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread made = Thread.ofPlatform().daemon().name(name).unstarted(task);
              thread = made;
              return made;
            });
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  @Override
  public long nanoTime() {
    return System.nanoTime();
  }

  @Override
  public void execute(Runnable task) {
    schedule(Duration.ZERO, task);
  }

  @Override
  public void schedule(Duration delay, Runnable task) {
    try {
      // The handle is not needed: run() lets no exception reach it.
      var _ = executor.schedule(() -> run(task), delay.toNanos(), TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException e) {
      LOG.debug("task dropped scheduler={} reason=closed", name);
    }
  }

  private void run(Runnable task) {
    if (closed) {
      return;
    }
    try {
      task.run();
    } catch (RuntimeException | Error e) {
      LOG.error("task failed scheduler={}", name, e);
    }
  }

  @Override
  public void close() {
    closed = true;
    executor.shutdown();
    if (Thread.currentThread() == thread) {
      return; // The running task closes its own scheduler: it cannot wait for itself.
    }
    try {
      if (!executor.awaitTermination(CLOSE_WAIT.toNanos(), TimeUnit.NANOSECONDS)) {
        LOG.warn("task still running scheduler={} after={}", name, CLOSE_WAIT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
