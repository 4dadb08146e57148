// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import org.jspecify.annotations.Nullable;

/**
 * Where the packet of a {@link Trial} goes that passed, and what is counted and told of one that
 * did not.
 *
 * <p>Not safe for use by several threads: {@link PacketDecider} holds its lock.
 */
final class Delivery {

  private final Trial trial;
  private final FragmentTable fragments;
  private final Counters counters;
  private final FlowEvents events;

  /** The last way through a tunnel: a flow's next packet mostly takes it too. */
  private Decision.ToNode lastSent = new Decision.ToNode(IpAddress.parse("::"), 0, false);

  Delivery(Trial trial, FragmentTable fragments, Counters counters, FlowEvents events) {
    this.trial = trial;
    this.fragments = fragments;
    this.counters = counters;
    this.events = events;
  }

  /**
   * Hands the packet to what stands at the receiver's end.
   *
   * @param node where the tunnel ends, if that is one
   * @param sender the sender's identity
   */
  Decision deliver(int place, @Nullable IpAddress node, int sender) {
    if (trial.proxyPort != 0) {
      return forward(new Decision.ToProxy(trial.proxyPort));
    }
    if (place == FlowEntry.OVERLAY && node != null) {
      return sendTo(node, sender);
    }
    LocalEndpoint receiver = place == FlowEntry.STACK ? null : trial.state.ofDevice(place);
    if (trial.origin.isStack()) {
      return receiver == null ? drop(DropReason.NO_LOCAL_ENDPOINT) : forward(receiver.direct());
    }
    if (receiver == null) {
      return forward(Decision.ToStack.INSTANCE);
    }
    if (trial.origin.isProxy()) {
      return forward(receiver.direct());
    }
    // A router answers a packet whose hops are used up; the node's stack is that router.
    return forward(trial.packet.hopLimit <= 1 ? Decision.ToStack.INSTANCE : receiver.routed());
  }

  private Decision sendTo(IpAddress node, int sender) {
    Integer mtuBytes = trial.state.nodes().mtuBytes(node);
    if (mtuBytes == null) {
      learnFragment();
      trial.begin(trial.state, trial.origin, trial.nowNanos);
      return drop(DropReason.NO_TUNNEL_ENDPOINT);
    }
    // The stack answers what is too large or has no hops left. What comes from there has been
    // looked at.
    boolean routed = trial.origin.isPod();
    boolean isAnswered =
        (routed && trial.packet.hopLimit <= 1) || (!trial.origin.isStack() && exceeds(mtuBytes));
    if (isAnswered) {
      return forward(Decision.ToStack.INSTANCE);
    }
    int identity = Trial.toldIdentity(sender);
    if (!lastSent.node().equals(node)
        || lastSent.identity() != identity
        || lastSent.routed() != routed) {
      lastSent = new Decision.ToNode(node, identity, routed);
    }
    return forward(lastSent);
  }

  /** Segments of merged packets are as large as their sender was told. */
  private boolean exceeds(int mtuBytes) {
    return mtuBytes != 0
        && !trial.isMerged
        && trial.frameBytes > mtuBytes + PacketParser.ETHERNET_BYTES;
  }

  private void learnFragment() {
    if (trial.packet.fragment == Packet.Fragment.FIRST) {
      fragments.learn(trial.packet, trial.origin.podIfindex());
    }
  }

  /** Lets a packet go on. */
  Decision forward(Decision decision) {
    learnFragment();
    counters.countForwarded(
        trial.origin.isPod() ? TrafficDirection.EGRESS : TrafficDirection.INGRESS,
        trial.frameBytes);
    return decision;
  }

  /** Drops the packet and tells of it. */
  Decision.Drop drop(DropReason reason) {
    counters.countDropped(reason, trial.direction, trial.frameBytes);
    if (!reason.equals(DropReason.FORBIDDEN_ICMPV6)) {
      events.report(Verdict.DENIED, reason);
    }
    return new Decision.Drop(reason, trial.direction, trial.endpointId(), trial.cookie);
  }
}
