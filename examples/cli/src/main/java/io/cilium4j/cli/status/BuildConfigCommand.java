// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Session;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * {@code cilium build-config}: gathers the agent's options from several folders into one. Each file
 * is an option, as in a mounted ConfigMap; of several folders the last one counts.
 */
public final class BuildConfigCommand implements CommandGroup {
  /** Tells a folder that this command wrote, which it may tidy up, from anybody else's. */
  private static final String MARK = ".build-config";

  private static final String DEFAULT_FOLDER = "/tmp/cilium/config-map";

  /** The largest value of a ConfigMap. */
  private static final long MAX_BYTES = 1 << 20;

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
                "",
                "merge the agent's options from several folders into one",
                new Option("--dest", "DIR", "destination folder; default " + DEFAULT_FOLDER),
                new Option("--source", "SOURCE…", "directory:PATH; later ones win"),
                new Option(
                    "--allow-config-keys", "KEY…", "keys that all but the first source may set"),
                new Option("--deny-config-keys", "KEY…", "keys that only the first source may set"),
                new Option("--node-name", "NAME", "the node's name in Kubernetes"))
            .with(KUBERNETES));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    if (arguments.has("--allow-config-keys") && arguments.has("--deny-config-keys")) {
      throw arguments.wrong("--allow-config-keys and --deny-config-keys exclude each other");
    }
    Map<String, byte[]> options = new TreeMap<>();
    boolean first = true;
    for (String source : arguments.all("--source")) {
      for (Path file : files(source)) {
        String key = file.getFileName().toString();
        if (first || mayOverride(key, arguments)) {
          options.put(key, Files.readAllBytes(file));
        }
      }
      first = false;
    }
    if (first) {
      throw arguments.wrong("option --source is missing");
    }
    write(Path.of(arguments.find("--dest").orElse(DEFAULT_FOLDER)), options);
    session.console().line(options.size() + " options written");
    return 0;
  }

  private static boolean mayOverride(String key, Arguments arguments) {
    List<String> allowed = arguments.all("--allow-config-keys");
    return allowed.isEmpty()
        ? !arguments.all("--deny-config-keys").contains(key)
        : allowed.contains(key);
  }

  private static List<Path> files(String source) throws IOException {
    if (!source.startsWith("directory:")) {
      throw new CommandException(
          "source " + source + ": this version reads directory:PATH only, not the Kubernetes API");
    }
    Path folder = Path.of(source.substring("directory:".length()));
    if (!Files.isDirectory(folder)) {
      throw new CommandException(
          Files.exists(folder) ? folder + ": not a folder" : Console.unreadable(folder));
    }
    List<Path> files = new ArrayList<>();
    try (Stream<Path> found = Files.list(folder)) {
      // A ConfigMap's mount has folders of its own that begin with dots.
      found
          .filter(file -> !file.getFileName().toString().startsWith("."))
          .filter(Files::isRegularFile)
          .sorted()
          .forEach(files::add);
    }
    for (Path file : files) {
      if (Files.size(file) > MAX_BYTES) {
        throw new CommandException(file + ": more than " + MAX_BYTES + " bytes");
      }
    }
    return files;
  }

  /** Options that were there and are no longer are removed: the folder says all that holds. */
  private static void write(Path folder, Map<String, byte[]> options) throws IOException {
    Files.createDirectories(folder);
    List<Path> before = files("directory:" + folder);
    Path mark = folder.resolve(MARK);
    if (!before.isEmpty() && !Files.isRegularFile(mark, LinkOption.NOFOLLOW_LINKS)) {
      throw new CommandException(folder + ": contains files that this command did not write");
    }
    Files.write(mark, new byte[0]);
    for (Path old : before) {
      if (!options.containsKey(old.getFileName().toString())) {
        Files.delete(old);
      }
    }
    for (Map.Entry<String, byte[]> option : options.entrySet()) {
      Files.write(folder.resolve(option.getKey()), option.getValue());
    }
  }
}
