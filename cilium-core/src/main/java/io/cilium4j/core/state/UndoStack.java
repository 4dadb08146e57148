// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What was opened or done on the way to a whole, to be closed and taken back in the reverse order:
 * at the end by {@link #close}, or when the whole does not come about by {@link #undo}. Each step
 * is carried out once, and one that fails does not keep the others.
 *
 * <p>For one thread at a time.
 */
public final class UndoStack implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(UndoStack.class);

  /** Something to be carried out, always or only where the whole does not come about. */
  private record Step(AutoCloseable action, boolean isUndoing) {}

  private final Deque<Step> steps = new ArrayDeque<>();

  /** With nothing to undo. */
  public UndoStack() {}

  /** Notes what is closed in any case, and gives it back. */
  public <T extends AutoCloseable> T add(T resource) {
    steps.push(new Step(resource, false));
    return resource;
  }

  /** Notes how to take back what was just done, if the whole does not come about. */
  public void ifFailed(AutoCloseable step) {
    steps.push(new Step(step, true));
  }

  /**
   * Takes everything back.
   *
   * @param cause why; what fails meanwhile is added to it
   */
  public void undo(Throwable cause) {
    for (Step step = steps.poll(); step != null; step = steps.poll()) {
      try {
        step.action.close();
      } catch (Exception e) {
        restoreInterrupt(e);
        cause.addSuppressed(e);
      }
    }
  }

  /** Closes what is open, and forgets how to take back the rest. What fails is logged. */
  @Override
  public void close() {
    for (Step step = steps.poll(); step != null; step = steps.poll()) {
      if (step.isUndoing) {
        continue;
      }
      try {
        step.action.close();
      } catch (Exception e) {
        restoreInterrupt(e);
        LOG.warn("close failed resource={} error=\"{}\"", step.action, e.toString());
      }
    }
  }

  private static void restoreInterrupt(Exception e) {
    if (e instanceof InterruptedException) {
      Thread.currentThread().interrupt();
    }
  }
}
