// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

/** An option that makes no sense; the message is one line and begins with the option's key. */
final class OptionException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  OptionException(String message) {
    super(message);
  }

  /** The line; never null. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
