// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowHeaders;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.core.FlowTrace.Point;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.core.spi.FlowSink;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Tells what became of the packet under decision, as far as {@link EventLimiter} lets it. */
final class FlowEvents {

  /** Set in a peer that is an identity and no device. */
  private static final int IS_IDENTITY = 1 << 31;

  private final Trial trial;
  private final FlowSink sink;
  private final Tracing tracing;
  private final EventLimiter limiter;

  FlowEvents(Trial trial, FlowSink sink, Tracing tracing) {
    this.trial = trial;
    this.sink = sink;
    this.tracing = tracing;
    this.limiter = new EventLimiter(tracing.mostInASecond());
  }

  /** Whether a packet is to be told that changes nothing for its flow. */
  boolean isSampled(long lastSeconds, long nowSeconds) {
    int interval = tracing.intervalSeconds();
    return tracing.everyPacket()
        || (interval > 0 && lastSeconds / interval != nowSeconds / interval);
  }

  /**
   * Reports the packet with the parties of the trial and the policy that spoke last.
   *
   * @param reason why it was dropped, or would have been; null if it was not
   */
  void report(Verdict verdict, @Nullable DropReason reason) {
    int kind = reason == null ? 0 : reason.code();
    report(
        new Subject(trial.direction, trial.endpointId(), trial.cookie, kind),
        verdict,
        reason,
        Optional.empty());
  }

  /**
   * Reports a packet that passes. It is seen at the receiver's end if that is an endpoint, else at
   * the sender's, and on its way to the proxy at the end whose rules send it there; the direction
   * is that in which the flow began.
   *
   * @param sender the endpoint at the sender's end, 0 for none
   * @param receiver likewise
   */
  void trace(FlowTrace trace, int sender, int receiver) {
    boolean replies = trace.life() == Life.REPLY;
    boolean arrives =
        trace.point() == Point.TO_PROXY
            ? (trial.proxyDirection == TrafficDirection.INGRESS) != replies
            : trace.point() == Point.TO_ENDPOINT;
    report(
        new Subject(
            arrives == replies ? TrafficDirection.EGRESS : TrafficDirection.INGRESS,
            arrives ? receiver : sender,
            0,
            (1 + trace.point().code()) << Byte.SIZE),
        Verdict.ALLOWED,
        null,
        Optional.of(trace));
  }

  /**
   * What an event is about.
   *
   * @param kind what is limited together with it
   */
  private record Subject(TrafficDirection direction, int endpointId, int cookie, int kind) {}

  private void report(
      Subject subject, Verdict verdict, @Nullable DropReason reason, Optional<FlowTrace> trace) {
    int peer = trial.origin.isPod() ? trial.origin.ifindex() : IS_IDENTITY | trial.sourceIdentity;
    long suppressed = limiter.take(subject.endpointId(), peer, subject.kind(), trial.nowNanos);
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
            subject.direction(),
            subject.endpointId(),
            trial.sourceIdentity,
            trial.destinationIdentity,
            packet.source(),
            packet.destination(),
            packet.protocol,
            icmp ? 0 : packet.sourcePort,
            icmp ? packet.icmpType : packet.destinationPort,
            subject.cookie(),
            suppressed,
            packet.tcpFlags,
            trace,
            headers(packet)));
  }

  /** What is taken for dropped on the word of a counter has none. */
  private static Optional<FlowHeaders> headers(Packet packet) {
    return packet.sourceMac == 0 && packet.destinationMac == 0
        ? Optional.empty()
        : Optional.of(
            new FlowHeaders(
                new MacAddress(packet.sourceMac),
                new MacAddress(packet.destinationMac),
                packet.icmpCode));
  }
}
