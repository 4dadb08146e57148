// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.documents.Trees;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The plugin on a node: its executable, and the network configuration by which a container runtime
 * finds it. A node counts as ready for pods once the configuration is there, so an agent writes it
 * when it answers.
 *
 * <p>A file is complete or not there: it is written beside its place and renamed. What is somebody
 * else's and in the way gets the suffix {@code .cilium_bak}, and its name back by {@link #remove}.
 *
 * <p>For one thread at a time.
 */
public final class CniInstallation {
  private static final Logger LOG = LoggerFactory.getLogger(CniInstallation.class);

  /** How other configurations are set aside, as Cilium does. */
  private static final String ASIDE = ".cilium_bak";

  /** Files in which a runtime looks for configurations. */
  private static final String CONFIGURATIONS = "*.{conf,conflist,json}";

  /** Stands in each version of the executable and in nobody else's program. */
  private static final byte[] MARK =
      "CNI plugin of the Cilium4j agent".getBytes(StandardCharsets.US_ASCII);

  private static final int MAX_BYTES = 1 << 20;

  private final CniFiles files;

  /** Nothing is written yet. */
  public CniInstallation(CniFiles files) {
    this.files = files;
  }

  /**
   * Writes what is missing or is not as it must be; otherwise does nothing.
   *
   * @return whether anything was written
   * @throws IOException if something cannot be written, or what the configuration is made from is
   *     missing
   */
  public boolean install() throws IOException {
    boolean changed = false;
    if (files.executableFolder().isPresent()) {
      changed = installExecutables(files.executableFolder().get());
    }
    if (files.configuration().isPresent()) {
      changed |= installConfiguration(files.configuration().get());
    }
    return changed;
  }

  private static boolean installExecutables(Path folder) throws IOException {
    Files.createDirectories(folder);
    Path loopback = folder.resolve(CniShim.LOOPBACK);
    boolean changed = false;
    // Another's does the same.
    if (!Files.exists(loopback) || isOurs(loopback)) {
      changed = installExecutable(loopback);
    }
    return installExecutable(folder.resolve(CniShim.NAME)) || changed;
  }

  private static boolean installExecutable(Path place) throws IOException {
    byte[] wanted = CniShim.executable();
    if (Files.exists(place)) {
      if (Files.isExecutable(place) && hasContent(place, wanted)) {
        return false;
      }
      if (!isOurs(place)) {
        setAside(place);
      }
    }
    replace(place, wanted, "rwxr-xr-x");
    LOG.info("CNI executable written path={}", place);
    return true;
  }

  private boolean installConfiguration(Path place) throws IOException {
    Path folder = Objects.requireNonNull(place.toAbsolutePath().getParent());
    Files.createDirectories(folder);
    byte[] wanted = configuration(folder, place);
    boolean changed = !Files.exists(place) || !hasContent(place, wanted);
    if (changed) {
      replace(place, wanted, "rw-------");
      LOG.info("CNI configuration written path={}", place);
    }
    if (files.isExclusive()) {
      for (Path other : configurations(folder, CONFIGURATIONS)) {
        if (!other.getFileName().equals(place.getFileName())) {
          setAside(other);
          changed = true;
        }
      }
    }
    return changed;
  }

