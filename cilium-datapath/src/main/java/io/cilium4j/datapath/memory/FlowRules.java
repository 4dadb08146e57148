// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.datapath.memory.FlowEntry.Beginning;
import io.cilium4j.datapath.memory.PolicyQuestions.Reading;
import io.cilium4j.datapath.memory.PolicyQuestions.Report;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a packet for which conntrack has no present verdict.
 *
 * <ul>
 *   <li>Policy is asked in the direction in which the flow began, whoever speaks. An entry that is
 *       allowed is renewed.
 *   <li>One that is denied is <em>revoked</em>: closed in both directions for as long as it would
 *       have lived, until a SYN begins anew (of other protocols, a packet of the original direction
 *       that policy allows). So no packet of a closed flow opens it again as a flow of its own.
 *   <li>Where there is no entry, a TCP segment that opens nothing is asked in the direction that
 *       its ports suggest, and so again at each change. Such an entry is a guess, which a SYN ends.
 *   <li>A packet that is dropped writes nothing but the revocation.
 * </ul>
 */
final class FlowRules {

  private final Trial trial;
  private final PolicyQuestions questions;
  private final Services services;

  /** Whether each packet is news. */
  private final boolean everyPacket;

  private int place;

  /** What the packet means for its flow, or null if nothing new. */
  private @Nullable Life life;

  /** The packet's entry, if one holds for it. */
  private @Nullable FlowEntry entry;

  FlowRules(Trial trial, PolicyQuestions questions, Services services, boolean everyPacket) {
    this.trial = trial;
    this.questions = questions;
    this.services = services;
    this.everyPacket = everyPacket;
  }

  /** Where the packet goes that the last {@link #decide} let pass. */
  int place() {
    return place;
  }

  /** What the packet that the last {@link #decide} let pass means for its flow; null: nothing. */
  @Nullable Life life() {
    return life;
  }

  /**
   * What the source becomes of the packet that the last {@link #decide} let pass, where it answers
   * for a service; else null.
   */
  @Nullable End answeredAs(Conntrack conntrack) {
    return entry != null && entry.isAnswer(conntrack.sourceIsA(), trial.origin)
        ? entry.otherEnd()
        : null;
  }

  /**
   * Decides the packet of the last {@link Conntrack#find}, whose parties are known.
   *
   * @param live its entry, if there is one
   * @return why it is dropped, or null
   */
  @Nullable DropReason decide(@Nullable FlowEntry live, Conntrack conntrack) {
    place = trial.destinationPlace();
    life = null;
    entry = null;
    if (trial.origin.isPod() && LoopAddress.isDestinationOf(trial.packet)) {
      return answerItself(live, conntrack);
    }
    if (live == null || live.isOfFrontend()) {
      // Also where what was a frontend is none any more.
      return decideOwn(null, conntrack);
    }
    if (live.isOfOthers(trial, conntrack.sourceIsA())) {
      return decideBesideOthers(conntrack);
    }
    entry = live;
    return decideOwn(live, conntrack);
  }

  /** A pod answers what it asked itself, through a service. */
  private @Nullable DropReason answerItself(@Nullable FlowEntry live, Conntrack conntrack) {
    if (live == null
        || !live.loops()
        || live.isOfOthers(trial, conntrack.sourceIsA())
        || trial.packet.isOpening()) {
      return DropReason.NO_SERVICE;
    }
    trial.loops = true;
    entry = live;
    conntrack.touch(live);
    renew(live, place, conntrack);
    return null;
  }

  /** The flow of the packet's key was of endpoints that had the addresses before. */
  private @Nullable DropReason decideBesideOthers(Conntrack conntrack) {
    Packet packet = trial.packet;
    if (packet.icmp == IcmpKind.ANSWER) {
      // Nobody asked the one who answers.
      packet.becomeMessage();
      return decide(conntrack.find(packet, trial.nowNanos), conntrack);
    }
    return begin(conntrack);
  }

  private @Nullable DropReason decideOwn(@Nullable FlowEntry live, Conntrack conntrack) {
    boolean opening = trial.packet.isOpening();
    if (live == null || (opening && live.mayBeginAnew())) {
      return decideNew(conntrack);
    }
    boolean original = conntrack.sourceIsA() == live.initiatorIsA;
    if (original && live.isServed() && !services.isTranslated() && trial.origin.isPod()) {
      // It would be answered as a flow through a service is.
      return DropReason.SERVICE_COLLISION;
    }
    if (opening && !original) {
      // Both ends open at once, or the responder forges: allowed or not, the entry is not its.
      return questions.ask(trial.packet, true, Report.PASSED);
    }
    return live.revoked
        ? decideRevoked(live, original, conntrack)
        : decideAgain(live, original, conntrack);
  }

  private @Nullable DropReason decideNew(Conntrack conntrack) {
    Packet packet = trial.packet;
    // Who asks a frontend began.
    if (!packet.isMidst() || services.isTranslated()) {
      return begin(conntrack);
    }
    DropReason denied = questions.askUnseen(packet, Report.PASSED);
    // The end of a connection that is not known leaves nothing to know.
    if (denied == null && !packet.hasFlags(Packet.RST)) {
      enter(conntrack, PolicyQuestions.reading(packet) != Reading.REPLY);
    }
    return denied;
  }

