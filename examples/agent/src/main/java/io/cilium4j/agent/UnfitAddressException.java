// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

/** An endpoint cannot have an address that it is to have, whoever asks; the message says why. */
public final class UnfitAddressException extends AgentException {
  private static final long serialVersionUID = 1L;

  public UnfitAddressException(String message) {
    super(message);
  }
}
