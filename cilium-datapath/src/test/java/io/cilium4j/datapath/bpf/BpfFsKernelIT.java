// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The instance's folder, in the real file system. */
@KernelTest
class BpfFsKernelIT {
  private final String instance = "c4j_fs_" + ProcessHandle.current().pid();
  private BpfFs fs;

  @BeforeEach
  void open() {
    fs = BpfFs.open(instance);
  }

  @AfterEach
  void remove() throws IOException {
    for (Path entry : fs.list()) {
      Files.delete(entry);
    }
    fs.removeIfEmpty();
  }

  @Test
  void open_createsAFolderForThisUserAlone_andOpensItAgain() throws IOException {
    assertEquals("rwx------", mode(fs.folder()));
    Files.setPosixFilePermissions(fs.folder(), PosixFilePermissions.fromString("rwxrwxrwx"));
    assertEquals(fs.folder(), BpfFs.open(instance).folder());
    assertEquals("rwx------", mode(fs.folder()));
  }

  private static String mode(Path folder) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(folder));
  }

  @Test
  void open_ofAFolderOfAnotherUser_isRefused() throws IOException {
    Files.setAttribute(fs.folder(), "unix:uid", 65534, LinkOption.NOFOLLOW_LINKS);
    IllegalStateException foreign =
        assertThrows(IllegalStateException.class, () -> BpfFs.open(instance));
    assertTrue(String.valueOf(foreign.getMessage()).contains("65534"), foreign::toString);
    Files.setAttribute(fs.folder(), "unix:uid", 0, LinkOption.NOFOLLOW_LINKS);
  }

  @Test
  void open_onAFreshMountPoint_mountsTheFileSystem(@TempDir Path mount) throws IOException {
    BpfFs mounted = BpfFs.open(mount, instance);
    try {
      assertEquals("bpf", Files.getFileStore(mount).type());
      assertEquals("rwx------", mode(mount));
      // The second time it is there already.
      assertEquals(mounted.folder(), BpfFs.open(mount, instance).folder());
    } finally {
      Seam.sh("umount", mount.toString());
    }
  }

  @Test
  void list_ofPinsAndSubfolders_isSorted_andRemoveTakesOne() {
    BpfFs links = fs.subfolder("links");
    try (BpfObject tiny = Seam.open("tiny").pinPath("c4j_tiny", links.pin("tiny")).load()) {
      assertEquals(List.of("c4j_tiny"), tiny.mapSpecs().stream().map(MapSpec::name).toList());
    }
    assertEquals(List.of(links.folder()), fs.list());
    assertEquals(List.of(links.pin("tiny")), links.list());
    assertThrows(IllegalStateException.class, () -> fs.remove("links"));
    assertFalse(links.removeIfEmpty());
    assertTrue(links.remove("tiny"));
    assertFalse(links.remove("tiny"));
    assertTrue(links.removeIfEmpty());
    assertFalse(links.removeIfEmpty());
  }

  @Test
  void pin_ofANameTheKernelRefuses_isRefusedBefore() {
    for (String name : List.of("", "a.b", "..", "a/b", "x".repeat(256))) {
      assertThrows(IllegalArgumentException.class, () -> fs.pin(name), name);
    }
  }
}
