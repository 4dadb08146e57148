// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.manifest;

/** A manifest is wrong; the message says in one line what, the caller knows where. */
public final class ManifestException extends Exception {
  private static final long serialVersionUID = 1L;

  /** Longest message, in characters: it may quote hostile input. */
  private static final int MAX_CHARS = 300;

  public ManifestException(String message) {
    super(oneLine(message));
  }

  public ManifestException(String message, Throwable cause) {
    super(oneLine(message), cause);
  }

  private static String oneLine(String message) {
    String line = message.replaceAll("[\\p{Cntrl}\\s]+", " ").strip();
    return line.length() <= MAX_CHARS ? line : line.substring(0, MAX_CHARS) + "…";
  }
}
