// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import java.io.IOException;
import java.util.Optional;

/**
 * What a source must know again after a restart: the objects as they were last good. Without it an
 * object that cannot be read at a start would look like one that is gone, and what it forbids would
 * be allowed.
 */
@Experimental
public interface SourceMemory {

  /** Remembers nothing, and says that there never was anything. */
  SourceMemory NONE =
      new SourceMemory() {
        @Override
        public Optional<byte[]> recall() {
          return Optional.empty();
        }

        @Override
        public void keep(byte[] content) {}
      };

  /**
   * What was kept last; absent at the very first start.
   *
   * @throws IOException if there was something and it cannot be had: what is in force is unknown
   */
  Optional<byte[]> recall() throws IOException;

  /**
   * Keeps this in place of what was kept before, as a whole or not at all.
   *
   * @throws IOException if it cannot be kept; what was kept before stays
   */
  void keep(byte[] content) throws IOException;
}
