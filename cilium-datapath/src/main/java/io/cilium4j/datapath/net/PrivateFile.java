// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * Writes files of this user alone that the end of a process, at whatever moment, leaves as they
 * were or as they are to be. What they speak of is the kernel's and gone when the machine starts
 * anew, so nobody waits for the disk.
 */
final class PrivateFile {
  private PrivateFile() {}

  /** Puts a file in place as a whole. */
  static void replace(Path file, String content) throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    Files.createDirectories(
        folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    if (Files.isRegularFile(fresh, LinkOption.NOFOLLOW_LINKS)) {
      Files.delete(fresh); // A crash left it.
    }
    try (FileChannel channel =
        FileChannel.open(
            fresh,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
      ByteBuffer left = ByteBuffer.wrap(content.getBytes(StandardCharsets.UTF_8));
      while (left.hasRemaining()) {
        channel.write(left);
      }
    }
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
