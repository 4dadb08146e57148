// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

/** What keeps a command from being done; the message is one line. */
final class CommandException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  CommandException(String message) {
    super(message);
  }

  CommandException(String message, Throwable cause) {
    super(message, cause);
  }

  /** The line; never null. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
