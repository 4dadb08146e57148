// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.Flow;

/**
 * Takes the flows that a datapath reports. Called on the datapath's reader thread, one call at a
 * time: an implementation that may wait hands the flow on, since a slow sink makes the kernel's
 * buffer overflow.
 */
@FunctionalInterface
public interface FlowSink extends AutoCloseable {
  /** Takes a flow; one that comes after {@link #close} is lost. */
  void accept(Flow flow);

  /** Writes out what is held back and lets go of everything; no error if it is closed already. */
  @Override
  default void close() {
    // Nothing to let go of.
  }
}
