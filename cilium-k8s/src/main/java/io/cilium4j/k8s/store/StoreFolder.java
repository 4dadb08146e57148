// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.spi.ClusterStoreException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The folder of a store: whether it may be used, and whether it still is the one that it was. A
 * folder that is gone, or an empty one in its place such as the mount point of a disk that is away,
 * must not look like a cluster without nodes.
 *
 * <p>Safe for use by several threads.
 */
final class StoreFolder {

  private static final FileAttribute<Set<PosixFilePermission>> FOLDER_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  static final FileAttribute<Set<PosixFilePermission>> FILE_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  /** What a crash left of files that were being written is of no use to anybody after this. */
  private static final Duration UNFINISHED_AGE = Duration.ofHours(1);

  private static final int MAX_ID_BYTES = 64;

  private final Path root;
  private final List<String> kinds;

  /** Which store it is; absent until it was there once. */
  private volatile @Nullable String id;

  /**
   * @param kinds the names of the folders of objects
   */
  StoreFolder(Path root, List<String> kinds) {
    this.root = root.toAbsolutePath();
    this.kinds = kinds;
  }

  Path root() {
    return root;
  }

  Path kind(String plural) {
    return root.resolve(plural);
  }

  Path locks() {
    return root.resolve(".locks");
  }

  private Path unfinished() {
    return root.resolve(".new");
  }

  private Path idFile() {
    return root.resolve("store-id");
  }

  /** Whether there is nothing at all in the place of the folder. */
  boolean isMissing() {
    return Files.notExists(root);
  }

  /**
   * Sees that the store is there and is the one that it was; the first time it is made ready.
   *
   * @throws ClusterStoreException if it is not, or may not be used; the message is one line
   */
  void require() {
    try {
      if (id == null) {
        requireOwn();
        prepare();
        sweep();
      } else if (!readId().equals(id)) {
        throw refused("another store than before; start anew to use it");
      }
    } catch (NoSuchFileException e) {
      throw new ClusterStoreException(
          line(Files.exists(root) ? "empty, and it was not before" : "no such folder"), e);
    } catch (IOException e) {
      throw new ClusterStoreException(line(Reasons.of(e)), e);
    }
  }

  private String line(String what) {
    return "cluster store " + root + ": " + what;
  }

  private ClusterStoreException refused(String what) {
    return new ClusterStoreException(line(what));
  }

  /** Who can write here can name any pod as he likes: nobody else may. */
  private void requireOwn() throws IOException {
    var attributes = Files.readAttributes(root, PosixFileAttributes.class);
    if (!attributes.isDirectory()) {
      throw refused("not a folder");
    }
    Set<PosixFilePermission> permissions = attributes.permissions();
    if (permissions.contains(PosixFilePermission.GROUP_WRITE)
        || permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
      throw refused(
          "others may write it ("
              + PosixFilePermissions.toString(permissions)
              + "); wanted: chmod go-w");
    }
    Object self = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    Object owner = Files.getAttribute(root, "unix:uid");
    if (!owner.equals(self) && !owner.equals(0)) {
      throw refused("owned by user " + attributes.owner() + ": wanted our own or root's");
    }
  }

  private void prepare() throws IOException {
    try {
      for (String kind : kinds) {
        createFolder(kind(kind));
      }
      createFolder(locks());
      createFolder(unfinished());
      Path file = write((UUID.randomUUID() + "\n").getBytes(StandardCharsets.US_ASCII), true);
      try {
        Files.createLink(idFile(), file);
        flush(root);
      } catch (FileAlreadyExistsException _) {
        // Made before, by us or by another.
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new ClusterStoreException(line("not writable: " + Reasons.of(e)), e);
    }
    id = readId();
  }

  private static void createFolder(Path folder) throws IOException {
    try {
      Files.createDirectory(folder, FOLDER_MODE);
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
        throw e;
      }
    }
  }

  private String readId() throws IOException {
    try (var in = Files.newInputStream(idFile(), LinkOption.NOFOLLOW_LINKS)) {
      return new String(in.readNBytes(MAX_ID_BYTES), StandardCharsets.US_ASCII).strip();
    }
  }

  /** Writes a file that is not yet in its place. */
  Path write(byte[] content, boolean isDurable) throws IOException {
    Path file = unfinished().resolve(UUID.randomUUID().toString());
    try (FileChannel channel =
        FileChannel.open(
            file, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), FILE_MODE)) {
      ByteBuffer left = ByteBuffer.wrap(content);
      while (left.hasRemaining()) {
        channel.write(left);
      }
      if (isDurable) {
        channel.force(true);
      }
    } catch (IOException e) {
      // A full disk has no room for a part of a file either.
      Files.deleteIfExists(file);
      throw e;
    }
    return file;
  }

  /** What was linked, renamed or deleted in a folder survives a power failure after this. */
  static void flush(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private void sweep() throws IOException {
    FileTime before = FileTime.from(Instant.now().minus(UNFINISHED_AGE));
    List<Path> files;
    try (Stream<Path> found = Files.list(unfinished())) {
      files = found.toList();
    }
    for (Path file : files) {
      try {
        if (Files.getLastModifiedTime(file, LinkOption.NOFOLLOW_LINKS).compareTo(before) < 0) {
          Files.deleteIfExists(file);
        }
      } catch (NoSuchFileException _) {
        // Its writer is done with it.
      }
    }
  }
}
