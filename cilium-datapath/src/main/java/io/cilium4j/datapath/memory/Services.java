// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.datapath.lb.FlowHash;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes what a pod sends to a frontend a packet to one of its backends, before anybody is asked
 * about it, and keeps the two entries of such a flow: that between client and frontend, which
 * translates what the client sends, and that between client and backend, which translates what it
 * is answered. Each tells the other of the flow's life, or the one that is used less would be over
 * first.
 *
 * <p>Not safe for use by several threads: {@link PacketDecider} holds its lock.
 */
final class Services {

  /** How many backends are tried where the flow that it would be is another one already. */
  private static final int TRIES = 4;

  private final Trial trial;
  private final Affinities affinities = new Affinities();

  /** What the packet asks, or null; with what stands in the place of its destination. */
  private @Nullable Frontend asked;

  private End vip = new End(0, 0, 0);
  private @Nullable Target target;
  private boolean remember;

  /** The packet's key as it is on the wire. */
  private final FlowKey wireKey = new FlowKey();

  private boolean wireFromA;
  private final FlowKey partnerKey = new FlowKey();

  Services(Trial trial) {
    this.trial = trial;
  }

  /** Another packet is the trial's. */
  void begin() {
    asked = null;
    target = null;
    remember = false;
  }

  /** Whether the trial's packet is one to a backend in the place of what is on the wire. */
  boolean isTranslated() {
    return target != null;
  }

  /**
   * Where the trial's packet asks a frontend, makes it one to the backend that its flow has, or to
   * one that it gets.
   *
   * @return why it cannot be, or null
   */
  @Nullable DropReason findBackend(Conntrack conntrack) {
    Frontends all = trial.state.frontends();
    Packet packet = trial.packet;
    if (all.isEmpty()) {
      return null;
    }
    Frontend found = hasPorts(packet) ? all.find(packet) : null;
    if (found == null) {
      return all.isForServices(packet) ? DropReason.NO_SERVICE : null;
    }
    vip = End.destinationOf(packet);
    wireFromA = wireKey.set(packet);
    DropReason lost = give(found, conntrack);
    if (lost == null) {
      asked = found;
    } else {
      target = null;
      restore();
      trial.loops = false;
    }
    return lost;
  }

  private static boolean hasPorts(Packet packet) {
    return switch (packet.protocol) {
      case Packet.TCP, Packet.UDP, Packet.SCTP -> true;
      default -> false;
    };
  }

  /** Gives the packet to the backend that its flow has, or to one that it gets. */
  private @Nullable DropReason give(Frontend found, Conntrack conntrack) {
    Packet packet = trial.packet;
    FlowEntry known = conntrack.peek(wireKey);
    boolean tcp = packet.protocol == Packet.TCP;
    boolean begins = !tcp || packet.isOpening();
    if (known == null
        || !known.isOfFrontend()
        || (begins && (known.isExpired(trial.nowNanos) || known.mayBeginAnew()))) {
      return select(found, conntrack);
    }
    Target kept = known.target();
    if (!found.has(kept)) {
      return begins ? select(found, conntrack) : DropReason.NO_SERVICE;
    }
    // A connection ends where it began; what is no connection may go elsewhere.
    if (!tcp && !found.isActive(kept)) {
      return select(found, conntrack);
    }
    return take(kept, conntrack) ? null : DropReason.NO_SERVICE;
  }

  private @Nullable DropReason select(Frontend found, Conntrack conntrack) {
    Packet packet = trial.packet;
    List<Target> candidates = found.candidates();
    int count = candidates.size();
    int hash =
        FlowHash.from(packet.sourceHigh, packet.sourceLow)
            .to(packet.destinationHigh, packet.destinationLow)
            .of(packet.protocol, packet.sourcePort, packet.destinationPort);
    remember = found.affinityNanos() != 0;
    Target last = remember ? affinities.find(found, packet, trial.nowNanos) : null;
    if (last != null && found.isActive(last) && take(last, conntrack)) {
      return null;
    }
    int slot = FlowHash.slot(hash, count);
    for (int i = 0; i < Math.min(TRIES, count); i++) {
      if (take(candidates.get(slot), conntrack)) {
        return null;
      }
      slot = slot + 1 < count ? slot + 1 : 0;
    }
    return DropReason.NO_SERVICE;
  }

