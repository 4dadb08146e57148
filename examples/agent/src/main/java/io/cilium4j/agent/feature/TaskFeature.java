// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.ControllerState;
import io.cilium4j.agent.task.Controllers;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Table;
import java.time.Clock;
import java.util.List;

/** Repeats what the features made before it want repeated. */
public final class TaskFeature implements Feature {
  private final Controllers controllers;

  /** Made last, when every task is known. */
  public TaskFeature(FeatureContext context) {
    this.controllers =
        new Controllers(context.thread("controllers"), Clock.systemUTC(), context.tasks());
  }

  /** How each task fares, by name. */
  public Table<String, ControllerState> states() {
    return controllers.states();
  }

  /** Repeats no more, and waits for the task that runs: before anything ends that a task uses. */
  public void end() {
    controllers.stop();
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle.add("controllers", controllers);
  }

  @Override
  public List<MetricFamily> metrics() {
    return controllers.metrics();
  }
}
