// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.jspecify.annotations.Nullable;

/** Errors of files in words: the JDK's own say often no more than the path. */
final class Reasons {
  private Reasons() {}

  static String of(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "no such file or folder";
      case AccessDeniedException _ -> "permission denied";
      case FileSystemException known when known.getReason() != null -> orName(known.getReason(), e);
      default -> orName(e.getMessage(), e);
    };
  }

  private static String orName(@Nullable String text, IOException e) {
    return text == null ? e.getClass().getSimpleName() : text;
  }
}
