// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What holds for every command. Of several sources the first counts: an option, the environment,
 * the configuration file, the default.
 *
 * @param socket where the agent listens
 * @param healthSocket where it tells which nodes are reached
 * @param monitorSocket where it sends flows and drops
 * @param isDebug whether errors are told with all that is known of them
 */
public record Settings(Path socket, Path healthSocket, Path monitorSocket, boolean isDebug) {
  /** Cilium's variable. */
  public static final String SOCKET_VARIABLE = "CILIUM_SOCK";

  /** Cilium's variable for the health API. */
  private static final String HEALTH_SOCKET_VARIABLE = "CILIUM_HEALTH_SOCK";

  /** Likewise for the monitor. */
  private static final String MONITOR_SOCKET_VARIABLE = "CILIUM_MONITOR_SOCK";

  private static final String DEFAULT_SOCKET = "/var/run/cilium/cilium.sock";

  /** Settings, and what is left of the command line without them. */
  public record Found(Settings settings, List<String> words) {}

  /**
   * Takes the options that every command has out of a command line.
   *
   * @throws UsageException if one of them makes no sense
   */
  public static Found take(List<String> args, Map<String, String> environment) throws IOException {
    List<String> words = new ArrayList<>();
    Map<String, String> given = new HashMap<>();
    for (int i = 0; i < args.size(); i++) {
      String word = args.get(i);
      if (word.equals("--")) {
        words.addAll(args.subList(i, args.size()));
        break;
      }
      int equals = word.indexOf('=');
      String name = word.startsWith("--") && equals > 0 ? word.substring(0, equals) : word;
      String key =
          switch (name) {
            case "-H", "--host" -> "host";
            case "--config" -> "config";
            case "-D", "--debug" -> "debug";
            default -> "";
          };
      if (key.isEmpty()) {
        words.add(word);
      } else if (name.length() < word.length()) {
        given.put(key, word.substring(equals + 1));
      } else if (key.equals("debug")) {
        given.put(key, "true");
      } else if (++i < args.size()) {
        given.put(key, args.get(i));
      } else {
        throw new UsageException("option " + name + ": needs a value");
      }
    }
    Map<String, String> file = readFile(given.get("config"), environment.get("HOME"));
    String host =
        first(
            given.get("host"), environment.get(SOCKET_VARIABLE), file.get("host"), DEFAULT_SOCKET);
    String debug = first(given.get("debug"), file.get("debug"), "false");
    Path socket = socket(host);
    Path healthSocket = beside(socket, "health.sock", environment.get(HEALTH_SOCKET_VARIABLE));
    Path monitorSocket =
        beside(socket, "monitor-json.sock", environment.get(MONITOR_SOCKET_VARIABLE));
    return new Found(
        new Settings(socket, healthSocket, monitorSocket, debug.equals("true")), words);
  }

  /** What the environment says, or else beside the API's socket. */
  private static Path beside(Path socket, String name, @Nullable String given) {
    return given == null || given.isEmpty() ? socket.resolveSibling(name) : socket(given);
  }

  private static String first(@Nullable String... choices) {
    for (String choice : choices) {
      if (choice != null && !choice.isEmpty()) {
        return choice;
      }
    }
    return "";
  }

  private static Path socket(String host) {
    if (host.startsWith("unix://")) {
      return Path.of(host.substring("unix://".length()));
    }
    if (host.startsWith("/") || host.startsWith(".")) {
      return Path.of(host);
    }
    throw new UsageException("host " + host + ": wanted unix:///PATH of the agent's socket");
  }

  /** Lines of {@code key: value}. Only a file that was asked for has to be there. */
  private static Map<String, String> readFile(@Nullable String asked, @Nullable String home)
      throws IOException {
    Path file;
    if (asked != null) {
      file = Path.of(asked);
      if (!Files.isReadable(file)) {
        throw new CommandException(Console.unreadable(file));
      }
    } else {
      file = Path.of(home == null ? "/" : home, ".cilium.yaml");
      if (!Files.isRegularFile(file)) {
        return Map.of();
      }
    }
    Map<String, String> values = new HashMap<>();
    for (String line : Files.readAllLines(file)) {
      int colon = line.indexOf(':');
      if (colon > 0 && !line.startsWith("#")) {
        String value = line.substring(colon + 1).strip();
        values.put(line.substring(0, colon).strip(), value.replaceAll("^([\"'])(.*)\\1$", "$2"));
      }
    }
    return values;
  }
}
