// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.state;

import io.cilium4j.core.state.StorageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Files that are written as a whole, readable by their own user alone: beside their place, flushed
 * to the disk and then renamed, so that a crash at any moment leaves the old content or the new
 * one, never a part.
 */
public final class AtomicFiles {
  private static final Logger LOG = LoggerFactory.getLogger(AtomicFiles.class);

  /** Of a file that its user alone may read and write. */
  static final FileAttribute<Set<PosixFilePermission>> FILE_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  /** What a file is called while it is written; left behind only by a crash. */
  static final String UNFINISHED = ".tmp";

  /** What a file is called from then on that could not be read. */
  public static final String DAMAGED = ".damaged";

  /** Largest file that is read back, 1 MiB: an endpoint takes a few hundred bytes. */
  private static final long MAX_FILE_BYTES = 1L << 20;

  private AtomicFiles() {}

  /**
   * Puts a file in place as a whole; where that fails, what was there before stays. One that says
   * this already is left alone, so that a full disk stops nobody who has nothing new to say.
   */
  public static void write(Path file, byte[] content) throws IOException {
    if (says(file, content)) {
      return;
    }
    Path unfinished = file.resolveSibling(file.getFileName() + UNFINISHED);
    Files.deleteIfExists(unfinished);
    try {
      writeThrough(unfinished, content);
      Files.move(
          unfinished, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      // A full disk has no room for a part of a file either.
      Files.deleteIfExists(unfinished);
      throw e;
    }
    flush(file);
  }

  private static boolean says(Path file, byte[] content) {
    try {
      return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
          && Files.size(file) == content.length
          && Arrays.equals(Files.readAllBytes(file), content);
    } catch (IOException _) {
      return false;
    }
  }

  private static void writeThrough(Path unfinished, byte[] content) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            unfinished,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            FILE_MODE)) {
      ByteBuffer left = ByteBuffer.wrap(content);
      while (left.hasRemaining()) {
        channel.write(left);
      }
      channel.force(true);
    }
  }

  /** Removes a file for good; no error if there is none. */
  public static void delete(Path file) throws IOException {
    if (Files.deleteIfExists(file)) {
      flush(file);
    }
  }

  /** A rename or removal survives a power failure only once its folder is flushed. */
  private static void flush(Path file) throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null) {
      return;
    }
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  /** Reads a file of 1 MiB at most. */
  public static byte[] read(Path file) throws IOException {
    return read(file, MAX_FILE_BYTES);
  }

  /** Reads a file of bounded size. */
  public static byte[] read(Path file, long maxBytes) throws IOException {
    long size = Files.size(file);
    if (size > maxBytes) {
      throw new IOException(size + " bytes: at most " + maxBytes);
    }
    return Files.readAllBytes(file);
  }

  /** Moves a file that cannot be read aside, for whoever looks into it; no error if it stays. */
  public static void setAside(Path file) {
    try {
      Files.move(file, aside(file), StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      LOG.warn("damaged file stays file={} error=\"{}\"", file, e.getMessage());
    }
  }

  /** Where a file goes that is {@linkplain #setAside set aside}. */
  static Path aside(Path file) {
    return file.resolveSibling(file.getFileName() + DAMAGED);
  }

  /** The finished files of a folder, in the order of their names. */
  public static List<Path> list(Path folder, String suffix) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(suffix)).sorted().toList();
    } catch (NoSuchFileException _) {
      return List.of();
    } catch (IOException e) {
      throw new StorageException("list folder " + folder + ": " + reason(e), e);
    }
  }

  /** What is wrong in words; a message of the JDK's may be the file's name and no more. */
  static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "no such file or folder";
      case AccessDeniedException _ -> "permission denied";
      case NotDirectoryException _ -> "not a folder";
      case FileAlreadyExistsException _ -> "is there and is not a folder";
      case FileSystemException system when system.getReason() != null -> system.getReason();
      default -> String.valueOf(e.getMessage());
    };
  }
}
