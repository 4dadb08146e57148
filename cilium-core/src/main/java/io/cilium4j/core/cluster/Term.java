// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.cluster;

import io.cilium4j.core.state.Deadline;

/**
 * The time for which one process leads its cluster. Once it is over it never begins again: whoever
 * leads anew has another term, and looks at the cluster anew.
 */
@FunctionalInterface
public interface Term {

  /**
   * When a write has to be done that begins now. Over once the term is, so that such a write is not
   * carried out; what is written by this deadline is written before anybody else leads.
   */
  Deadline deadline();

  /** Whether this process leads no longer, or cannot know that it does. */
  default boolean isOver() {
    return deadline().isOver();
  }
}
