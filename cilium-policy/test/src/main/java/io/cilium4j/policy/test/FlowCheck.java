// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.test;

import io.cilium4j.policy.FlowExplanation;
import io.cilium4j.policy.Party;
import io.cilium4j.policy.PortProtocol;

/** One flow of a test, to be asserted on. */
public final class FlowCheck {
  private final PolicyTests tests;
  private final Party from;
  private final Party to;
  private final PortProtocol port;
  private final String name;

  FlowCheck(PolicyTests tests, Pair pair, PortProtocol port) {
    this.tests = tests;
    this.from = pair.from();
    this.to = pair.to();
    this.port = port;
    this.name = pair.names() + " " + port;
  }

  /**
   * Asserts that the flow passes, by the sender's egress and the receiver's ingress.
   *
   * @throws AssertionError if not, with the rules that are to blame and a policy that would help
   */
  public void isAllowed() {
    FlowExplanation why = explain();
    if (!why.isAllowed()) {
      throw new AssertionError(name + " is dropped, and should pass\n" + why);
    }
  }

  /**
   * Asserts that the flow is dropped.
   *
   * @throws AssertionError if not, with the rules that let it pass
   */
  public void isDenied() {
    FlowExplanation why = explain();
    if (why.isAllowed()) {
      throw new AssertionError(name + " passes, and should be dropped\n" + why);
    }
  }

  /** Why it passes or does not. */
  public FlowExplanation explain() {
    return tests.ask(from, to, port);
  }

  Party from() {
    return from;
  }

  Party to() {
    return to;
  }

  PortProtocol port() {
    return port;
  }

  /** {@code frontend -> backend 8080/TCP}. */
  @Override
  public String toString() {
    return name;
  }

  /**
   * Two parties, and what the test calls them.
   *
   * @param from the sender
   * @param to the receiver
   * @param names {@code frontend -> backend}
   */
  record Pair(Party from, Party to, String names) {}
}
