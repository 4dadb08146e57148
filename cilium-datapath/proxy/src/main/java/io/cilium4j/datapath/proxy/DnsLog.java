// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

/** Told of questions to DNS. Called on an event loop, so it must neither block nor throw. */
public interface DnsLog {

  /** Takes a question when it is decided, or refused for its form. */
  void asked(DnsAccess question);

  /** Takes the answer that the client is given, also one of the proxy itself. */
  void answered(DnsAccess answer);

  /** Counts what gets no answer, or only after the time that an answer may be held. */
  void failed(Failure failure);

  /** What goes wrong. */
  enum Failure {
    /** More questions wait for their answers than may: this one is dropped. */
    TOO_MANY,
    /** A datagram of no flow that is known, or no question at all. */
    UNKNOWN,
    /** What came in the place of an answer answers no question that waits: it may be forged. */
    UNEXPECTED,
    /** The server does not answer in time. */
    TIMEOUT,
    /** The answer was given before the policy knew its addresses. */
    HELD_TOO_LONG
  }
}
