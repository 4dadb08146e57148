// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

/** Something that an endpoint is to have to itself is another's; the message names the owner. */
public final class EndpointExistsException extends AgentException {
  private static final long serialVersionUID = 1L;

  private final int ownerId;

  public EndpointExistsException(String message) {
    this(message, 0);
  }

  public EndpointExistsException(String message, int ownerId) {
    super(message);
    this.ownerId = ownerId;
  }

  /** The id of the endpoint that has it; 0 if none has. */
  public int ownerId() {
    return ownerId;
  }
}
