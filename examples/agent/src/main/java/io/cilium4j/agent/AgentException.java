// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

/** The agent could not do what it was asked; the message is one line that says what and where. */
public sealed class AgentException extends RuntimeException
    permits EndpointExistsException, UnfitAddressException {
  private static final long serialVersionUID = 1L;

  AgentException(String message) {
    super(message);
  }

  AgentException(String message, Throwable cause) {
    super(message, cause);
  }
}
