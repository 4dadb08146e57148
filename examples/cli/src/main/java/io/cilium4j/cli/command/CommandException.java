// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

/** What keeps a command from being done; the message is one line. */
public final class CommandException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public CommandException(String message) {
    super(message);
  }

  public CommandException(String message, Throwable cause) {
    super(message, cause);
  }

  /** The line; never null. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
