// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.task;

import java.time.Duration;

/**
 * Something that the agent repeats.
 *
 * @param name names it in the agent's status
 * @param interval how long after it was done it is done again
 * @param task what is to be done
 */
public record RepeatedTask(String name, Duration interval, Task task) {

  /** What is to be done; may throw anything. */
  @FunctionalInterface
  public interface Task {
    void run() throws Exception;
  }
}
