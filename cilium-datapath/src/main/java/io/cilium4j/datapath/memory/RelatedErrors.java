// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.memory.PolicyQuestions.Report;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * ICMP errors that are about a flow we know: they pass as that flow does. A pod may speak of
 * packets that were for itself; from the node any router may speak. They change no entry.
 */
final class RelatedErrors {

  private final Trial trial;
  private final PolicyQuestions questions;
  private final FragmentTable fragments;
  private final Packet quoted = new Packet();
  private int place;
  private @Nullable IpAddress node;
  private int sender;
  private @Nullable End asked;

  RelatedErrors(Trial trial, PolicyQuestions questions, FragmentTable fragments) {
    this.trial = trial;
    this.questions = questions;
    this.fragments = fragments;
  }

  /** Where the error goes that the last {@link #isRelated} let pass. */
  int place() {
    return place;
  }

  /** Where the tunnel ends into which it goes, if {@link #place} is one. */
  @Nullable IpAddress node() {
    return node;
  }

  /** Whose identity another node is told. */
  int sender() {
    return sender;
  }

  /** Makes an error about what went to a backend one about what the client sent. */
  void requote(ByteBuffer frame) {
    if (asked != null) {
      EndRewriter.requote(frame, trial.packet, quoted, asked);
    }
  }

  /**
   * Whether the trial's packet is an error about a flow that passes. If it is not, it is to be
   * decided for itself, and the trial to be begun anew.
   */
  boolean isRelated(ByteBuffer frame, Conntrack conntrack) {
    Packet error = trial.packet;
    asked = null;
    if (!PacketParser.parseQuoted(frame, error, quoted)
        || quoted.sourceHigh != error.destinationHigh
        || quoted.sourceLow != error.destinationLow) {
      return false;
    }
    boolean aboutItself =
        quoted.destinationHigh == error.sourceHigh && quoted.destinationLow == error.sourceLow;
    if (trial.origin.isPod() && !aboutItself) {
      return false;
    }
    if (quoted.fragment == Packet.Fragment.LATER && !fragments.complete(quoted, quotedSender())) {
      return false;
    }
    FlowEntry flow = conntrack.find(quoted, trial.nowNanos);
    // Refuses a forged sender before anything it says is believed.
    if (flow == null
        || flow.revoked
        || (trial.origin.isProxy() && flow.proxyPort == 0)
        || trial.identify() != null) {
      return false;
    }
    if (flow.isOfFrontend() || flow.loops()) {
      // What asks a frontend never leaves the node, and no error tells a pod of itself.
      return false;
    }
    boolean quotedFromA = conntrack.sourceIsA();
    if (flow.isOfBackend()
        && quotedFromA == flow.initiatorIsA
        && (trial.origin.isProxy() || flow.proxyPort == 0)) {
      asked = flow.otherEnd();
    }
    boolean isPresent = flow.epoch == trial.state.epoch();
    place = trial.destinationPlace();
    node = trial.destinationNode;
    sender = trial.sourceIdentity;
    if (trial.origin.isPod() || trial.origin.isProxy()) {
      place = isPresent ? flow.place(quotedFromA) : flow.placeOfReceiver(quotedFromA, place);
    }
    boolean passes = isPresent || isStillAllowed(flow, quotedFromA);
    // The quoted packet was the proxy's.
    trial.proxyPort = trial.origin.isProxy() ? 0 : flow.proxyPort;
    return passes;
  }

  /** The place whose fragments the quoted packet's are. */
  private int quotedSender() {
    LocalEndpoint sender = trial.state.sourceOf(quoted);
    return sender == null ? FlowEntry.STACK : sender.ifindex();
  }

  /** Asks again for the flow that an error quotes, whose parties are not the error's own. */
  private boolean isStillAllowed(FlowEntry flow, boolean quotedFromA) {
    trial.identifyQuoted(quoted);
    if (flow.isOfOthers(trial, quotedFromA)) {
      return false;
    }
    return (flow.withoutSyn
            ? questions.askUnseen(quoted, Report.NOTHING)
            : questions.ask(quoted, quotedFromA == flow.initiatorIsA, Report.NOTHING))
        == null;
  }
}
