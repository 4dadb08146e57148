// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.state;

import io.cilium4j.core.state.StateFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * A file of the state folder.
 *
 * @param path where it is
 * @param maxBytes largest content, in bytes
 * @param missingIsLoss whether something was in force and nobody knows what, if there is no file
 */
public record FolderFile(Path path, long maxBytes, BooleanSupplier missingIsLoss)
    implements StateFile {

  /** A second place for the same content; its absence is no loss. */
  public FolderFile copy() {
    return new FolderFile(path.resolveSibling(path.getFileName() + ".copy"), maxBytes, () -> false);
  }

  @Override
  public Optional<byte[]> read() throws IOException {
    try {
      return Optional.of(AtomicFiles.read(path, maxBytes));
    } catch (NoSuchFileException e) {
      if (missingIsLoss.getAsBoolean()) {
        throw e;
      }
      return Optional.empty();
    }
  }

  @Override
  public void write(byte[] content) throws IOException {
    if (content.length > maxBytes) {
      throw new IOException(content.length + " bytes: at most " + maxBytes);
    }
    AtomicFiles.write(path, content);
  }

  @Override
  public void delete() throws IOException {
    AtomicFiles.delete(path);
  }

  @Override
  public Optional<String> aside() {
    Path aside = AtomicFiles.aside(path);
    return Files.exists(aside) ? Optional.of(aside.toString()) : Optional.empty();
  }

  @Override
  public void setAside() {
    if (Files.exists(path)) {
      AtomicFiles.setAside(path);
    }
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
