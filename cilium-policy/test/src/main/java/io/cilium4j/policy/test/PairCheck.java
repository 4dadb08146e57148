// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.test;

import io.cilium4j.policy.PortProtocol;
import io.cilium4j.policy.PortRange;
import java.util.List;

/** Two parties of a test; next comes a port. */
public final class PairCheck {
  private final PolicyTests tests;
  private final FlowCheck.Pair pair;

  PairCheck(PolicyTests tests, FlowCheck.Pair pair) {
    this.tests = tests;
    this.pair = pair;
  }

  /** A flow to a TCP port. */
  public FlowCheck tcp(int port) {
    return on(PortProtocol.tcp(port));
  }

  /** A flow to a UDP port. */
  public FlowCheck udp(int port) {
    return on(PortProtocol.udp(port));
  }

  /** A flow to an SCTP port. */
  public FlowCheck sctp(int port) {
    return on(PortProtocol.sctp(port));
  }

  /** An ICMP message for IPv4 of this type; 8 is an echo request. */
  public FlowCheck icmp(int type) {
    return on(PortProtocol.icmp(type));
  }

  /** An ICMP message for IPv6 of this type; 128 is an echo request. */
  public FlowCheck icmpv6(int type) {
    return on(PortProtocol.icmpv6(type));
  }

  /** A flow to this port. */
  public FlowCheck on(PortProtocol port) {
    return new FlowCheck(tests, pair, port);
  }

  /** Asserts that nothing passes, on whatever port. */
  public void isDenied() {
    List<PortRange> open = tests.policySet().allowed(pair.from(), pair.to());
    if (!open.isEmpty()) {
      throw new AssertionError(pair.names() + ": nothing should pass, and this does: " + open);
    }
  }
}