  /**
   * Makes the packet one to a backend. False where the flow that it would be is another one
   * already.
   */
  private boolean take(Target candidate, Conntrack conntrack) {
    Packet packet = trial.packet;
    End end = candidate.end;
    restoreSource();
    trial.loops = end.low() == packet.sourceLow && end.high() == packet.sourceHigh;
    if (trial.loops) {
      packet.setSource(LoopAddress.inPlaceOfSource(packet));
    }
    target = candidate;
    packet.setDestination(end);
    partnerKey.set(packet);
    FlowEntry present = conntrack.peek(partnerKey);
    return present == null
        || present.isExpired(trial.nowNanos)
        || present.mayBeginAnew()
        || (present.isOfBackend() && present.otherEnd().equals(vip));
  }

  /**
   * Makes the trial's packet again what is on the wire.
   *
   * @return what is to stand in the place of its destination
   */
  End restore() {
    restoreSource();
    End to = End.destinationOf(trial.packet);
    trial.packet.setDestination(vip);
    return to;
  }

  /** The client is the sender again, where the packet is one to itself. */
  private void restoreSource() {
    if (trial.loops) {
      trial.packet.setSource(itself(End.destinationOf(trial.packet), trial.packet.sourcePort));
    }
  }

  private static End itself(End end, int port) {
    return new End(end.high(), end.low(), port);
  }

  /**
   * Takes note of what a packet made of its flow: enters both entries of what asks a frontend, or
   * tells the other one of an answer.
   *
   * @param flow the entry between client and backend, or one of a flow through no service
   * @param fromA whether the packet comes from that entry's end A
   */
  void settle(FlowEntry flow, boolean fromA, Conntrack conntrack) {
    if (target != null && asked != null) {
      flow.serve(vip, target, trial.loops);
      conntrack.put(
          flow.partner(wireKey, fromA != wireFromA, wireFromA, End.destinationOf(trial.packet)));
      if (remember) {
        End source = End.sourceOf(trial.packet);
        restoreSource();
        affinities.put(asked, trial.packet, target, trial.nowNanos);
        trial.packet.setSource(source);
      }
    } else if (flow.isAnswer(fromA, trial.origin)) {
      tell(flow, fromA, conntrack);
    }
  }

  /**
   * Tells the other entry of a flow what this one was told, and enters it again where it was
   * evicted.
   *
   * @param flow the entry of the trial's packet, as it is on the wire
   */
  void tell(FlowEntry flow, boolean fromA, Conntrack conntrack) {
    Packet packet = trial.packet;
    boolean asks = flow.isOfFrontend();
    End before = asks ? End.destinationOf(packet) : End.sourceOf(packet);
    End client = End.destinationOf(packet);
    exchange(asks, flow.otherEnd());
    if (flow.loops()) {
      packet.setDestination(itself(before, client.port()));
    }
    boolean partnerFromA = partnerKey.set(packet);
    if (flow.loops()) {
      packet.setDestination(client);
    }
    exchange(asks, before);
    FlowEntry partner = conntrack.peek(partnerKey);
    boolean turned = fromA != partnerFromA;
    if (partner == null) {
      boolean initiatorIsA = (fromA == flow.initiatorIsA) == partnerFromA;
      conntrack.put(flow.partner(partnerKey, turned, initiatorIsA, before));
    } else if (partner.isOfSameFlow(flow)) {
      partner.hear(flow, turned, trial.nowNanos);
      conntrack.touch(partner);
    }
  }

  private void exchange(boolean destination, End end) {
    if (destination) {
      trial.packet.setDestination(end);
    } else {
      trial.packet.setSource(end);
    }
  }
}
