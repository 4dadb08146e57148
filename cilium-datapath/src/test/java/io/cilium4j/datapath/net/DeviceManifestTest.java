// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeviceManifestTest {

  @TempDir private Path folder;

  @Test
  void add_thenReadByAnother_isThere() {
    var manifest = new DeviceManifest(folder.resolve("run"), "any");
    manifest.add("lxc5", 17);
    manifest.add("lxc6", 18);
    manifest.remove("lxc6", 99);
    manifest.remove("lxc5", 17);
    manifest.add("lxc5", 19);
    var later = new DeviceManifest(folder.resolve("run"), "any");
    assertEquals(Map.of("lxc5", 19, "lxc6", 18), later.devices());
    assertTrue(later.holds("lxc5", 19));
    assertFalse(later.holds("lxc5", 17));
  }

  @Test
  void read_strayLines_arePassedOver() throws Exception {
    Files.writeString(
        folder.resolve("any-devices"),
        "lxc5 17\n\nlxc6\nlxc7 -1\nlxc8 99999999999\na-name-that-is-too-long 3\nlxc9 0\n");
    assertEquals(Map.of("lxc5", 17), new DeviceManifest(folder, "any").devices());
  }

  @Test
  void delete_always_leavesNoFile() throws Exception {
    var manifest = new DeviceManifest(folder, "any");
    manifest.add("lxc5", 17);
    manifest.delete();
    manifest.delete();
    try (var files = Files.list(folder)) {
      assertEquals(0, files.count());
    }
  }
}
