// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The content of a file at one moment. */
final class ObjectFile {

  /** Largest file, 256 KiB: an object takes one. */
  static final int MAX_BYTES = 1 << 18;

  /** Bytes of the hash that stand in a version: enough against chance, which is all it guards. */
  private static final int VERSION_BYTES = 12;

  /** What tells that a file changed: its inode is another after each write of ours. */
  record Stamp(long sizeBytes, FileTime modified, @Nullable Object inode) {}

  private final byte[] content;
  private final Stamp stamp;

  private ObjectFile(byte[] content, Stamp stamp) {
    this.content = content;
    this.stamp = stamp;
  }

  /**
   * Looks at a file; absent if there is none.
   *
   * @throws IOException if it is no regular file; a link is none
   */
  static Optional<Stamp> stamp(Path file) throws IOException {
    try {
      var attributes =
          Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      if (!attributes.isRegularFile()) {
        throw new IOException("not a regular file");
      }
      return Optional.of(
          new Stamp(attributes.size(), attributes.lastModifiedTime(), attributes.fileKey()));
    } catch (NoSuchFileException _) {
      return Optional.empty();
    }
  }

  /** Reads a file; absent if there is none. */
  static Optional<ObjectFile> read(Path file) throws IOException {
    Optional<Stamp> stamp = stamp(file);
    if (stamp.isEmpty()) {
      return Optional.empty();
    }
    try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
      byte[] content = in.readNBytes(MAX_BYTES + 1);
      if (content.length > MAX_BYTES) {
        throw new IOException("larger than " + MAX_BYTES + " bytes");
      }
      return Optional.of(new ObjectFile(content, stamp.get()));
    } catch (NoSuchFileException _) {
      return Optional.empty();
    }
  }

  byte[] content() {
    return content;
  }

  Stamp stamp() {
    return stamp;
  }

  /** A power failure leaves such a file of one that was being written. */
  boolean isEmpty() {
    return content.length == 0;
  }

  String version() {
    return version(content);
  }

  /**
   * The version of a content. Each object carries a random number and a counter of its writes, so
   * no content comes a second time.
   */
  static String version(byte[] content) {
    try {
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(content);
      return HexFormat.of().formatHex(hash, 0, VERSION_BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("each JDK has SHA-256", e);
    }
  }
}
