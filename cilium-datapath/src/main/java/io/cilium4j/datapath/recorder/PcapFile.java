// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.recorder;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Set;

/**
 * A file of packets in the format of libpcap, with times in nanoseconds, that its user alone may
 * read. When it is full it becomes {@code NAME.1}, in place of the one before, and a new one
 * begins: both together take at most twice the bound.
 *
 * <pre>
 *   file    magic u32 | 2 u16 | 4 u16 | 0 u32 | 0 u32 | longest packet u32 | 1 (Ethernet) u32
 *   packet  seconds u32 | nanoseconds u32 | bytes kept u32 | bytes u32 | the bytes kept
 * </pre>
 *
 * <p>Used by one thread.
 */
final class PcapFile implements AutoCloseable {
  private static final int MAGIC_NANOS = 0xa1b23c4d;
  private static final int HEADER_BYTES = 24;
  private static final int PACKET_HEADER_BYTES = 16;
  private static final int ETHERNET = 1;

  private final Path path;
  private final long maxBytes;
  private final int snapBytes;
  private final ByteBuffer header =
      ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.nativeOrder());
  private FileChannel channel;
  private long bytes;

  /**
   * Begins a file; one of an earlier run becomes the earlier part.
   *
   * @param maxBytes the bound of one file
   * @param snapBytes most bytes that are kept of a packet
   */
  PcapFile(Path path, long maxBytes, int snapBytes) throws IOException {
    this.path = path;
    this.maxBytes = maxBytes;
    this.snapBytes = snapBytes;
    this.channel = begin();
  }

  /** The name of the earlier part of a file. */
  static Path earlier(Path path) {
    return path.resolveSibling(path.getFileName() + ".1");
  }

  private FileChannel begin() throws IOException {
    if (Files.exists(path)) {
      Files.move(path, earlier(path), StandardCopyOption.REPLACE_EXISTING);
    }
    FileChannel opened =
        FileChannel.open(
            path,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    try {
      header.clear();
      header.putInt(MAGIC_NANOS).putShort((short) 2).putShort((short) 4).putInt(0).putInt(0);
      header.putInt(snapBytes).putInt(ETHERNET).flip();
      bytes = HEADER_BYTES;
      write(opened, header);
      return opened;
    } catch (IOException | RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  /** Adds a packet, whose bytes are those between position and limit of the buffer. */
  void add(Instant time, ByteBuffer packet) throws IOException {
    int whole = packet.remaining();
    int kept = Math.min(whole, snapBytes);
    if (bytes + PACKET_HEADER_BYTES + kept > maxBytes) {
      channel.close();
      channel = begin();
    }
    header.clear();
    header.putInt((int) time.getEpochSecond()).putInt(time.getNano()).putInt(kept).putInt(whole);
    header.flip();
    packet.limit(packet.position() + kept);
    bytes += PACKET_HEADER_BYTES + kept;
    write(channel, header, packet);
  }

  private static void write(FileChannel channel, ByteBuffer... parts) throws IOException {
    while (parts[parts.length - 1].hasRemaining()) {
      if (channel.write(parts) == 0) {
        throw new IOException("nothing can be written");
      }
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
