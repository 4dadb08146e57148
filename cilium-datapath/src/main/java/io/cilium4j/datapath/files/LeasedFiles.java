// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.files;

import io.cilium4j.core.spi.FileWriters;
import io.cilium4j.datapath.bpf.LibC;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.nio.file.Path;

/** Asks the kernel for a read lease, which it grants only of a file that nobody writes to. */
public final class LeasedFiles implements FileWriters {

  /** For {@link java.util.ServiceLoader}. */
  public LeasedFiles() {}

  @Override
  public Answer of(Path file) {
    try {
      int fd = LibC.open(file.toString(), LibC.O_RDONLY | LibC.O_CLOEXEC);
      try {
        return LibC.isOpenForWriting(fd, file.toString()) ? Answer.SOMEBODY : Answer.NOBODY;
      } finally {
        LibC.close(fd);
      }
    } catch (SystemCallException | IllegalCallerException | LinkageError _) {
      // The last two where this JVM may not call native code.
      return Answer.UNKNOWN;
    }
  }
}
