// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.TrafficDirection;
import java.util.List;
import java.util.Optional;

/**
 * What became of packets: flows as they happen, and totals.
 *
 * <p>Safe for use by several threads.
 */
public interface FlowSource {

  /** Reports flows to {@code sink} until the returned handle is closed. */
  Subscription subscribe(FlowSink sink);

  /**
   * What passed and what was dropped since the instance was made, as far as it happened: at most
   * one count for each reason and direction.
   */
  List<Traffic> traffic();

  /** A handle on a subscription. */
  interface Subscription extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * A kind of packets and how many there were.
   *
   * @param drop why they were dropped; absent for those that passed
   * @param direction whose policy decided; of what passed, out of a pod or into one
   * @param packets how many
   * @param bytes their sizes with the Ethernet header, together
   */
  record Traffic(Optional<DropReason> drop, TrafficDirection direction, long packets, long bytes) {}
}
