// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import java.util.ArrayDeque;
import java.util.Deque;

/** What has to be taken back, last first, if the whole does not come about. */
public final class Undo {
  private final Deque<Runnable> steps = new ArrayDeque<>();

  /** Notes how to take back what was just done. */
  void add(Runnable step) {
    steps.push(step);
  }

  /** Takes everything back; what fails meanwhile is added to the cause, and the rest goes on. */
  void run(RuntimeException cause) {
    for (Runnable step = steps.poll(); step != null; step = steps.poll()) {
      try {
        step.run();
      } catch (RuntimeException e) {
        cause.addSuppressed(e);
      }
    }
  }
}
