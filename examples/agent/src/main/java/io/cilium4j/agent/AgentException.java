// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

/** The agent could not do what it was asked; the message is one line that says what and where. */
public class AgentException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public AgentException(String message) {
    super(message);
  }

  public AgentException(String message, Throwable cause) {
    super(message, cause);
  }
}
