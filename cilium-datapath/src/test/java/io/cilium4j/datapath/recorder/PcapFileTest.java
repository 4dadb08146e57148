// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.recorder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PcapFileTest {

  private static final Instant TIME = Instant.ofEpochSecond(1_700_000_000, 123_456_789);

  @TempDir private Path folder;

  @Test
  void add_packetLongerThanWhatIsKept_isCutAndItsLengthTold() throws IOException {
    Path path = folder.resolve("1.pcap");
    try (var file = new PcapFile(path, 1000, 4)) {
      file.add(TIME, ByteBuffer.wrap(new byte[] {0, 1, 2, 3, 4, 5, 6}, 1, 6));
    }
    var wanted = ByteBuffer.allocate(24 + 16 + 4).order(ByteOrder.nativeOrder());
    wanted
        .putInt(0xa1b23c4d)
        .putShort((short) 2)
        .putShort((short) 4)
        .putLong(0)
        .putInt(4)
        .putInt(1);
    wanted
        .putInt(1_700_000_000)
        .putInt(123_456_789)
        .putInt(4)
        .putInt(6)
        .put(new byte[] {1, 2, 3, 4});
    assertArrayEquals(wanted.array(), Files.readAllBytes(path));
    assertEquals(PosixFilePermissions.fromString("rw-------"), Files.getPosixFilePermissions(path));
  }

  @Test
  void add_more_keepsTwoFilesWithinTheBound() throws IOException {
    Path path = folder.resolve("1.pcap");
    int packets = 100;
    try (var file = new PcapFile(path, 200, 100)) {
      for (int i = 0; i < packets; i++) {
        file.add(TIME, ByteBuffer.wrap(new byte[] {(byte) i}));
      }
    }
    try (var files = Files.list(folder)) {
      assertEquals(2, files.count());
    }
    byte[] last = Files.readAllBytes(path);
    assertTrue(last.length <= 200);
    assertEquals(packets - 1, last[last.length - 1]);
    // Ten fit: the other file is full, and ends where this one begins.
    byte[] earlier = Files.readAllBytes(PcapFile.earlier(path));
    assertEquals(24 + 10 * 17, earlier.length);
    assertEquals(last[24 + 16] - 1, earlier[earlier.length - 1]);
  }

  @Test
  void open_fileOfAnEarlierRun_isKeptAsTheEarlierPart() throws IOException {
    Path path = folder.resolve("1.pcap");
    Files.writeString(path, "earlier");
    new PcapFile(path, 200, 100).close();
    assertEquals("earlier", Files.readString(PcapFile.earlier(path)));
  }
}
