// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.cni.CniFiles;
import io.cilium4j.cni.CniInstallation;
import io.cilium4j.daemon.DaemonOption.Adder;
import io.cilium4j.daemon.DaemonOption.Group;
import io.cilium4j.daemon.DaemonOption.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Where the options have the CNI plugin installed. The state folder keeps it as well, for a
 * clean-up that is told nothing.
 */
final class CniOptions {

  private static final String KEPT = "cni-installed";

  private CniOptions() {}

  /** Adds the options of what is told to container runtimes. */
  static void addTo(Adder all) {
    Group group = Group.KUBERNETES;
    all.add(
        group,
        "write-cni-conf-when-ready",
        Kind.PATH,
        "",
        "where to write the CNI configuration, such as /etc/cni/net.d/05-cilium.conflist");
    all.add(
        group,
        "cni-bin-dir",
        Kind.PATH,
        "",
        "folder of CNI plugins to install cilium-cni in, such as /opt/cni/bin");
    all.add(group, "read-cni-conf", Kind.PATH, "", "CNI configuration to copy");
    all.add(group, "cni-exclusive", Kind.TRUTH, "false", "move other CNI configurations aside");
    all.add(
        group,
        "cni-chaining-mode",
        Kind.TEXT,
        "none",
        "none; portmap: run portmap after this plugin; generic-veth: run this plugin after another"
            + " network",
        "none",
        "portmap",
        "generic-veth");
    all.add(
        group,
        "cni-chaining-target",
        Kind.TEXT,
        "",
        "with generic-veth, the name of the other network");
  }

  static CniFiles read(DaemonSettings settings) {
    String mode = settings.text("cni-chaining-mode");
    Optional<String> target = text(settings, "cni-chaining-target");
    Optional<Path> template = text(settings, "read-cni-conf").map(Path::of);
    Optional<Path> configuration = text(settings, "write-cni-conf-when-ready").map(Path::of);
    if (mode.equals("generic-veth")
        && configuration.isPresent()
        && target.isEmpty()
        && template.isEmpty()) {
      throw new OptionException(
          "cni-chaining-mode: generic-veth: wanted the other network, by cni-chaining-target or"
              + " read-cni-conf");
    }
    if (target.isPresent() && !mode.equals("generic-veth")) {
      throw new OptionException("cni-chaining-target: only with cni-chaining-mode=generic-veth");
    }
    return new CniFiles(
        text(settings, "cni-bin-dir").map(Path::of),
        configuration,
        template,
        target,
        mode.equals("portmap"),
        settings.isOn("cni-exclusive"));
  }

  private static Optional<String> text(DaemonSettings settings, String key) {
    return Optional.of(settings.text(key)).filter(text -> !text.isEmpty());
  }

  /** Keeps where the plugin is, for {@link #remove}. */
  static void keep(CniFiles files, Path stateFolder) throws IOException {
    List<String> lines =
        List.of(
            files.executableFolder().map(CniOptions::absolute).orElse(""),
            files.configuration().map(CniOptions::absolute).orElse(""));
    Files.write(stateFolder.resolve(KEPT), lines);
  }

  private static String absolute(Path path) {
    return path.toAbsolutePath().toString();
  }

  private static CniFiles kept(Path stateFolder) throws IOException {
    Path file = stateFolder.resolve(KEPT);
    if (!Files.isRegularFile(file)) {
      return CniFiles.NONE;
    }
    List<String> lines = new ArrayList<>(Files.readAllLines(file));
    lines.addAll(List.of("", "")); // Also where it is cut short.
    return new CniFiles(
        Optional.of(lines.get(0)).filter(line -> !line.isEmpty()).map(Path::of),
        Optional.of(lines.get(1)).filter(line -> !line.isEmpty()).map(Path::of),
        Optional.empty(),
        Optional.empty(),
        false,
        false);
  }

  private static List<CniInstallation> installations(DaemonSettings settings, Path stateFolder)
      throws IOException {
    return List.of(new CniInstallation(kept(stateFolder)), new CniInstallation(read(settings)));
  }

  /** What of the plugin is where it was installed, and where the options have it. */
  static List<Path> installed(DaemonSettings settings, Path stateFolder) throws IOException {
    List<Path> found = new ArrayList<>();
    for (CniInstallation each : installations(settings, stateFolder)) {
      found.addAll(each.installed());
    }
    return found;
  }

  /** Removes the plugin from there. */
  static void remove(DaemonSettings settings, Path stateFolder) throws IOException {
    for (CniInstallation each : installations(settings, stateFolder)) {
      each.remove();
    }
    Files.deleteIfExists(stateFolder.resolve(KEPT));
  }
}
