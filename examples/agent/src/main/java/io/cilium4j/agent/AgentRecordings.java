// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.api.model.RecorderSpec;
import io.cilium4j.core.state.Table;

/**
 * Recordings of packets that come in at the node's devices, in files of the state folder. They
 * outlive the agent, which goes on with each in a new file.
 *
 * <p>Safe for use by several threads.
 */
public interface AgentRecordings {

  /** What is to be recorded, by number. */
  Table<Long, RecorderSpec> table();

  /** Whether a recording goes on. */
  boolean isRunning(long number);

  /**
   * Records this from now on, in place of the former recording of that number.
   *
   * @return whether the number is new
   * @throws io.cilium4j.core.spi.DatapathException if it cannot; then nothing is kept of it
   * @throws io.cilium4j.core.state.StorageException if it cannot be stored; then it is not recorded
   */
  boolean put(long number, RecorderSpec spec);

  /**
   * Ends a recording and removes its files; false if there is none.
   *
   * @throws io.cilium4j.core.spi.DatapathException if the files cannot be removed
   */
  boolean delete(long number);
}
