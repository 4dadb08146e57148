// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The folder in which an instance keeps what must outlive its process, readable by its own user
 * alone (folders 0700, files 0600).
 *
 * <pre>
 *   FOLDER/lock               held while the agent runs
 *   FOLDER/endpoints/ID.json  one file an endpoint
 *   FOLDER/specs/NAME/ID.json one file a service, recorder, …
 *   FOLDER/datapath-name      which datapath enforces
 *   FOLDER/datapath/          the datapath's own: its manifest
 * </pre>
 *
 * <p>A file is written beside its place, flushed to the disk and then renamed, so that a crash at
 * any moment leaves the old content or the new one, never a part.
 */
final class StateFolder {

  private static final FileAttribute<Set<PosixFilePermission>> FOLDER_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private static final FileAttribute<Set<PosixFilePermission>> FILE_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  /** What a file is called while it is written; left behind only by a crash. */
  private static final String UNFINISHED = ".tmp";

  /** Largest file that is read back, 1 MiB: an endpoint takes a few hundred bytes. */
  private static final long MAX_FILE_BYTES = 1L << 20;

  private final Path root;

  StateFolder(Path root) {
    this.root = root.toAbsolutePath();
  }

  Path root() {
    return root;
  }

  Path lock() {
    return root.resolve("lock");
  }

  Path datapath() {
    return root.resolve("datapath");
  }

  Path endpoints() {
    return root.resolve("endpoints");
  }

  /** The folder of a table of what users asked for. */
  Path specs(String name) {
    return specs().resolve(name);
  }

  private Path specs() {
    return root.resolve("specs");
  }

  /** The name of the datapath that an earlier run used; absent if none did. */
  Optional<String> datapathName() {
    try {
      return Optional.of(new String(read(datapathNameFile()), StandardCharsets.UTF_8).strip());
    } catch (NoSuchFileException _) {
      return Optional.empty();
    } catch (IOException e) {
      throw new AgentException("read " + datapathNameFile() + ": " + reason(e), e);
    }
  }

  /** Notes the name of the datapath that enforces from now on. */
  void setDatapathName(String name) {
    try {
      write(datapathNameFile(), (name + "\n").getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new AgentException("write " + datapathNameFile() + ": " + reason(e), e);
    }
  }

  private Path datapathNameFile() {
    return root.resolve("datapath-name");
  }

  /** Makes the folders that are missing. */
  void create() {
    try {
      for (Path folder : List.of(root, endpoints(), datapath())) {
        Files.createDirectories(folder, FOLDER_MODE);
      }
    } catch (IOException e) {
      throw new AgentException("make state folder " + root + ": " + reason(e), e);
    }
  }

  /** Puts a file in place as a whole. */
  void write(Path file, byte[] content) throws IOException {
    Path unfinished = file.resolveSibling(file.getFileName() + UNFINISHED);
    Files.deleteIfExists(unfinished);
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
    Files.move(
        unfinished, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    flush(file);
  }

  /** Removes a file for good; no error if there is none. */
  void delete(Path file) throws IOException {
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

  /** Reads a file of bounded size. */
  static byte[] read(Path file) throws IOException {
    long size = Files.size(file);
    if (size > MAX_FILE_BYTES) {
      throw new IOException(size + " bytes: at most " + MAX_FILE_BYTES);
    }
    return Files.readAllBytes(file);
  }

  /** The finished files of a folder, in the order of their names. */
  static List<Path> list(Path folder, String suffix) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(suffix)).sorted().toList();
    } catch (NoSuchFileException _) {
      return List.of();
    } catch (IOException e) {
      throw new AgentException("list folder " + folder + ": " + reason(e), e);
    }
  }

  /** Removes the folders with the files that are this class's own; a stranger's file stays. */
  void remove() {
    try {
      for (Path file : list(endpoints(), "")) {
        Files.deleteIfExists(file);
      }
      for (Path table : list(specs(), "")) {
        for (Path file : list(table, "")) {
          Files.deleteIfExists(file);
        }
        deleteIfEmpty(table);
      }
      Files.deleteIfExists(datapathNameFile());
      Files.deleteIfExists(lock());
      for (Path folder : List.of(endpoints(), specs(), datapath(), root)) {
        deleteIfEmpty(folder);
      }
    } catch (IOException e) {
      throw new AgentException("remove state folder " + root + ": " + reason(e), e);
    }
  }

  private static void deleteIfEmpty(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    try (Stream<Path> content = Files.list(folder)) {
      if (content.findAny().isPresent()) {
        return;
      }
    }
    Files.deleteIfExists(folder);
  }

  private static String reason(IOException e) {
    return e.getClass().getSimpleName() + " " + e.getMessage();
  }
}
