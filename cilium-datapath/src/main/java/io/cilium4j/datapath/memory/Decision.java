// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.TrafficDirection;
import java.util.Optional;

/** What is to be done with a packet. */
public sealed interface Decision {

  /** Whether the packet goes on. */
  default boolean passes() {
    return !(this instanceof Drop);
  }

  /**
   * Into a local endpoint.
   *
   * @param endpoint the receiver
   * @param routed whether we are the router between two pods, and the hop limit goes down by one
   */
  record ToEndpoint(Endpoint endpoint, boolean routed) implements Decision {}

  /** Up to the node's own network stack. */
  record ToStack() implements Decision {
    static final ToStack INSTANCE = new ToStack();
  }

  /**
   * To a proxy of this node, which looks at the request inside.
   *
   * @param port the port it listens on
   */
  record ToProxy(int port) implements Decision {}

  /**
   * Through the tunnel to another node.
   *
   * @param node the address where the tunnel ends
   * @param identity the tunnel's key: whom the other node takes for the sender
   * @param routed whether we are the router behind the sending pod, and the hop limit goes down by
   *     one
   */
  record ToNode(IpAddress node, int identity, boolean routed) implements Decision {}

  /**
   * Nowhere.
   *
   * @param reason why
   * @param direction whose policy decided: {@code EGRESS} the sender's
   * @param endpointId the endpoint whose policy decided; 0 for none
   * @param cookie the rule that denies it, see {@link io.cilium4j.core.RuleOrigin}; 0 for none
   * @param refusal what its sender is answered; empty for nothing
   */
  record Drop(
      DropReason reason,
      TrafficDirection direction,
      int endpointId,
      int cookie,
      Optional<Refusal> refusal)
      implements Decision {

    /** A drop of which nobody is told. */
    public Drop(DropReason reason, TrafficDirection direction, int endpointId, int cookie) {
      this(reason, direction, endpointId, cookie, Optional.empty());
    }
  }
}
