// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.task;

import io.cilium4j.agent.ControllerState;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.time.Clock;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tasks that the agent repeats: each at its interval, and after a failure sooner, then later
 * each time. What became of them is a table, so that the agent's status can show what keeps
 * failing. They run one at a time on one thread.
 */
public final class Controllers implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(Controllers.class);

  /** Wait after the first failure; grows by as much with each further one. */
  static final Duration RETRY_BASE = Duration.ofSeconds(1);

  /** Longest wait after a failure. */
  private static final Duration MAX_RETRY = Duration.ofSeconds(30);

  /** Longest error that is kept, in characters. */
  private static final int MAX_ERROR_CHARS = 500;

  /** What is to be done; may throw anything. */
  public interface Task {
    void run() throws Exception;
  }

  private record Repeated(Task task, Duration interval) {}

  private final Scheduler scheduler;
  private final Clock clock;
  private final Map<String, Repeated> tasks = new LinkedHashMap<>();
  private final TableWriter<String, ControllerState> states = TableWriter.create("controllers");

  public Controllers(Scheduler scheduler, Clock clock) {
    this.scheduler = scheduler;
    this.clock = clock;
  }

  /** Adds a task, before the start. */
  public Controllers add(String name, Duration interval, Task task) {
    tasks.put(name, new Repeated(task, interval));
    states.put(
        name,
        new ControllerState(
            name, UUID.randomUUID(), interval, 0, Optional.empty(), 0, Optional.empty(), 0, ""));
    return this;
  }

  /** How each task fares, by name. */
  public Table<String, ControllerState> states() {
    return states.table();
  }

  @Override
  public void start() {
    tasks.forEach((name, repeated) -> scheduler.execute(() -> run(name, repeated)));
  }

  @Override
  public void stop() {
    // Ends with its scheduler.
  }

  private void run(String name, Repeated repeated) {
    ControllerState before = states.table().get(name).orElseThrow();
    ControllerState after;
    try {
      repeated.task().run();
      after = before.succeeded(clock.instant());
    } catch (Exception e) {
      if (e instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      after = before.failed(clock.instant(), oneLine(e));
      LOG.warn(
          "controller failed name={} in-a-row={} error=\"{}\"",
          name,
          after.failuresInARow(),
          after.lastError());
    }
    states.put(name, after);
    scheduler.schedule(waitAfter(after), () -> run(name, repeated));
  }

  private static Duration waitAfter(ControllerState state) {
    if (state.failuresInARow() == 0) {
      return state.interval();
    }
    Duration wait = RETRY_BASE.multipliedBy(state.failuresInARow());
    return wait.compareTo(MAX_RETRY) < 0 ? wait : MAX_RETRY;
  }

  private static String oneLine(Exception e) {
    String text = String.valueOf(e.getMessage() == null ? e : e.getMessage());
    String line = text.replaceAll("\\p{Cntrl}+", " ");
    return line.length() > MAX_ERROR_CHARS ? line.substring(0, MAX_ERROR_CHARS) : line;
  }
}
