// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.state;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * What has changed since a {@link FolderFile} was written, a line a change: cheap enough to be
 * written at once, so that the end of the process loses nothing. It is not flushed to the disk, so
 * the end of the machine may lose the last lines.
 *
 * <p>Safe for use by several threads.
 */
public final class JournalFile {

  private static final byte END = '\n';

  private final Path path;
  private final long maxBytes;

  /**
   * @param maxBytes most bytes of all lines together
   */
  public JournalFile(Path path, long maxBytes) {
    this.path = path;
    this.maxBytes = maxBytes;
  }

  /**
   * The lines, without their ends. A last one that was not written to its end is removed.
   *
   * @throws IOException if there are some and they cannot be read
   */
  public synchronized List<byte[]> read() throws IOException {
    if (!Files.exists(path)) {
      return List.of();
    }
    byte[] all = AtomicFiles.read(path, maxBytes);
    List<byte[]> lines = new ArrayList<>();
    int begin = 0;
    for (int at = 0; at < all.length; at++) {
      if (all[at] == END) {
        lines.add(Arrays.copyOfRange(all, begin, at));
        begin = at + 1;
      }
    }
    if (begin < all.length) {
      truncate(begin);
    }
    return lines;
  }

  /**
   * Adds a line.
   *
   * @param line without a line feed
   * @throws IOException if it cannot be written; the other lines stay as they are
   */
  public synchronized void append(byte[] line) throws IOException {
    long before = size();
    if (before + line.length + 1 > maxBytes) {
      throw new IOException(path + ": more than " + maxBytes + " bytes");
    }
    try {
      write(path, ByteBuffer.allocate(line.length + 1).put(line).put(END).flip());
    } catch (IOException e) {
      truncate(before);
      throw e;
    }
  }

  private static void write(Path to, ByteBuffer left) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            to,
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.APPEND),
            AtomicFiles.FILE_MODE)) {
      while (left.hasRemaining()) {
        channel.write(left);
      }
    }
  }

  private void truncate(long bytes) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      channel.truncate(bytes);
    }
  }

  /** How many bytes the lines have together by now. */
  public synchronized long size() throws IOException {
    return Files.exists(path) ? Files.size(path) : 0;
  }

  /**
   * Removes the lines that stood there at a time, since what they say is kept elsewhere.
   *
   * @param size the {@link #size} of then
   * @throws IOException if they cannot be removed; all lines stay
   */
  public synchronized void removeFirst(long size) throws IOException {
    if (size == 0) {
      return;
    }
    byte[] all = AtomicFiles.read(path, maxBytes);
    if (size >= all.length) {
      truncate(0);
    } else {
      Path rest = path.resolveSibling(path.getFileName() + AtomicFiles.UNFINISHED);
      Files.deleteIfExists(rest);
      write(rest, ByteBuffer.wrap(all, (int) size, all.length - (int) size));
      Files.move(rest, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
