// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

/**
 * Where a packet enters the datapath.
 *
 * @param ifindex index of the endpoint's device on the node's side; 0 for the node itself and the
 *     world behind it
 */
public record Origin(int ifindex) {

  /** The node's own network stack, and through it everything outside. */
  public static final Origin NODE = new Origin(FlowEntry.STACK);

  public Origin {
    if (ifindex < 0) {
      throw new IllegalArgumentException("device index " + ifindex + ": wanted 0 or above");
    }
  }

  /** Whether a pod sent the packet. */
  public boolean isPod() {
    return ifindex != FlowEntry.STACK;
  }
}
