// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import org.jspecify.annotations.Nullable;

/**
 * The packet under decision: where it came from, when, what is known of its parties, and whose
 * policy spoke last. One object serves all packets.
 */
final class Trial {
  final Packet packet = new Packet();

  State state = State.empty();
  Origin origin = Origin.NODE;
  int frameBytes;
  long nowNanos;

  @Nullable LocalEndpoint source;
  @Nullable LocalEndpoint destination;
  int sourceIdentity;
  int destinationIdentity;

  /** Whose policy spoke last, and by which rule. */
  TrafficDirection direction = TrafficDirection.EGRESS;

  private @Nullable LocalEndpoint subject;
  int cookie;

  /** The packet is of a flow from a pod to itself, through a service. */
  boolean loops;

  /** The port of the proxy that policy sends the flow to, 0 for none. */
  int proxyPort;

  void begin(State current, Origin from, long now) {
    state = current;
    origin = from;
    nowNanos = now;
    source = null;
    destination = null;
    sourceIdentity = 0;
    destinationIdentity = 0;
    direction = from.isPod() ? TrafficDirection.EGRESS : TrafficDirection.INGRESS;
    subject = null;
    cookie = 0;
    loops = false;
    proxyPort = 0;
  }

  /** The policy of this endpoint is asked next. */
  void ask(LocalEndpoint asked, TrafficDirection towards) {
    subject = asked;
    direction = towards;
  }

  /** The endpoint whose policy spoke last, the sender where none did; 0 for none. */
  int endpointId() {
    LocalEndpoint decider = subject == null ? sender() : subject;
    return decider == null ? 0 : decider.id();
  }

  /** The pod behind the device that the packet came from, or null. */
  @Nullable LocalEndpoint sender() {
    return origin.isPod() ? state.ofDevice(origin.ifindex()) : null;
  }

  /** Finds out who the parties are; a reason if the packet cannot be theirs. */
  @Nullable DropReason identify() {
    return origin.isPod() ? identifyFromPod() : identifyFromNode();
  }

  private @Nullable DropReason identifyFromPod() {
    LocalEndpoint sender = sender();
    if (sender == null) {
      return DropReason.UNKNOWN_SENDER;
    }
    source = sender;
    sourceIdentity = sender.endpoint().identity();
    if (packet.isFromLinkLocal() || packet.isFromUnspecified()) {
      return packet.protocol == Packet.ICMPV6
          ? DropReason.FORBIDDEN_ICMPV6
          : DropReason.INVALID_SOURCE_IP;
    }
    if (loops ? !sender.isDestinationOf(packet) : !sender.isSourceOf(packet)) {
      return DropReason.INVALID_SOURCE_IP;
    }
    if (LoopAddress.isDestinationOf(packet)) {
      destination = sender;
      destinationIdentity = sourceIdentity;
    } else {
      identifyDestination(packet);
    }
    return null;
  }

  private @Nullable DropReason identifyFromNode() {
    boolean discovers =
        packet.protocol == Packet.ICMPV6
            && (packet.isFromLinkLocal() || packet.isFromUnspecified())
            && packet.isToGroupV6();
    if (discovers) {
      return DropReason.FORBIDDEN_ICMPV6;
    }
    identifySource(packet);
    if (LoopAddress.isSourceOf(packet)) {
      return DropReason.INVALID_SOURCE_IP;
    }
    identifyDestination(packet);
    if (destination == null) {
      destinationIdentity = 0;
      return DropReason.NO_LOCAL_ENDPOINT;
    }
    return null;
  }

  /** Finds out who the parties of another packet are, such as one that an ICMP error quotes. */
  void identifyQuoted(Packet quoted) {
    identifySource(quoted);
    identifyDestination(quoted);
  }

  private void identifySource(Packet subject) {
    LocalEndpoint local = state.sourceOf(subject);
    source = local;
    if (local != null) {
      sourceIdentity = local.endpoint().identity();
    } else if (subject.isFromLinkLocal()) {
      sourceIdentity = ReservedIdentity.HOST.id();
    } else {
      sourceIdentity = state.identityOf(subject.family, subject.sourceHigh, subject.sourceLow);
    }
  }

  private void identifyDestination(Packet subject) {
    LocalEndpoint local = state.destinationOf(subject);
    destination = local;
    if (local != null) {
      destinationIdentity = local.endpoint().identity();
    } else if (subject.endsAtNode()) {
      destinationIdentity = ReservedIdentity.HOST.id();
    } else {
      destinationIdentity =
          state.identityOf(subject.family, subject.destinationHigh, subject.destinationLow);
    }
  }

  /** The receiver's place. */
  int destinationPlace() {
    LocalEndpoint local = destination;
    return local == null ? FlowEntry.STACK : local.ifindex();
  }
}
