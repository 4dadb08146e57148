// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.time.Duration;

/** How far a {@link Reconciler} has come with one row. */
public sealed interface RowStatus {

  /** The revision of the row, or of its removal, that this is about. */
  long revision();

  /** Not carried out yet. */
  record Pending(long revision) implements RowStatus {
    @Override
    public String toString() {
      return "Pending";
    }
  }

  /** The target holds the row. */
  record Done(long revision) implements RowStatus {
    @Override
    public String toString() {
      return "Done";
    }
  }

  /**
   * The last attempt failed; another follows by itself.
   *
   * @param message why, in one line
   * @param attempts how many have failed in a row
   * @param retryIn how long after that attempt the next one comes
   */
  record Failed(long revision, String message, int attempts, Duration retryIn)
      implements RowStatus {
    @Override
    public String toString() {
      return "Error (" + message + ", attempts=" + attempts + ")";
    }
  }
}
