// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.FlowSink;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Tells what became of the packet under decision, as far as {@link EventLimiter} lets it. */
final class FlowEvents {

  /** Set in a peer that is an identity and no device. */
  private static final int IS_IDENTITY = 1 << 31;

  private final Trial trial;
  private final FlowSink sink;
  private final EventLimiter limiter = new EventLimiter();

  FlowEvents(Trial trial, FlowSink sink) {
    this.trial = trial;
    this.sink = sink;
  }

  /**
   * Reports the packet with the parties of the trial and the policy that spoke last.
   *
   * @param reason why it was dropped, or would have been; null if it was not
   */
  void report(Verdict verdict, @Nullable DropReason reason) {
    int peer = trial.origin.isPod() ? trial.origin.ifindex() : IS_IDENTITY | trial.sourceIdentity;
    int endpointId = trial.endpointId();
    long suppressed =
        limiter.take(endpointId, peer, reason == null ? 0 : reason.code(), trial.nowNanos);
    if (suppressed == EventLimiter.SUPPRESSED) {
      return;
    }
    Packet packet = trial.packet;
    boolean icmp = packet.icmp != IcmpKind.NONE;
    sink.accept(
        new Flow(
            trial.nowNanos,
            verdict,
            Optional.ofNullable(reason),
            trial.direction,
            endpointId,
            trial.sourceIdentity,
            trial.destinationIdentity,
            packet.source(),
            packet.destination(),
            packet.protocol,
            icmp ? 0 : packet.sourcePort,
            icmp ? packet.icmpType : packet.destinationPort,
            trial.cookie,
            suppressed));
  }
}
