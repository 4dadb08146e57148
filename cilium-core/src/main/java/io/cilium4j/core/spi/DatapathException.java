// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

/** A datapath could not do what it was asked; the message is one line that says what and where. */
public class DatapathException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public DatapathException(String message) {
    super(message);
  }

  public DatapathException(String message, Throwable cause) {
    super(message, cause);
  }
}