  /** The packet's sender begins a flow, whatever there was. */
  private @Nullable DropReason begin(Conntrack conntrack) {
    DropReason denied = questions.ask(trial.packet, true, Report.PASSED);
    if (denied == null && !(trial.packet.isMidst() && trial.packet.hasFlags(Packet.RST))) {
      enter(conntrack, true);
    }
    return denied;
  }

  private void enter(Conntrack conntrack, boolean sourceIsInitiator) {
    boolean sourceIsA = conntrack.sourceIsA();
    boolean viaStack = trial.origin.isStack() && trial.source != null;
    FlowEntry flow =
        conntrack.add(
            trial.origin.isPod() ? trial.origin.ifindex() : Math.max(place, FlowEntry.STACK),
            new Beginning(sourceIsA, sourceIsInitiator, trial.packet.isMidst(), viaStack));
    entry = flow;
    flow.setParties(trial, sourceIsA, place);
    renew(flow, place, conntrack);
    life = sourceIsInitiator ? Life.NEW : Life.REPLY;
  }

  private void renew(FlowEntry flow, int receiver, Conntrack conntrack) {
    boolean sourceIsA = conntrack.sourceIsA();
    flow.epoch = trial.state.epoch();
    if (trial.origin.isProxy()) {
      flow.proxyPort = Math.max(flow.proxyPort, 1); // It sees to the flow, whatever the rules say.
      flow.setReceiver(trial, sourceIsA, receiver);
    } else {
      // What has gone through the proxy goes on so.
      if (trial.proxyPort != 0) {
        flow.proxyDirection = flow.proxyPort == 0 ? trial.proxyDirection : flow.proxyDirection;
        flow.proxyPort = trial.proxyPort;
      }
      trial.proxyPort = flow.proxyPort;
      trial.proxyDirection = flow.proxyDirection;
      flow.setParties(trial, sourceIsA, receiver);
    }
    int before = flow.life();
    flow.see(trial.packet, sourceIsA, trial.nowNanos);
    life = before == flow.life() && !everyPacket ? null : lifeOf(flow, sourceIsA);
    services.settle(flow, sourceIsA, conntrack);
  }

  /** What a packet with which something became of a known flow means. */
  static Life lifeOf(FlowEntry flow, boolean fromA) {
    return fromA == flow.initiatorIsA ? Life.ESTABLISHED : Life.REPLY;
  }

  /** A flow that policy allows no more stays known as that for as long as it would live. */
  private void keepClosed(FlowEntry flow, Conntrack conntrack) {
    conntrack.touch(flow);
    flow.epoch = trial.state.epoch();
    flow.revoked = true;
    flow.renew(trial.nowNanos);
    if (services.isTranslated()) {
      services.settle(flow, conntrack.sourceIsA(), conntrack);
    }
  }

  private @Nullable DropReason decideAgain(FlowEntry flow, boolean original, Conntrack conntrack) {
    DropReason denied =
        flow.withoutSyn && !services.isTranslated()
            ? questions.askUnseen(trial.packet, Report.NOTHING)
            : questions.ask(trial.packet, original, Report.NOTHING);
    if (denied != null) {
      keepClosed(flow, conntrack);
      return denied;
    }
    conntrack.touch(flow);
    boolean sourceIsA = conntrack.sourceIsA();
    if (!original && flow.mayBeOfOthers(trial, sourceIsA) && !isReadAsReply(trial.packet)) {
      // What one pod may answer, another one may not for that.
      if (trial.packet.icmp != IcmpKind.ANSWER) {
        return begin(conntrack);
      }
      denied = questions.ask(trial.packet, true, Report.PASSED);
      if (denied != null) {
        return denied;
      }
    }
    place = flow.placeOfReceiver(!sourceIsA, place);
    if (trial.origin.isStack() && place == FlowEntry.STACK) {
      // It would come out of the stack again and again.
      return DropReason.NO_LOCAL_ENDPOINT;
    }
    renew(flow, place, conntrack);
    return null;
  }

  private static boolean isReadAsReply(Packet packet) {
    return packet.isMidst() && PolicyQuestions.reading(packet) == Reading.REPLY;
  }

  private @Nullable DropReason decideRevoked(
      FlowEntry flow, boolean original, Conntrack conntrack) {
    boolean mayBegin = original && trial.packet.protocol != Packet.TCP;
    DropReason denied =
        questions.ask(trial.packet, original, mayBegin ? Report.PASSED : Report.NOTHING);
    if (denied == null && mayBegin) {
      enter(conntrack, true);
      return null;
    }
    keepClosed(flow, conntrack);
    if (denied != null) {
      return denied;
    }
    // No rule is the reason: those that were asked allow it.
    trial.cookie = 0;
    return DropReason.CONNECTION_REVOKED;
  }
}
