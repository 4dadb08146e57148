// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

/** An identity could not be had; the message is one line that says which and why. */
public class IdentityException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public IdentityException(String message) {
    super(message);
  }

  public IdentityException(String message, Throwable cause) {
    super(message, cause);
  }
}
