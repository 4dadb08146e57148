// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.TrafficDirection;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A flow that was allowed: who began it, what stands at either end, and of which state of the world
 * its verdict is. A <em>place</em> is the index of a pod's device, {@link #STACK}, or {@link
 * #OVERLAY}.
 *
 * <p>The fields without a modifier are links of the {@link FlowTable} that holds it.
 */
final class FlowEntry extends FlowKey {

  /** The node's network stack as a place. */
  static final int STACK = 0;

  /** The tunnel to another node as a place. */
  static final int OVERLAY = -1;

  /** The proxy, which is at no end of a flow. */
  static final int PROXY = -2;

  private static final long SECOND_NANOS = 1_000_000_000L;

  /** A TCP connection both sides of which were heard: a little over two hours of silence. */
  private static final long ESTABLISHED_NANOS = 8000 * SECOND_NANOS;

  /** Every other flow, and a connection that was not answered or whose beginning was not seen. */
  private static final long SHORT_NANOS = 60 * SECOND_NANOS;

  @Nullable FlowEntry nextInBucket;
  @Nullable FlowEntry older;
  @Nullable FlowEntry newer;

  /** Whose flow it is, and in which of the tables it stands. */
  final FlowOwner owner;

  final boolean inOverflow;

  /** Whether end A began it. */
  final boolean initiatorIsA;

  /** TCP whose beginning was not seen: who began it is a guess. */
  final boolean withoutSyn;

  /** It came out of the stack with a pod's address: the stack translated it, and must again. */
  final boolean viaStack;

  /** The state that the verdict is of. */
  long epoch;

  /** The port of the proxy that the flow goes through, whichever end sends; 0 for none. */
  int proxyPort;

  /** Whose rules say so: of who began, or of who was asked. */
  TrafficDirection proxyDirection = TrafficDirection.EGRESS;

  /** Policy closed it, and it stays closed for as long as it would have lived. */
  boolean revoked;

  /**
   * What it translates. A flow through a service has an entry for each of its forms on the wire.
   */
  private Role role = Role.PLAIN;

  /** What it puts in the place of an end: the backend, or the frontend. */
  private @Nullable End other;

  private @Nullable Target target;

  /** The backend is the client itself, so that both ends are exchanged. */
  private boolean loops;

  private final Party a = new Party();
  private final Party b = new Party();
  private long expiresNanos;
  private boolean replied;
  private boolean finA;
  private boolean finB;
  private boolean reset;

  private enum Role {
    /** The flow is through no service. */
    PLAIN,
    /** Between client and frontend: translates what the client sends. */
    OF_FRONTEND,
    /** Between client and backend: translates what it is answered. */
    OF_BACKEND
  }

  /**
   * How a flow begins.
   *
   * @param sourceIsA whether the packet that makes the entry comes from end A
   * @param sourceIsInitiator whether that packet's sender began it
   */
  record Beginning(
      boolean sourceIsA, boolean sourceIsInitiator, boolean withoutSyn, boolean viaStack) {}

  FlowEntry(FlowKey key, FlowOwner owner, boolean inOverflow, Beginning beginning) {
    super(key);
    this.owner = owner;
    this.inOverflow = inOverflow;
    this.initiatorIsA = beginning.sourceIsA == beginning.sourceIsInitiator;
    this.withoutSyn = beginning.withoutSyn;
    this.viaStack = beginning.viaStack;
  }

  /** Who was at an end when the last packet passed. */
  private static final class Party {
    private int place;

    /** Where the tunnel to it ends; null where it is at no tunnel's end. */
    private @Nullable IpAddress node;

    /** The endpoint that has the address; 0 for none of this node. */
    private int endpoint;

    private @Nullable MacAddress mac;
    private int identity;

    void set(Party that) {
      place = that.place;
      node = that.node;
      endpoint = that.endpoint;
      mac = that.mac;
      identity = that.identity;
    }

    void set(
        int newPlace, @Nullable IpAddress newNode, @Nullable LocalEndpoint local, int newIdentity) {
      place = newPlace;
      node = newPlace == OVERLAY ? newNode : null;
      endpoint = local == null ? 0 : local.id();
      mac = local == null ? null : local.endpoint().device().podMac();
      identity = newIdentity;
    }

