// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import java.io.IOException;

/** A request that the API server refused, or did not answer; the message is one line. */
public final class ApiException extends IOException {
  private static final long serialVersionUID = 1L;

  /** What stands in {@link #status} if there was no answer. */
  static final int NO_ANSWER = 0;

  static final int UNAUTHORIZED = 401;
  static final int FORBIDDEN = 403;
  static final int NOT_FOUND = 404;
  static final int CONFLICT = 409;
  static final int GONE = 410;
  static final int TOO_MANY = 429;
  static final int TIMEOUT = 504;

  /** Longest message, in characters: it quotes what others sent. */
  private static final int MAX_CHARS = 400;

  private final int status;

  ApiException(int status, String message) {
    super(oneLine(message));
    this.status = status;
  }

  ApiException(String message, Throwable cause) {
    super(oneLine(message), cause);
    this.status = NO_ANSWER;
  }

  private static String oneLine(String message) {
    String line = message.replaceAll("[\\p{Cntrl}\\s]+", " ").strip();
    return line.length() <= MAX_CHARS ? line : line.substring(0, MAX_CHARS) + "…";
  }

  /** The HTTP status; 0 if there was no answer. */
  public int status() {
    return status;
  }

  /** Whether the server answered that there is no such object or resource. */
  public boolean isNotFound() {
    return status == NOT_FOUND;
  }

  /** Whether the server answered that the object changed meanwhile, or exists. */
  public boolean isConflict() {
    return status == CONFLICT;
  }
}
