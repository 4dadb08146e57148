// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The folder of the demo's files, one for each user of the machine, readable by him alone.
 *
 * <pre>
 *   FOLDER/agent/        the agent's state
 *   FOLDER/manifests/    the folder that the agent watches
 *   FOLDER/netns/        names of network namespaces, where /run/netns is not ours to write to
 *   FOLDER/keeper        the process that keeps a run alive after ./demo --keep
 *   FOLDER/cluster/      what the agents and the operator of a cluster share
 *   FOLDER/node1/        state, sockets and log of a node's agent
 *   FOLDER/operator.log
 * </pre>
 */
final class DemoFolder {
  private static final FileAttribute<Set<PosixFilePermission>> PRIVATE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private final Path root;
  private final Path netns;

  private DemoFolder(Path root, Path netns) {
    this.root = root;
    this.netns = netns;
  }

  /** The folder of a run that has the machine's own namespaces. */
  static DemoFolder ofRoot() {
    return new DemoFolder(Path.of("/run/cilium4j-demo"), Netns.DEFAULT_FOLDER);
  }

  /** The folder of a user who is not root. */
  static DemoFolder ofUser() {
    String runtime = System.getenv("XDG_RUNTIME_DIR");
    Path parent =
        Path.of(runtime == null || !Files.isWritable(Path.of(runtime)) ? "/tmp" : runtime);
    return at(parent.resolve("cilium4j-demo-" + System.getProperty("user.name")));
  }

  /** The folder of a run inside a user namespace, as the process outside chose it. */
  static DemoFolder at(Path root) {
    return new DemoFolder(root, root.resolve("netns"));
  }

  Path root() {
    return root;
  }

  Path agent() {
    return root.resolve("agent");
  }

  Path manifests() {
    return root.resolve("manifests");
  }

  /** What the agents and the operator of a cluster share. */
  Path cluster() {
    return root.resolve("cluster");
  }

  /** The option by which they are told; no other process has it. */
  String clusterOption() {
    return "--cluster-store=" + cluster();
  }

  /** A node's own folder. */
  Path node(int number) {
    return root.resolve("node" + number);
  }

  Path netns() {
    return netns;
  }

  /** The file that has the number of the process that keeps a run alive. */
  Path keeperFile() {
    return root.resolve("keeper");
  }

  /** Makes the folders that are missing. */
  void create() {
    try {
      try {
        Files.createDirectory(root, PRIVATE);
      } catch (FileAlreadyExistsException _) {
        checkOwn();
      }
      Files.createDirectories(manifests());
      Files.createDirectories(netns);
    } catch (IOException e) {
      throw new DemoException("make folder " + root + ": " + e, e);
    }
  }

  /** Makes the folders of a cluster. */
  void createCluster(int nodes) {
    try {
      Files.createDirectory(cluster(), PRIVATE);
      for (int number = 1; number <= nodes; number++) {
        Files.createDirectory(node(number), PRIVATE);
      }
    } catch (IOException e) {
      throw new DemoException("make folder " + cluster() + ": " + e, e);
    }
  }

  /** In a folder that everybody may write to, somebody else may have been there first. */
  private void checkOwn() throws IOException {
    boolean own =
        Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)
            && Files.getOwner(root, LinkOption.NOFOLLOW_LINKS)
                .equals(Files.getOwner(Path.of("/proc/self")));
    if (!own) {
      throw new DemoException("folder " + root + " exists and is not this user's");
    }
  }

  /** Puts a manifest in place as a whole: the agent watches. */
  void writeManifest(String name, String content) {
    try {
      Path unfinished = Files.createTempFile(root, "manifest", ".tmp");
      Files.writeString(unfinished, content);
      Files.move(unfinished, manifests().resolve(name), StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new DemoException("write manifest " + name + ": " + e, e);
    }
  }

  /** Notes that this process keeps the run alive. */
  void setKeeper() {
    try {
      Files.writeString(keeperFile(), Long.toString(ProcessHandle.current().pid()));
    } catch (IOException e) {
      throw new DemoException("write " + keeperFile() + ": " + e, e);
    }
  }

  /** The process that keeps a run alive, if one does. */
  Optional<ProcessHandle> keeper() {
    try {
      long pid = Long.parseLong(Files.readString(keeperFile()).strip());
      // A number may be another process's by now: it must be a demo that serves.
      String command = Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"));
      return command.contains(Demo.class.getName()) && command.contains(Options.SERVE)
          ? ProcessHandle.of(pid)
          : Optional.empty();
    } catch (IOException | NumberFormatException _) {
      return Optional.empty();
    }
  }

  /** Removes the demo's own files, and the folder. */
  void remove() {
    if (!Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try {
      checkOwn();
      List<Path> all;
      try (Stream<Path> files = Files.walk(root)) { // Does not follow links.
        all = files.sorted(Comparator.reverseOrder()).toList();
      }
      for (Path file : all) {
        Files.deleteIfExists(file);
      }
    } catch (IOException | UncheckedIOException e) {
      throw new DemoException("remove folder " + root + ": " + e, e);
    }
  }
}