    /**
     * An endpoint keeps its flows when its labels change or its device does; an address and a
     * number may both be given to somebody else.
     */
    boolean isAnother(@Nullable LocalEndpoint now, int newIdentity) {
      if (endpoint != (now == null ? 0 : now.id())) {
        return true;
      }
      return now != null
          && identity != newIdentity
          && !now.endpoint().device().podMac().equals(mac);
    }

    /**
     * Whether it may be another pod of another node by now, or has other labels: nobody can say.
     * What is outside the cluster stays who it is, whichever prefix names it.
     */
    boolean mayBeAnother(int newIdentity) {
      return endpoint == 0
          && identity != newIdentity
          && (Identity.isOfPods(identity) || Identity.isOfPods(newIdentity));
    }
  }

  /** What stands at an end. */
  int place(boolean endA) {
    return (endA ? a : b).place;
  }

  /** Where the tunnel to an end's place ends; null where that is no tunnel. */
  @Nullable IpAddress node(boolean endA) {
    return (endA ? a : b).node;
  }

  /** Takes note of who is at either end now, and where. */
  void setParties(Trial trial, boolean sourceIsA, int receiver) {
    (sourceIsA ? a : b)
        .set(trial.sourcePlace(), trial.sourceNode, trial.source, trial.sourceIdentity);
    setReceiver(trial, sourceIsA, receiver);
  }

  /** Takes note of who is at the receiver's end now. */
  void setReceiver(Trial trial, boolean sourceIsA, int receiver) {
    (sourceIsA ? b : a)
        .set(receiver, trial.destinationNode, trial.destination, trial.destinationIdentity);
  }

  /** Whether other endpoints have the addresses now. */
  boolean isOfOthers(Trial trial, boolean sourceIsA) {
    return (sourceIsA ? a : b).isAnother(trial.source, trial.sourceIdentity)
        || (sourceIsA ? b : a).isAnother(trial.destination, trial.destinationIdentity);
  }

  /** Whether another pod of another node may have one of the addresses now. */
  boolean mayBeOfOthers(Trial trial, boolean sourceIsA) {
    return (sourceIsA ? a : b).mayBeAnother(trial.sourceIdentity)
        || (sourceIsA ? b : a).mayBeAnother(trial.destinationIdentity);
  }

  /**
   * What is to stand at the receiver's end now.
   *
   * @param found where the receiver's address is now
   */
  int placeOfReceiver(boolean endA, int found) {
    return viaStack && place(endA) == STACK ? STACK : found;
  }

  boolean isClosing() {
    return reset || (finA && finB);
  }

  /** Whether a SYN begins a connection anew in its place, whoever sends it. */
  boolean mayBeginAnew() {
    return isClosing() || revoked || withoutSyn;
  }

  boolean isExpired(long nowNanos) {
    return nowNanos - expiresNanos >= 0;
  }

  /** How long no packet of it passed. */
  long idleNanos(long nowNanos) {
    return nowNanos - (expiresNanos - lifetimeNanos());
  }

  // ---- Services

  boolean isOfFrontend() {
    return role == Role.OF_FRONTEND;
  }

  boolean isOfBackend() {
    return role == Role.OF_BACKEND;
  }

  /** Whether the flow is through a service. */
  boolean isServed() {
    return role != Role.PLAIN;
  }

  /** What stands in the place of an end of a packet; for a flow through a service. */
  End otherEnd() {
    return Objects.requireNonNull(other);
  }

  /** The backend of a flow through a service. */
  Target target() {
    return Objects.requireNonNull(target);
  }

  /**
   * Whether a packet is a backend's answer on its way to the client. Between a proxy and a backend
   * there is no frontend.
   */
  boolean isAnswer(boolean fromA, Origin origin) {
    return isOfBackend() && fromA != initiatorIsA && (origin.isProxy() || proxyPort == 0);
  }

  /** Whether the flow is from a pod to itself, through a service. */
  boolean loops() {
    return loops;
  }

