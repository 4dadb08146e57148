// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpAddress;
import org.jspecify.annotations.Nullable;

/**
 * Where a packet enters the datapath.
 *
 * @param ifindex index of the endpoint's device on the node's side; 0 for the node itself, the
 *     world behind it, and the tunnel; negative for the proxy
 * @param tunnel what the tunnel says of the packet; null if it did not come by one
 */
public record Origin(int ifindex, @Nullable Tunnelled tunnel) {

  /** The node's own network stack, and through it everything outside. */
  public static final Origin NODE = new Origin(FlowEntry.STACK);

  /** The proxy, which stands between the ends of a flow. */
  public static final Origin PROXY = new Origin(FlowEntry.PROXY);

  public Origin {
    if (ifindex < FlowEntry.PROXY || (ifindex != FlowEntry.STACK && tunnel != null)) {
      throw new IllegalArgumentException("device index " + ifindex + ", tunnel " + tunnel);
    }
  }

  /** An endpoint's device, or 0. */
  public Origin(int ifindex) {
    this(ifindex, null);
  }

  /**
   * What a tunnel says of a packet.
   *
   * @param node the address that it came from
   * @param identity the tunnel's key: the sender's identity
   */
  public record Tunnelled(IpAddress node, int identity) {}

  /** The tunnel from another node. */
  public static Origin ofTunnel(IpAddress node, int identity) {
    return new Origin(FlowEntry.STACK, new Tunnelled(node, identity));
  }

  /** Whether a pod sent the packet. */
  public boolean isPod() {
    return ifindex > FlowEntry.STACK;
  }

  /** Whether the proxy sent it, for either end. */
  boolean isProxy() {
    return ifindex == FlowEntry.PROXY;
  }

  /** Whether the node's own stack handed it on. */
  boolean isStack() {
    return ifindex == FlowEntry.STACK && tunnel == null;
  }

  /** The pod's device, or 0: whose fragments are kept together. */
  int podIfindex() {
    return Math.max(ifindex, FlowEntry.STACK);
  }
}
