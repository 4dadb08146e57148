// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import java.io.IOException;
import java.net.SocketTimeoutException;

/** Why a node was not reached, in one line. */
final class ProbeError {

  static final String TIMEOUT = "Connection timed out";

  /** Longest text that is kept, in characters: a part of it may be the other side's. */
  private static final int MAX_CHARS = 200;

  private ProbeError() {}

  static String of(IOException e) {
    return e instanceof SocketTimeoutException ? TIMEOUT : line(String.valueOf(e.getMessage()));
  }

  static String line(String text) {
    String line = text.replaceAll("[^\\x20-\\x7e]+", "?");
    return line.length() > MAX_CHARS ? line.substring(0, MAX_CHARS) : line;
  }
}
