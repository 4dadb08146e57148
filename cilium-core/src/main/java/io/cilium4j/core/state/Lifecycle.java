// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The parts of a running whole: started in the order in which they were added, stopped in the
 * reverse one.
 *
 * <p>A part that fails to start stops those before it, so that nothing half started is left. A part
 * that fails to stop does not keep the others from stopping; all errors are told together.
 */
public final class Lifecycle implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Lifecycle.class);

  /** Something that runs from its start to its stop. */
  public interface Part {
    /** Begins. When it throws it has undone what it did, and is not stopped. */
    void start() throws Exception;

    /** Ends, and lets go of what it holds. Called once, and only after it started. */
    void stop() throws Exception;
  }

  /** Parts failed to start or to stop: the message names them, the causes are suppressed in it. */
  public static final class LifecycleException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private LifecycleException(String message, List<Exception> causes) {
      super(message, causes.getFirst());
      causes.stream().skip(1).forEach(this::addSuppressed);
    }
  }

  private record Named(String name, Part part) {}

  private final ReentrantLock lock = new ReentrantLock();
  private final List<Named> parts = new ArrayList<>();
  private final Deque<Named> running = new ArrayDeque<>();
  private boolean started;

  /** Set without the lock: who wants to stop does not wait for the parts still to be started. */
  private volatile boolean stopWanted;

  /** A lifecycle without a part. */
  public Lifecycle() {}

  /** Adds a part behind those added before. */
  public Lifecycle add(String name, Part part) {
    lock.lock();
    try {
      if (started) {
        throw new IllegalStateException("part " + name + ": added after the start");
      }
      parts.add(new Named(name, part));
      return this;
    } finally {
      lock.unlock();
    }
  }

  /** Adds something that needs no start and is closed at the stop. */
  public Lifecycle addClosing(String name, AutoCloseable resource) {
    return add(
        name,
        new Part() {
          @Override
          public void start() {}

          @Override
          public void stop() throws Exception {
            resource.close();
          }
        });
  }

  /**
   * Starts the parts in order. Ends early, with everything stopped again, when {@link #stop} is
   * called meanwhile.
   *
   * @throws LifecycleException when one fails; those started before it are stopped again
   */
  public void start() {
    lock.lock();
    try {
      if (started) {
        throw new IllegalStateException("started before; a lifecycle starts once");
      }
      started = true;
      for (Named named : parts) {
        if (stopWanted) {
          return; // The stop waits for the lock and does the rest.
        }
        try {
          named.part.start();
          running.push(named);
          LOG.debug("part started name={}", named.name);
        } catch (Exception e) {
          restoreInterrupt(e);
          var errors = new ArrayList<Exception>(List.of(e));
          var text = new ArrayList<>(List.of(line("start", named, e)));
          stopRunning(text, errors);
          throw new LifecycleException(String.join("; ", text), errors);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Stops the parts that run, last started first. A second call does nothing.
   *
   * @throws LifecycleException when some fail; every part was asked to stop all the same
   */
  public void stop() {
    stopWanted = true;
    lock.lock();
    try {
      var errors = new ArrayList<Exception>();
      var text = new ArrayList<String>();
      stopRunning(text, errors);
      if (!errors.isEmpty()) {
        throw new LifecycleException(String.join("; ", text), errors);
      }
    } finally {
      lock.unlock();
    }
  }

  private void stopRunning(List<String> text, List<Exception> errors) {
    for (Named named = running.poll(); named != null; named = running.poll()) {
      try {
        named.part.stop();
        LOG.debug("part stopped name={}", named.name);
      } catch (Exception e) {
        restoreInterrupt(e);
        errors.add(e);
        text.add(line("stop", named, e));
      }
    }
  }

  private static void restoreInterrupt(Exception e) {
    if (e instanceof InterruptedException) {
      Thread.currentThread().interrupt();
    }
  }

  private static String line(String what, Named named, Exception e) {
    return what + " of " + named.name + ": " + (e.getMessage() == null ? e : e.getMessage());
  }

  /** As {@link #stop}. */
  @Override
  public void close() {
    stop();
  }
}
