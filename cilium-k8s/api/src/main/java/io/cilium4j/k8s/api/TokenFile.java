// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.LongSupplier;

/** A token in a file that somebody replaces now and then, as the kubelet does. */
final class TokenFile {
  /** How long a token is used before the file is read again: its successor comes much earlier. */
  private static final Duration FRESH = Duration.ofMinutes(1);

  /** Largest file, in bytes. */
  private static final int MAX_BYTES = 1 << 16;

  private final Path file;
  private final LongSupplier nanoTime;
  private String token = "";
  private long readNanos;

  TokenFile(Path file, LongSupplier nanoTime) {
    this.file = file;
    this.nanoTime = nanoTime;
  }

  /**
   * The token.
   *
   * @throws IOException if the file cannot be read
   */
  synchronized String token() throws IOException {
    if (token.isEmpty() || nanoTime.getAsLong() - readNanos >= FRESH.toNanos()) {
      readNanos = nanoTime.getAsLong();
      token = SmallFiles.text(file, MAX_BYTES).strip();
      if (token.isEmpty() || !token.chars().allMatch(c -> c > ' ' && c < 0x7f)) {
        token = "";
        throw new IOException(file + ": not a token");
      }
    }
    return token;
  }

  /** It is of no use: the file is read anew. */
  synchronized void forget() {
    token = "";
  }
}
