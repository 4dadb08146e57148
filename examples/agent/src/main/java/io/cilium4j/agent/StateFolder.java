// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.FolderFile.Missing;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folder in which an instance keeps what must outlive its process, readable by its own user
 * alone (folders 0700, files 0600).
 *
 * <pre>
 *   FOLDER/lock               held while the agent runs
 *   FOLDER/endpoints/ID.json  one file an endpoint
 *   FOLDER/specs/NAME/ID.json one file a service, recorder, address without endpoint, …
 *   FOLDER/given-rules.json   the rules that users gave by hand
 *   FOLDER/manifests.json     the manifests as they were last good
 *   FOLDER/policies.json      the policy objects that were accepted last
 *   FOLDER/datapath-name      which datapath enforces
 *   FOLDER/datapath/          the datapath's own: its manifest
 * </pre>
 *
 * <p>A file is written beside its place, flushed to the disk and then renamed, so that a crash at
 * any moment leaves the old content or the new one, never a part.
 */
final class StateFolder {
  private static final Logger LOG = LoggerFactory.getLogger(StateFolder.class);

  private static final FileAttribute<Set<PosixFilePermission>> FOLDER_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private static final FileAttribute<Set<PosixFilePermission>> FILE_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  /** What a file is called while it is written; left behind only by a crash. */
  private static final String UNFINISHED = ".tmp";

  /** What a file is called from then on that could not be read. */
  private static final String DAMAGED = ".damaged";

  /** Largest file that is read back, 1 MiB: an endpoint takes a few hundred bytes. */
  private static final long MAX_FILE_BYTES = 1L << 20;

  /**
   * Largest file of the cluster's objects: of 10,000 manifests of the usual size it takes a tenth.
   */
  private static final long MAX_OBJECTS_BYTES = 256L << 20;

  /** Largest file of rules and policies that users gave: some times what the API takes at once. */
  private static final long MAX_RULES_BYTES = 16L << 20;

  /** Largest file of numbers: some 200,000 prefixes. */
  private static final long MAX_IDENTITIES_BYTES = 32L << 20;

  /** With the line's end, so that a part of a name is none. */
  private static final Pattern DATAPATH_NAME = Pattern.compile("([a-z][-a-z0-9]{0,30})\\n");

  /** What the list of a datapath's devices is called behind the datapath's name. */
  private static final String DEVICES = "-devices";

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

  /** Whether there are endpoints of an earlier run, which the kernel protects until it is told. */
  boolean hasEndpoints() {
    return !list(endpoints(), ".json").isEmpty();
  }

  /** The rules that users gave by hand. */
  FolderFile apiRules() {
    return new FolderFile(
        this, root.resolve("given-rules.json"), MAX_RULES_BYTES, Missing.IS_NOTHING);
  }

  /** Policies that the embedding program applied. */
  FolderFile programPolicies() {
    return new FolderFile(
        this, root.resolve("program-policies.json"), MAX_RULES_BYTES, Missing.IS_NOTHING);
  }

  /** What the source of Kubernetes objects must know again. */
  FolderFile manifests() {
    return new FolderFile(this, root.resolve("manifests.json"), MAX_OBJECTS_BYTES, Missing.IS_LOSS);
  }

  /** The policy objects that were accepted last. */
  FolderFile policies() {
    return new FolderFile(this, root.resolve("policies.json"), MAX_OBJECTS_BYTES, Missing.IS_LOSS);
  }

  /** The numbers of prefixes and names. */
  FolderFile localIdentities() {
    return new FolderFile(
        this, root.resolve("local-identities.json"), MAX_IDENTITIES_BYTES, Missing.IS_NOTHING);
  }

  /** The folder of a table of what users asked for. */
  Path specs(String name) {
    return specs().resolve(name);
  }

  private Path specs() {
    return root.resolve("specs");
  }

  /** Whether an earlier run used a datapath, whether its name can be read or not. */
  boolean hasDatapath() {
    return Files.exists(datapathNameFile());
  }

  /**
   * The name of the datapath that an earlier run used; absent if none did, or if nothing says
   * which. Where the file is damaged, the one that left a list of devices is it.
   */
  Optional<String> datapathName() {
    String problem;
    try {
      Matcher name =
          DATAPATH_NAME.matcher(new String(read(datapathNameFile()), StandardCharsets.UTF_8));
      if (name.matches()) {
        return Optional.of(name.group(1));
      }
      problem = "no name of a datapath";
    } catch (NoSuchFileException _) {
      return Optional.empty();
    } catch (IOException e) {
      problem = reason(e);
    }
    List<String> lists =
        list(datapath(), DEVICES).stream().map(file -> file.getFileName().toString()).toList();
    LOG.warn("state lost file={} error=\"{}\" devices={}", datapathNameFile(), problem, lists);
    return lists.size() == 1
        ? Optional.of(lists.getFirst().substring(0, lists.getFirst().length() - DEVICES.length()))
        : Optional.empty();
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

  /** Makes a folder for a table of what users asked for, with those above it. */
  void createSpecs(String name) throws IOException {
    Files.createDirectories(specs(name), FOLDER_MODE);
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

  /** Removes what writers left that a crash cut off. Nobody may write meanwhile. */
  void sweep() {
    try {
      for (Path folder :
          Stream.concat(Stream.of(root, endpoints()), list(specs(), "").stream()).toList()) {
        for (Path unfinished : list(folder, UNFINISHED)) {
          Files.deleteIfExists(unfinished);
        }
      }
    } catch (IOException e) {
      throw new AgentException("tidy up state folder " + root + ": " + reason(e), e);
    }
  }

  /**
   * Puts a file in place as a whole; where that fails, what was there before stays. One that says
   * this already is left alone, so that a full disk stops nobody who has nothing new to say.
   */
  void write(Path file, byte[] content) throws IOException {
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

  /** Reads a file of 1 MiB at most. */
  static byte[] read(Path file) throws IOException {
    return read(file, MAX_FILE_BYTES);
  }

  /** Reads a file of bounded size. */
  static byte[] read(Path file, long maxBytes) throws IOException {
    long size = Files.size(file);
    if (size > maxBytes) {
      throw new IOException(size + " bytes: at most " + maxBytes);
    }
    return Files.readAllBytes(file);
  }

  /** Moves a file that cannot be read aside, for whoever looks into it; no error if it stays. */
  static void setAside(Path file) {
    try {
      Files.move(
          file,
          file.resolveSibling(file.getFileName() + DAMAGED),
          StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      LOG.warn("damaged file stays file={} error=\"{}\"", file, e.getMessage());
    }
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
      for (Path file : list(root, "")) {
        // Also set aside or unfinished.
        String name = file.getFileName().toString();
        if (Stream.of(apiRules(), programPolicies(), localIdentities(), manifests(), policies())
            .anyMatch(each -> name.startsWith(each.path().getFileName().toString()))) {
          Files.deleteIfExists(file);
        }
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
