// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.io.IOException;
import java.util.Optional;

/** What a part must know again after a restart: one content, replaced as a whole. */
public interface StateFile {

  /** Keeps nothing, and says that there never was anything. */
  StateFile NONE =
      new StateFile() {
        @Override
        public Optional<byte[]> read() {
          return Optional.empty();
        }

        @Override
        public void write(byte[] content) {}

        @Override
        public void delete() {}

        @Override
        public void setAside() {}

        @Override
        public Optional<String> aside() {
          return Optional.empty();
        }
      };

  /**
   * What was written last; absent at the very first start.
   *
   * @throws IOException if there was something and it cannot be read
   */
  Optional<byte[]> read() throws IOException;

  /**
   * Writes this in place of what was written before, as a whole or not at all. Content that is
   * there already is not written again.
   *
   * @throws IOException if it cannot be written; what was written before stays
   */
  void write(byte[] content) throws IOException;

  /**
   * Removes what was written, as if nothing ever was; no error if there is nothing.
   *
   * @throws IOException if it cannot be removed
   */
  void delete() throws IOException;

  /**
   * Moves content that makes no sense out of the way, for whoever looks into it, in place of what
   * was moved there before; never fails.
   */
  void setAside();

  /** Where content that was set aside lies until somebody removes it, also after a restart. */
  Optional<String> aside();
}
