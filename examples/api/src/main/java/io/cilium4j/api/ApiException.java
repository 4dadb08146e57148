// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api;

/** The agent refused a request, or could not be asked; the message is one line. */
public final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** In place of a status where there was no answer. */
  public static final int NO_ANSWER = 0;

  private final int status;

  ApiException(int status, String message) {
    super(message);
    this.status = status;
  }

  ApiException(String message, Throwable cause) {
    super(message, cause);
    this.status = NO_ANSWER;
  }

  /** The HTTP status; {@link #NO_ANSWER} where there was no answer. */
  public int status() {
    return status;
  }
}
