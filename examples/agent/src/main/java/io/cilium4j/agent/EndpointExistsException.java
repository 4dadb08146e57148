// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

/** There is an endpoint of that name or id already. */
public final class EndpointExistsException extends AgentException {
  private static final long serialVersionUID = 1L;

  EndpointExistsException(String message) {
    super(message);
  }
}
