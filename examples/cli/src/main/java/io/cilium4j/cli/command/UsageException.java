// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

/** A command line that makes no sense; the message is one line and says where to read on. */
public final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public UsageException(String message) {
    super(message);
  }

  /** The line; never null. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
