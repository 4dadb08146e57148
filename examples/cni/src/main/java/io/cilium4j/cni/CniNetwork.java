// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

/**
 * Carries out what runtimes ask for. What cannot be done is a {@link CniException}; any other
 * exception is told to the runtime as "try again later".
 *
 * <p>Called by several threads at once, also for one attachment.
 */
public interface CniNetwork {

  /**
   * What {@code ADD} made.
   *
   * @param result for the runtime
   * @param undo takes it back if the runtime is gone; nothing for what was there before
   */
  record Added(CniResult result, Runnable undo) {}

  /** Joins a device; returns once its policy is in force. */
  Added add(CniRequest.Add request);

  /** Takes a device from the network. */
  void delete(CniRequest.Delete request);

  /** Sees that a device is joined as it was. */
  void check(CniRequest.Check request);

  /** Takes everything from the network that the runtime does not have any more. */
  void collect(CniRequest.Collect request);

  /** Sees that {@code ADD} can be served. */
  void status();
}
