// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.state.StateFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A file of the state folder.
 *
 * @param folder the folder, which writes it
 * @param path where it is
 * @param maxBytes largest content, in bytes
 * @param missing what it means that there is no file
 */
record FolderFile(StateFolder folder, Path path, long maxBytes, Missing missing)
    implements StateFile {

  /** What it means that there is no file. */
  enum Missing {
    /** Nothing was ever written. */
    IS_NOTHING,
    /** Where there are endpoints something was in force, and nobody knows what. */
    IS_LOSS
  }

  @Override
  public Optional<byte[]> read() throws IOException {
    try {
      return Optional.of(StateFolder.read(path, maxBytes));
    } catch (NoSuchFileException e) {
      if (missing == Missing.IS_LOSS && folder.hasEndpoints()) {
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
    folder.write(path, content);
  }

  @Override
  public void setAside() {
    if (Files.exists(path)) {
      StateFolder.setAside(path);
    }
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
