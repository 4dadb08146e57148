// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.state.StateFolder;
import io.cilium4j.agent.task.RepeatedTask;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.UndoStack;
import java.time.Duration;
import java.util.List;

/**
 * What every feature is made with.
 *
 * @param config what the agent was told
 * @param folder where state outlives the process
 * @param opened closes what a feature opens
 * @param tasks what features want repeated; they add to it
 */
public record FeatureContext(
    AgentConfig config, StateFolder folder, UndoStack opened, List<RepeatedTask> tasks) {

  /** A thread for one task of the agent; ends with the agent. */
  public Scheduler thread(String task) {
    return opened.add(Scheduler.ofThread(config.instance() + "-" + task));
  }

  /** Has a task repeated while the agent runs, and shown in its status. */
  void repeat(String name, Duration interval, RepeatedTask.Task task) {
    tasks.add(new RepeatedTask(name, interval, task));
  }
}