  private byte[] configuration(Path folder, Path place) throws IOException {
    if (files.template().isPresent()) {
      byte[] text = read(files.template().get());
      if (!namesPlugin(files.template().get())) {
        throw new IOException(
            files.template().get() + ": wanted a CNI configuration with plugin " + CniShim.NAME);
      }
      return text;
    }
    Map<String, @Nullable Object> tree =
        files.target().isPresent()
            ? chained(folder, place, files.target().get())
            : alone(files.hasPortMap());
    return (JsonWriter.write(tree) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Version 1.0.0, which every runtime of today speaks; those that speak more read the list and
   * take the newest.
   */
  private static Map<String, @Nullable Object> alone(boolean hasPortMap) {
    List<Map<String, Object>> plugins = new ArrayList<>();
    plugins.add(Map.of("type", CniShim.NAME));
    if (hasPortMap) {
      plugins.add(Map.of("type", "portmap", "capabilities", Map.of("portMappings", true)));
    }
    Map<String, @Nullable Object> tree = new LinkedHashMap<>();
    tree.put("cniVersion", CniVersion.V1_0_0.toString());
    tree.put("cniVersions", CniVersion.texts());
    tree.put("name", "cilium");
    tree.put("plugins", plugins);
    return tree;
  }

  /** The configuration of another network with our plugin as its last. */
  private static Map<String, @Nullable Object> chained(Path folder, Path place, String network)
      throws IOException {
    for (Path file :
        configurations(
            folder,
            "*.{conf,conflist,json,conf" + ASIDE + ",conflist" + ASIDE + ",json" + ASIDE + "}")) {
      if (file.getFileName().equals(place.getFileName())) {
        continue;
      }
      Optional<Map<String, @Nullable Object>> found = tree(file);
      if (found.isPresent() && Trees.text(found.get(), "name").equals(network)) {
        return withPlugin(found.get());
      }
    }
    throw new IOException("no CNI configuration of network " + network + " in " + folder);
  }

  private static Map<String, @Nullable Object> withPlugin(Map<String, @Nullable Object> tree) {
    List<@Nullable Object> plugins = new ArrayList<>();
    Map<String, @Nullable Object> list = new LinkedHashMap<>();
    if (tree.get("plugins") == null) { // The form of a single plugin.
      Map<String, @Nullable Object> plugin = new LinkedHashMap<>(tree);
      list.put("cniVersion", plugin.remove("cniVersion"));
      list.put("name", plugin.remove("name"));
      plugins.add(plugin);
    } else {
      list.putAll(tree);
      plugins.addAll(Trees.items(tree, "plugins"));
    }
    if (plugins.stream().noneMatch(each -> Trees.text(each, "type").equals(CniShim.NAME))) {
      plugins.add(Map.of("type", CniShim.NAME));
    }
    list.put("plugins", plugins);
    return list;
  }

  /** What of it, by whichever version, is on the node. A file that is somebody else's is not. */
  public List<Path> installed() throws IOException {
    List<Path> found = new ArrayList<>();
    if (files.configuration().isPresent()) {
      Path place = files.configuration().get().toAbsolutePath();
      if (Files.exists(place) && namesPlugin(place)) {
        found.add(place);
      }
    }
    if (files.executableFolder().isPresent()) {
      for (String name : List.of(CniShim.NAME, CniShim.LOOPBACK)) {
        Path place = files.executableFolder().get().toAbsolutePath().resolve(name);
        if (Files.exists(place) && isOurs(place)) {
          found.add(place);
        }
      }
    }
    return found;
  }

  /**
   * Removes what is {@link #installed}, the configuration first, and gives others what was set
   * aside. No error if there is nothing.
   */
  public void remove() throws IOException {
    for (Path place : installed()) {
      Files.delete(place);
      LOG.info("CNI file removed path={}", place);
      restoreAll(Objects.requireNonNull(place.getParent()));
    }
  }

  private static void restoreAll(Path folder) throws IOException {
    for (Path aside : configurations(folder, "*" + ASIDE)) {
      restore(aside);
    }
  }

  private static void restore(Path aside) throws IOException {
    String name = String.valueOf(aside.getFileName());
    Path place = aside.resolveSibling(name.substring(0, name.length() - ASIDE.length()));
    if (Files.exists(aside, LinkOption.NOFOLLOW_LINKS)
        && !Files.exists(place, LinkOption.NOFOLLOW_LINKS)) {
      Files.move(aside, place);
      LOG.info("CNI file given back path={}", place);
    }
  }

  private static void setAside(Path other) throws IOException {
    Files.move(
        other,
        other.resolveSibling(other.getFileName() + ASIDE),
        StandardCopyOption.REPLACE_EXISTING);
    LOG.info("CNI file of others set aside path={}", other);
  }

  // ---- files ----

  private static List<Path> configurations(Path folder, String pattern) throws IOException {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(folder, pattern)) {
      all.forEach(found::add);
    }
    found.sort(null);
    return found;
  }

  /** Flushed before it gets its name, so that a crash leaves the old file or the new one. */
  private static void replace(Path place, byte[] content, String permissions) throws IOException {
    Path beside = place.resolveSibling(place.getFileName() + ".new");
    Files.deleteIfExists(beside);
    Files.createFile(
        beside, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions)));
    try (var channel = FileChannel.open(beside, StandardOpenOption.WRITE)) {
      var bytes = ByteBuffer.wrap(content);
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
    Files.setPosixFilePermissions(beside, PosixFilePermissions.fromString(permissions));
    Files.move(beside, place, StandardCopyOption.ATOMIC_MOVE);
  }

  private static boolean hasContent(Path file, byte[] wanted) throws IOException {
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
        && Files.size(file) == wanted.length
        && Arrays.equals(Files.readAllBytes(file), wanted);
  }

  /** Cilium's own executable of this name has tens of megabytes. */
  private static boolean isOurs(Path executable) throws IOException {
    if (!Files.isRegularFile(executable, LinkOption.NOFOLLOW_LINKS)
        || Files.size(executable) > 4L * MAX_BYTES) {
      return false;
    }
    byte[] content = Files.readAllBytes(executable);
    for (int at = 0; at <= content.length - MARK.length; at++) {
      if (Arrays.equals(content, at, at + MARK.length, MARK, 0, MARK.length)) {
        return true;
      }
    }
    return false;
  }

  private static boolean namesPlugin(Path configuration) throws IOException {
    return tree(configuration).stream()
        .flatMap(tree -> Trees.items(tree, "plugins").stream())
        .anyMatch(plugin -> Trees.text(plugin, "type").equals(CniShim.NAME));
  }

  /** Absent where the file is no JSON object. */
  private static Optional<Map<String, @Nullable Object>> tree(Path file) throws IOException {
    try {
      return Optional.of(
          Trees.map(DocumentReader.readJson(new String(read(file), StandardCharsets.UTF_8))));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static byte[] read(Path file) throws IOException {
    if (Files.size(file) > MAX_BYTES) {
      throw new IOException(file + ": more than " + MAX_BYTES + " bytes");
    }
    return Files.readAllBytes(file);
  }
}
