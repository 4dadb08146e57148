// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.task;

import io.cilium4j.agent.ControllerState;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
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

  private final Scheduler scheduler;
  private final Clock clock;
  private final List<RepeatedTask> tasks;
  private final TableWriter<String, ControllerState> states = TableWriter.create("controllers");

  /**
   * Repeats nothing before the start, and then these tasks; after the stop, which waits for the one
   * that runs, none.
   *
   * @param scheduler nobody else's
   */
  public Controllers(Scheduler scheduler, Clock clock, List<RepeatedTask> tasks) {
    this.scheduler = scheduler;
    this.clock = clock;
    this.tasks = List.copyOf(tasks);
    for (RepeatedTask each : tasks) {
      states.put(
          each.name(),
          new ControllerState(
              each.name(),
              UUID.randomUUID(),
              each.interval(),
              0,
              Optional.empty(),
              0,
              Optional.empty(),
              0,
              ""));
    }
  }

  /** How each task fares, by name. */
  public Table<String, ControllerState> states() {
    return states.table();
  }

  /** How often tasks ran and failed, as it is now. */
  public List<MetricFamily> metrics() {
    long failing = 0;
    Map<String, Long> runs = new TreeMap<>(Map.of("success", 0L, "failure", 0L));
    List<Sample> byName = new ArrayList<>();
    for (Row<String, ControllerState> row : states.table().snapshot()) {
      ControllerState state = row.value();
      failing += state.failuresInARow() > 0 ? 1 : 0;
      Map.of("success", state.successes(), "failure", state.failures())
          .forEach((status, count) -> {
            runs.merge(status, count, Long::sum);
            byName.add(
                Sample.Value.of(Map.of("status", status, "group_name", state.name()), count));
          });
    }
    List<Sample> byStatus = new ArrayList<>();
    runs.forEach((status, count) -> byStatus.add(Sample.Value.of(Map.of("status", status), count)));
    return List.of(
        MetricFamily.gauge("cilium_controllers_failing", "Controllers that fail now", failing),
        new MetricFamily(
            "cilium_controllers_runs_total", Kind.COUNTER, "Runs of controllers", byStatus),
        new MetricFamily(
            "cilium_controllers_group_runs_total",
            Kind.COUNTER,
            "Runs of controllers by name",
            byName));
  }

  @Override
  public void start() {
    tasks.forEach(each -> scheduler.execute(() -> run(each)));
  }

  @Override
  public void stop() {
    scheduler.close();
  }

  private void run(RepeatedTask repeated) {
    String name = repeated.name();
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
    scheduler.schedule(waitAfter(after), () -> run(repeated));
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
