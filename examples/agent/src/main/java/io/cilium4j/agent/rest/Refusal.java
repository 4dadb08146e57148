// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

/** A request that is answered with an error; the message is for the client, one line. */
final class Refusal extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;

  Refusal(int status, String message) {
    super(message, null, false, false);
    this.status = status;
  }

  int status() {
    return status;
  }

  /** The body of the answer. */
  String text() {
    return String.valueOf(getMessage());
  }

  /** What is asked for is not there; the API's clients want no text with it. */
  static Refusal notFound() {
    return new Refusal(404, "");
  }

  /** What came is wrong. */
  static Refusal invalid(String message) {
    return new Refusal(400, message);
  }
}
