// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import org.jspecify.annotations.Nullable;

/**
 * Asks the policies of the parties of a {@link Trial}: the initiator may send, and the responder
 * may be sent to. The trial notes who spoke last.
 */
final class PolicyQuestions {

  /** First port of those that a client gets from its kernel, and the last one. */
  private static final int FIRST_EPHEMERAL_PORT = 32_768;

  private static final int LAST_EPHEMERAL_PORT = 60_999;

  /** The shape of a key that fixes nothing, and of one that fixes the protocol alone. */
  private static final int SHAPE_ANYTHING = 1;

  private static final int SHAPE_PROTOCOL = 1 << 1;

  /** What to tell of flows that pass. */
  enum Report {
    NOTHING,
    /** Flows that a rule names, and audited ones: not those that pass for want of a policy. */
    PASSED
  }

  /** In which way a TCP segment goes whose connection nobody saw begin. */
  enum Reading {
    /** To the server. */
    REQUEST,
    /** From the server. */
    REPLY,
    /** Nobody can say. */
    EITHER
  }

  private final Trial trial;
  private final FlowEvents events;

  PolicyQuestions(Trial trial, FlowEvents events) {
    this.trial = trial;
    this.events = events;
  }

  /**
   * Asks for a packet of the trial's parties.
   *
   * @param subject the packet, whose source and destination are the trial's
   * @param original whether it goes the way its flow began
   * @return why not, or null
   */
  @Nullable DropReason ask(Packet subject, boolean original, Report report) {
    LocalEndpoint initiator = original ? trial.source : trial.destination;
    LocalEndpoint responder = original ? trial.destination : trial.source;
    int initiatorIdentity = original ? trial.sourceIdentity : trial.destinationIdentity;
    int responderIdentity = original ? trial.destinationIdentity : trial.sourceIdentity;
    int port = subject.policyPort(original);
    trial.proxyPort = 0;
    DropReason denied = null;
    if (trial.loops) {
      // A pod may speak to itself.
      return null;
    }
    if (initiator != null) {
      denied =
          ask(
              initiator,
              TrafficDirection.EGRESS,
              responderIdentity,
              subject.protocol,
              port,
              report);
    }
    if (denied == null && responder != null) {
      denied =
          ask(
              responder,
              TrafficDirection.INGRESS,
              initiatorIdentity,
              subject.protocol,
              port,
              report);
    }
    return denied;
  }

  /** Asks for a TCP segment of a connection whose beginning was not seen. */
  @Nullable DropReason askUnseen(Packet subject, Report report) {
    Reading reading = reading(subject);
    DropReason denied = reading == Reading.EITHER ? ask(subject, false, Report.NOTHING) : null;
    return denied == null ? ask(subject, reading != Reading.REPLY, report) : denied;
  }

  /**
   * Who is presumed to be the server: who accepts (SYN and ACK); else the end whose port is not one
   * that a client gets from its kernel, if that is one of both; else the one with the lower port.
   */
  static Reading reading(Packet packet) {
    if (packet.hasFlags(Packet.SYN)) {
      return Reading.REPLY;
    }
    int source = packet.sourcePort;
    int destination = packet.destinationPort;
    if (source == destination) {
      return Reading.EITHER;
    }
    if (isEphemeral(source) != isEphemeral(destination)) {
      return isEphemeral(source) ? Reading.REQUEST : Reading.REPLY;
    }
    return destination < source ? Reading.REQUEST : Reading.REPLY;
  }

  private static boolean isEphemeral(int port) {
    return port >= FIRST_EPHEMERAL_PORT && port <= LAST_EPHEMERAL_PORT;
  }

  /**
   * Asks for a later fragment whose ports are not known: it passes where no verdict could depend on
   * them.
   */
  @Nullable DropReason askWithoutPorts() {
    LocalEndpoint sender = trial.source;
    LocalEndpoint receiver = trial.destination;
    boolean allowed =
        (sender == null
                || allowsWithoutPorts(sender, TrafficDirection.EGRESS, trial.destinationIdentity))
            && (receiver == null
                || allowsWithoutPorts(receiver, TrafficDirection.INGRESS, trial.sourceIdentity));
    return allowed ? null : DropReason.FRAGMENT_NOT_FOUND;
  }

  private boolean allowsWithoutPorts(LocalEndpoint subject, TrafficDirection direction, int peer) {
    trial.ask(subject, direction);
    if (subject.row().audited()) {
      return true;
    }
    Packet packet = trial.packet;
    PolicyMapState policy = subject.row().policy();
    // An extension header is not the protocol that policy would be asked for.
    int harmless =
        PacketParser.isExtension(packet.isIpv6(), packet.fragmentProtocol)
            ? SHAPE_ANYTHING
            : SHAPE_ANYTHING | SHAPE_PROTOCOL;
    int shapes = policy.ownShapes(direction) | policy.aggregateShapes(direction);
    if ((shapes & ~harmless) != 0) {
      return false;
    }
    PolicyEntry entry = policy.lookup(direction, peer, packet.fragmentProtocol, 0);
    return entry != null && entry.verdict() != Verdict.REDIRECTED && refusal(entry) == null;
  }

  /** One endpoint's word. */
  private @Nullable DropReason ask(
      LocalEndpoint subject,
      TrafficDirection direction,
      int peer,
      int protocol,
      int port,
      Report report) {
    trial.ask(subject, direction);
    PolicyEntry entry = subject.row().policy().lookup(direction, peer, protocol, port);
    trial.cookie = entry == null ? 0 : entry.cookie();
    DropReason refusal = refusal(entry);
    boolean audited = subject.row().audited();
    if (refusal != null && !audited) {
      return refusal;
    }
    if (report == Report.PASSED && (refusal != null || trial.cookie != 0)) {
      events.report(refusal != null || entry == null ? Verdict.AUDITED : entry.verdict(), refusal);
    }
    return null;
  }

  /** Why an entry does not let a packet through, or null. */
  private @Nullable DropReason refusal(@Nullable PolicyEntry entry) {
    if (entry == null) {
      return DropReason.POLICY_DENIED;
    }
    if (entry.isDeny()) {
      return DropReason.POLICY_DENY;
    }
    if (entry.auth().type() != 0) {
      return DropReason.AUTH_REQUIRED;
    }
    if (entry.verdict() == Verdict.REDIRECTED) {
      int port = trial.state.listeners().portOf(entry);
      if (port == 0) {
        return DropReason.POLICY_DENIED;
      }
      // Of two proxies the sender's comes first; what it sends on is a flow of its own.
      if (trial.proxyPort == 0) {
        trial.proxyPort = port;
        trial.proxyDirection = trial.direction;
      }
    }
    return null;
  }
}
