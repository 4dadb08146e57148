// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.core.state.Scheduler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * Threads that run one at a time and only when told to, from one call of the outside world to the
 * next, on a clock that is moved by hand: so every order of steps can be had, and had again.
 */
final class Simulation {

  /** A process ended in the middle of what it did. */
  static final class Crash extends Error {
    private static final long serialVersionUID = 1L;
  }

  private record Task(long atNanos, long number, Runnable action) {}

  private long nowNanos;
  private long numbered;

  long nanoTime() {
    return nowNanos;
  }

  void advance(Duration by) {
    nowNanos += by.toNanos();
  }

  /** A thread with its queue of tasks. */
  final class Fiber implements Scheduler {
    private final PriorityQueue<Task> tasks =
        new PriorityQueue<>(
            Comparator.comparingLong(Task::atNanos).thenComparingLong(Task::number));
    private final Semaphore go = new Semaphore(0);
    private final Semaphore back = new Semaphore(0);
    private final Thread thread;
    private boolean isInTask;
    private boolean isCrashed;
    private @Nullable Throwable failure;

    Fiber(String name) {
      this.thread = Thread.ofVirtual().name(name).start(this::run);
    }

    private void run() {
      try {
        while (true) {
          go.acquireUninterruptibly();
          if (isCrashed) {
            return;
          }
          Task task = tasks.remove();
          isInTask = true;
          task.action.run();
          isInTask = false;
          back.release();
        }
      } catch (Crash _) {
        // As wanted.
      } catch (Throwable e) {
        failure = e;
      } finally {
        isInTask = false;
        isCrashed = true;
        back.release();
      }
    }

    /** Whether a step can be made now. */
    boolean isReady() {
      return !isCrashed && (isInTask || (!tasks.isEmpty() && tasks.peek().atNanos <= nowNanos));
    }

    boolean isInTask() {
      return isInTask;
    }

    /** When it is ready; far away if never. */
    long readyAtNanos() {
      return isInTask ? nowNanos : tasks.isEmpty() ? Long.MAX_VALUE : tasks.peek().atNanos;
    }

    /** Lets it run to its next call of the outside world, or to the end of its task. */
    void step() {
      go.release();
      back.acquireUninterruptibly();
      if (failure != null) {
        throw new AssertionError(thread.getName(), failure);
      }
    }

    /** A call of the outside world: others may run first. */
    void gate() {
      if (Thread.currentThread() != thread) {
        return; // The world itself.
      }
      back.release();
      go.acquireUninterruptibly();
      if (isCrashed) {
        throw new Crash();
      }
    }

    /** Ends it where it is. */
    void crash() {
      if (!isCrashed) {
        isCrashed = true;
        go.release();
        back.acquireUninterruptibly();
      }
    }

    @Override
    public long nanoTime() {
      return nowNanos;
    }

    @Override
    public void execute(Runnable task) {
      schedule(Duration.ZERO, task);
    }

    @Override
    public void schedule(Duration delay, Runnable task) {
      tasks.add(new Task(nowNanos + Math.max(0, delay.toNanos()), numbered++, task));
    }

    @Override
    public void close() {
      tasks.clear();
    }
  }

  /** Those of the fibers that can make a step now. */
  static List<Fiber> ready(List<Fiber> fibers) {
    var ready = new ArrayList<Fiber>();
    fibers.stream().filter(Fiber::isReady).forEach(ready::add);
    return ready;
  }
}
