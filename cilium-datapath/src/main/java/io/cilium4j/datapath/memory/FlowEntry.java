// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.Identity;
import io.cilium4j.core.MacAddress;
import org.jspecify.annotations.Nullable;

/**
 * A flow that was allowed: who began it, what stands at either end, and of which state of the world
 * its verdict is. A <em>place</em> is the index of a pod's device, or {@link #STACK}.
 *
 * <p>The fields without a modifier are links of the {@link FlowTable} that holds it.
 */
final class FlowEntry extends FlowKey {

  /** The node's network stack as a place. */
  static final int STACK = 0;

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

  /** The port of the proxy that the flow goes through, 0 for none. */
  int proxyPort;

  /** Policy closed it, and it stays closed for as long as it would have lived. */
  boolean revoked;

  private final Party a = new Party();
  private final Party b = new Party();
  private long expiresNanos;
  private boolean replied;
  private boolean finA;
  private boolean finB;
  private boolean reset;

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

    /** The endpoint that has the address; 0 for none of this node. */
    private int endpoint;

    private @Nullable MacAddress mac;
    private int identity;

    void set(int newPlace, @Nullable LocalEndpoint local, int newIdentity) {
      place = newPlace;
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

  /** Takes note of who is at either end now, and where. */
  void setParties(Trial trial, boolean sourceIsA, int receiver) {
    (sourceIsA ? a : b).set(trial.origin.ifindex(), trial.source, trial.sourceIdentity);
    (sourceIsA ? b : a).set(receiver, trial.destination, trial.destinationIdentity);
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

  /** Takes note of a packet that passes. */
  void see(Packet packet, boolean fromA, long nowNanos) {
    replied |= fromA != initiatorIsA;
    if (packet.tcpFlags != 0) {
      reset |= packet.hasFlags(Packet.RST);
      finA |= fromA && packet.hasFlags(Packet.FIN);
      finB |= !fromA && packet.hasFlags(Packet.FIN);
    }
    renew(nowNanos);
  }

  /** It lives on from now. A reset does not shorten it: anybody may forge one. */
  void renew(long nowNanos) {
    expiresNanos = nowNanos + lifetimeNanos();
  }

  private long lifetimeNanos() {
    return protocol() == Packet.TCP && replied && !withoutSyn ? ESTABLISHED_NANOS : SHORT_NANOS;
  }
}
