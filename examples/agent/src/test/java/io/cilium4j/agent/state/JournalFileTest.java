// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalFileTest {

  private static final int MAX_BYTES = 20;

  @TempDir private Path folder;

  private Path path() {
    return folder.resolve("some.log");
  }

  /** As another process has it. */
  private JournalFile open() {
    return new JournalFile(path(), MAX_BYTES);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private List<String> lines() throws IOException {
    return open().read().stream().map(each -> new String(each, StandardCharsets.UTF_8)).toList();
  }

  @Test
  void append_ofLines_isReadByTheNextProcess() throws Exception {
    assertEquals(List.of(), lines());
    JournalFile journal = open();
    journal.append(bytes("one"));
    journal.append(bytes(""));
    journal.append(bytes("three"));
    assertEquals(List.of("one", "", "three"), lines());
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path())));
  }

  @Test
  void read_afterAProcessThatEndedWhileItWrote_isWhatWasWrittenToItsEnd() throws Exception {
    open().append(bytes("one"));
    Files.write(path(), bytes("tw"), StandardOpenOption.APPEND);
    assertEquals(List.of("one"), lines());
    open().append(bytes("three"));
    assertEquals(List.of("one", "three"), lines());
  }

  @Test
  void append_beyondTheBound_isRefusedAndTheOthersStay() throws Exception {
    JournalFile journal = open();
    journal.append(new byte[MAX_BYTES - 3]);
    assertThrows(IOException.class, () -> journal.append(bytes("22")));
    journal.append(bytes("1"));
    assertEquals(2, open().read().size());
  }

  @Test
  void removeFirst_ofWhatIsKeptElsewhere_leavesWhatCameSince() throws Exception {
    JournalFile journal = open();
    journal.removeFirst(journal.size());
    journal.append(bytes("one"));
    long kept = journal.size();
    journal.append(bytes("two"));
    journal.removeFirst(kept);
    assertEquals(List.of("two"), lines());
    journal.removeFirst(journal.size());
    journal.append(bytes("three"));
    assertEquals(List.of("three"), lines());
  }

  @Test
  void append_whereNothingCanBeWritten_saysSo() throws Exception {
    Files.createDirectory(path());
    assertThrows(IOException.class, () -> open().append(bytes("one")));
  }
}
