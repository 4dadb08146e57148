// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.files;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.spi.FileWriters;
import io.cilium4j.core.spi.FileWriters.Answer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real files and real leases; whoever runs the tests owns the files. */
class LeasedFilesTest {
  @TempDir private Path folder;

  private final FileWriters writers = new LeasedFiles();

  @Test
  void of_fileThatSomebodyWrites_saysSoUntilItIsClosed() throws Exception {
    Path file = Files.writeString(folder.resolve("a"), "half");
    assertEquals(Answer.NOBODY, writers.of(file));
    try (var _ = FileChannel.open(file, StandardOpenOption.WRITE)) {
      assertEquals(Answer.SOMEBODY, writers.of(file));
    }
    try (var _ = FileChannel.open(file, StandardOpenOption.READ)) {
      assertEquals(Answer.NOBODY, writers.of(file));
    }
  }

  @Test
  void of_whatIsNoFile_isUnknown() throws Exception {
    assertEquals(Answer.UNKNOWN, writers.of(folder.resolve("missing")));
    assertEquals(Answer.UNKNOWN, writers.of(folder));
  }
}
