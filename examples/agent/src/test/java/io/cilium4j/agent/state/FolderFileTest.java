// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.state;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.conformance.StateFileConformance;
import io.cilium4j.core.state.StateFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderFileTest extends StateFileConformance {

  @TempDir private Path folder;

  @Override
  protected StateFile open() {
    return file(1 << 20);
  }

  private FolderFile file(long maxBytes) {
    return new FolderFile(folder.resolve("some.json"), maxBytes, () -> false);
  }

  @Test
  void write_tooLarge_isRefusedAndWhatWasThereStays() throws Exception {
    file(10).write(new byte[10]);
    assertThrows(IOException.class, () -> file(10).write(new byte[11]));
    assertArrayEquals(new byte[10], file(10).read().orElseThrow());
    assertThrows(IOException.class, () -> file(9).read());
  }

  /** As on a full disk: the part that could not be written is in nobody's way. */
  @Test
  void write_fails_whatWasThereStays() throws Exception {
    file(10).write(new byte[1]);
    Files.createDirectories(folder.resolve("some.json.tmp/full"));
    assertThrows(IOException.class, () -> file(10).write(new byte[2]));
    assertArrayEquals(new byte[1], file(10).read().orElseThrow());
    file(10).write(new byte[1]); // Nothing new is not written.
  }

  @Test
  void write_isReadableByItsUserAlone() throws Exception {
    open().write(new byte[1]);
    assertEquals(
        "rw-------",
        PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("some.json"))));
  }

  @Test
  void read_missingWhereThatIsALoss_fails() {
    var file = new FolderFile(folder.resolve("some.json"), 10, () -> true);
    assertThrows(NoSuchFileException.class, file::read);
    assertThrows(NoSuchFileException.class, file::read);
  }

  @Test
  void copy_isAFileOfItsOwnWhoseAbsenceIsNoLoss() throws Exception {
    var file = new FolderFile(folder.resolve("some.json"), 10, () -> true);
    assertEquals(true, file.copy().read().isEmpty());
    file.copy().write(new byte[1]);
    assertThrows(NoSuchFileException.class, file::read);
  }
}
