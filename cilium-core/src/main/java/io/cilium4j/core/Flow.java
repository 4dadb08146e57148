// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Optional;

/**
 * What became of a packet, as the datapath reports it: it was dropped; it began a flow that a rule
 * allowed; or it passed and something new became of its flow ({@link #trace}).
 *
 * @param timeNanos when, in nanoseconds of the kernel's monotonic clock
 * @param verdict what was decided
 * @param drop why it was dropped, or was to be where the verdict is audited; absent for a packet
 *     that passed
 * @param direction whose policy decided: {@code EGRESS} the sender's, {@code INGRESS} the
 *     receiver's
 * @param endpointId the endpoint whose policy decided; 0 for none
 * @param sourceIdentity the sender's identity
 * @param destinationIdentity the receiver's identity
 * @param source the sender's address
 * @param destination the receiver's address
 * @param protocol the IP protocol's number
 * @param sourcePort the sender's port; 0 where the protocol has none
 * @param destinationPort the receiver's port; for ICMP the type
 * @param cookie the rule that decided, see {@link RuleOrigin}; 0 where none matched
 * @param suppressed how many events of the same endpoint and reason were left out before this one
 * @param tcpFlags the flags of a TCP header, {@code FIN} in the lowest bit; 0 where nobody looked
 * @param trace of a packet that passed where to; absent for a verdict and for a drop
 * @param headers what else its headers say; absent where nobody looked
 */
public record Flow(
    long timeNanos,
    Verdict verdict,
    Optional<DropReason> drop,
    TrafficDirection direction,
    int endpointId,
    int sourceIdentity,
    int destinationIdentity,
    IpAddress source,
    IpAddress destination,
    int protocol,
    int sourcePort,
    int destinationPort,
    int cookie,
    long suppressed,
    int tcpFlags,
    Optional<FlowTrace> trace,
    Optional<FlowHeaders> headers) {

  /** A packet of whose headers no more is known. */
  public Flow(
      long timeNanos,
      Verdict verdict,
      Optional<DropReason> drop,
      TrafficDirection direction,
      int endpointId,
      int sourceIdentity,
      int destinationIdentity,
      IpAddress source,
      IpAddress destination,
      int protocol,
      int sourcePort,
      int destinationPort,
      int cookie,
      long suppressed,
      int tcpFlags,
      Optional<FlowTrace> trace) {
    this(
        timeNanos,
        verdict,
        drop,
        direction,
        endpointId,
        sourceIdentity,
        destinationIdentity,
        source,
        destination,
        protocol,
        sourcePort,
        destinationPort,
        cookie,
        suppressed,
        tcpFlags,
        trace,
        Optional.empty());
  }

  /** The same with its ends exchanged, at another time: what answers it. */
  public Flow reversed(long atNanos) {
    return new Flow(
        atNanos,
        verdict,
        drop,
        direction,
        endpointId,
        destinationIdentity,
        sourceIdentity,
        destination,
        source,
        protocol,
        destinationPort,
        sourcePort,
        cookie,
        suppressed,
        tcpFlags,
        trace,
        Optional.empty());
  }
}
