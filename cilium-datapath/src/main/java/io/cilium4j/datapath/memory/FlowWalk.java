// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import java.util.List;
import java.util.function.Consumer;

/**
 * A walk over the flows of a family, some at a time: between two steps others may do with the
 * tables what they like. A flow that is there from the beginning to the end is met at least once.
 *
 * <p>A table that grows puts the flows of a bucket into that one or a later one, so that none goes
 * where the walk was. A flow that begins anew may go from one table to the other: the smaller one
 * is walked before the larger one and after it.
 *
 * <p>For one thread at a time, which holds the lock of the tables during a step.
 */
final class FlowWalk {

  /** Buckets of a step: some tenths of a millisecond. */
  private static final int STEP_BUCKETS = 2048;

  private final List<FlowTable> tables;
  private int table;
  private int bucket;

  /**
   * @param main the larger table
   * @param overflow the smaller one
   */
  FlowWalk(FlowTable main, FlowTable overflow) {
    this.tables = List.of(overflow, main, overflow);
  }

  /**
   * Tells of some flows, live or not.
   *
   * @return whether there are more
   */
  boolean step(Consumer<FlowEntry> action) {
    FlowTable walked = tables.get(table);
    int end = bucket + STEP_BUCKETS;
    walked.removeIf(
        bucket,
        end,
        flow -> {
          action.accept(flow);
          return false;
        });
    bucket = end;
    if (end >= walked.buckets()) {
      table++;
      bucket = 0;
    }
    return table < tables.size();
  }
}
