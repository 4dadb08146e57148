// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.spi.SourceMemory;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.Optional;

/**
 * What the source of Kubernetes objects knows again after a restart: a file of the state folder.
 */
record ManifestMemory(StateFolder folder) implements SourceMemory {

  /** Largest file, in bytes: of 10,000 manifests of the usual size it takes a tenth. */
  private static final long MAX_BYTES = 256L << 20;

  @Override
  public Optional<byte[]> recall() throws IOException {
    try {
      return Optional.of(StateFolder.read(folder.manifests(), MAX_BYTES));
    } catch (NoSuchFileException e) {
      if (folder.hasEndpoints()) {
        throw e;
      }
      return Optional.empty(); // Nothing is enforced yet.
    }
  }

  @Override
  public void keep(byte[] content) throws IOException {
    if (content.length > MAX_BYTES) {
      throw new IOException(content.length + " bytes: at most " + MAX_BYTES);
    }
    folder.write(folder.manifests(), content);
  }
}
