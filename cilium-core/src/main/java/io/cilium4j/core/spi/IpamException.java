// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

/** An address could not be had; the message is one line that says which and why. */
public class IpamException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public IpamException(String message) {
    super(message);
  }

  public IpamException(String message, Throwable cause) {
    super(message, cause);
  }
}
