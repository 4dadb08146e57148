// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.state;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.agent.AgentException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateFolderTest {
  @TempDir private Path temp;

  /** What a full disk is to a file: nothing can be written beside it. */
  private static void fillDisk(Path file) throws IOException {
    Files.createDirectories(file.resolveSibling(file.getFileName() + ".tmp").resolve("full"));
  }

  @Test
  void write_whatIsThereAlready_needsNoRoom() throws Exception {
    var folder = new StateFolder(temp.resolve("state"));
    folder.create();
    folder.setDatapathName("ebpf");
    Path file = temp.resolve("state").resolve("datapath-name");
    Object before = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
    fillDisk(file);
    folder.setDatapathName("ebpf");
    assertEquals(before, Files.readAttributes(file, BasicFileAttributes.class).fileKey());
    assertThrows(AgentException.class, () -> folder.setDatapathName("memory"));
    assertArrayEquals(
        "ebpf\n".getBytes(java.nio.charset.StandardCharsets.UTF_8), Files.readAllBytes(file));
  }
}