  /**
   * Whether a packet may be one of the flow, and nothing more is to be asked: who asks a frontend
   * began, only backends answer. What is exchanged at both ends takes the slow way.
   */
  boolean fits(boolean fromA, Origin origin) {
    return role == Role.PLAIN
        || (!loops && (origin.isProxy() || (fromA == initiatorIsA) == isOfFrontend()));
  }

  boolean isOfSameFlow(FlowEntry that) {
    return target != null && target == that.target;
  }

  /**
   * It is between a client and a backend that has it for a frontend.
   *
   * @param self whether they are the same pod
   */
  void serve(End frontend, Target backend, boolean self) {
    role = Role.OF_BACKEND;
    loops = self;
    other = frontend;
    target = backend;
  }

  /**
   * Makes the entry of a flow's other form on the wire.
   *
   * @param turned whether the other form's end A is this one's end B
   * @param otherInitiatorIsA whether the other form's end A began it
   * @param otherOther what the other one puts in the place of an end
   */
  FlowEntry partner(FlowKey key, boolean turned, boolean otherInitiatorIsA, End otherOther) {
    var beginning = new Beginning(true, otherInitiatorIsA, withoutSyn, viaStack);
    FlowEntry partner = new FlowEntry(key, owner, inOverflow, beginning);
    partner.epoch = epoch;
    partner.proxyPort = proxyPort;
    partner.proxyDirection = proxyDirection;
    partner.revoked = revoked;
    partner.a.set(turned ? b : a);
    partner.b.set(turned ? a : b);
    partner.role = isOfBackend() ? Role.OF_FRONTEND : Role.OF_BACKEND;
    partner.other = otherOther;
    partner.target = target;
    partner.loops = loops;
    partner.expiresNanos = expiresNanos;
    partner.learn(this, turned);
    return partner;
  }

  /** Takes note of what the flow's other entry knows of its life; it lives on from now. */
  void hear(FlowEntry that, boolean turned, long nowNanos) {
    learn(that, turned);
    renew(nowNanos);
  }

  private void learn(FlowEntry that, boolean turned) {
    replied |= that.replied;
    reset |= that.reset;
    finA |= turned ? that.finB : that.finA;
    finB |= turned ? that.finA : that.finB;
  }

  // ---- Its life

  /**
   * Takes note of a packet that passes.
   *
   * @return whether that is news: something of its life changed, or a second is over
   */
  boolean see(Packet packet, boolean fromA, long nowNanos) {
    boolean knew = replied || fromA == initiatorIsA;
    long before = expiresNanos;
    replied |= fromA != initiatorIsA;
    if (packet.tcpFlags != 0) {
      reset |= packet.hasFlags(Packet.RST);
      finA |= fromA && packet.hasFlags(Packet.FIN);
      finB |= !fromA && packet.hasFlags(Packet.FIN);
    }
    renew(nowNanos);
    return !knew
        || (packet.tcpFlags & (Packet.FIN | Packet.RST)) != 0
        || before / SECOND_NANOS != expiresNanos / SECOND_NANOS;
  }

  /** When its last packet passed, in seconds of the programs. */
  long lastSeenSeconds() {
    return (expiresNanos - lifetimeNanos()) / SECOND_NANOS;
  }

  /** What is known of its life, a bit for each thing. */
  int life() {
    return (replied ? 1 : 0) | (finA ? 2 : 0) | (finB ? 4 : 0) | (isClosing() ? 8 : 0);
  }

  /** The endpoint at an end, 0 for none of this node. */
  int endpoint(boolean endA) {
    return (endA ? a : b).endpoint;
  }

  /** Who was at an end when the last packet passed. */
  int identity(boolean endA) {
    return (endA ? a : b).identity;
  }

  /** It lives on from now. A reset does not shorten it: anybody may forge one. */
  void renew(long nowNanos) {
    expiresNanos = nowNanos + lifetimeNanos();
  }

  private long lifetimeNanos() {
    return protocol() == Packet.TCP && replied && !withoutSyn ? ESTABLISHED_NANOS : SHORT_NANOS;
  }
}
