// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NftTableTest {
  @TempDir private Path folder;
  private NftTable table;

  /** A program that notes what it is to carry out, and shows what stands in a file. */
  @BeforeEach
  void makeProgram() throws IOException {
    Path program = folder.resolve("nft");
    Files.writeString(
        program,
        "#!/bin/sh\nif [ \"$1\" = -s ]; then exec cat %1$s/shown; fi\ncat >%1$s/input\n"
            .formatted(folder));
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    table = new NftTable(new Nft(program), "t");
  }

  private void show(String... chains) throws IOException {
    var text = new StringBuilder("table inet t {\n");
    for (String chain : chains) {
      text.append("\tchain %s {\n\t\taccept\n\t}\n\n".formatted(chain));
    }
    Files.writeString(folder.resolve("shown"), text + "}\n");
  }

  private String written() throws IOException {
    return Files.readString(folder.resolve("input"));
  }

  private static String script(String table) {
    return """
    add table inet %1$s
    add chain inet %1$s f1
    add chain inet %1$s prerouting { type nat hook prerouting priority dstnat; policy accept; }
    """
        .formatted(table);
  }

  @Test
  void apply_chainsOfAnEarlierProcess_removesThoseThatAreNotWanted() throws IOException {
    show("f1", "f10", "prerouting");
    table.takeOver();
    assertTrue(table.isThere());
    table.apply(NftTableTest::script);
    assertEquals(script("t") + "flush chain inet t f10\ndelete chain inet t f10\n", written());
  }

  @Test
  void apply_chainsOfItsOwnFormerScript_removesThem() throws IOException {
    table.takeOver();
    assertFalse(table.isThere());
    show("f1", "f2", "prerouting");
    table.apply(name -> script(name) + "add chain inet t f2\n");
    table.apply(NftTableTest::script);
    assertEquals(script("t") + "flush chain inet t f2\ndelete chain inet t f2\n", written());
  }
}
