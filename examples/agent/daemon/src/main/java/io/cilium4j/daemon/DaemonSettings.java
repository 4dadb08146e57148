// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * The agent's options with their values. Of several sources the first that says something counts:
 * flags, the environment, the configuration folder or file, the defaults.
 *
 * @param values every option's value, by key
 * @param unknown what was set and is no option, or is not built, a line each: reported, and else
 *     without effect, since a cluster's one configuration is read by agents of several versions
 */
record DaemonSettings(Map<String, String> values, List<String> unknown) {
  /** Largest file of a configuration: that of a whole ConfigMap. */
  private static final long MAX_BYTES = 1 << 20;

  private static final YAMLMapper YAML =
      YAMLMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  /** A number and its unit, of an option that is a time. */
  private static final Pattern DURATION_PART = Pattern.compile("([0-9]+)(ms|s|m|h)");

  private static final String PREFIX = "CILIUM_";

  private static final String ENDPOINT_PROBES = "enable-endpoint-health-checking";

  /** The command line's own variables, which are none of the agent's. */
  private static final Set<String> CLIENT_VARIABLES =
      Set.of("CILIUM_SOCK", "CILIUM_HEALTH_SOCK", "CILIUM_MONITOR_SOCK");

  DaemonSettings {
    values = Map.copyOf(values);
    unknown = List.copyOf(unknown);
  }

  /**
   * Reads all sources.
   *
   * @throws OptionException if a value makes no sense, or a flag is unknown
   */
  static DaemonSettings read(List<String> flags, Map<String, String> environment) {
    Map<String, String> fromFlags = flags(flags);
    List<String> unknown = new ArrayList<>();
    Map<String, String> fromEnvironment = environment(environment, unknown);
    Map<String, String> values = new LinkedHashMap<>();
    DaemonOptions.all().forEach(option -> values.put(option.key(), option.byDefault()));
    Map<String, String> above = new LinkedHashMap<>(fromEnvironment);
    above.putAll(fromFlags);
    values.putAll(files(above, unknown));
    values.putAll(above);
    // On in the configuration that the field's installer writes; nothing else depends on it.
    if (Boolean.parseBoolean(values.get(ENDPOINT_PROBES))) {
      unknown.add(ENDPOINT_PROBES + ": not built: the nodes' own addresses are probed alone");
    }
    return new DaemonSettings(values, unknown);
  }

  // ---- sources ----

  private static Map<String, String> flags(List<String> words) {
    Map<String, String> values = new LinkedHashMap<>();
    for (int i = 0; i < words.size(); i++) {
      String word = words.get(i);
      int equals = word.indexOf('=');
      String key =
          word.startsWith("--") ? word.substring(2, equals < 0 ? word.length() : equals) : "";
      DaemonOption option =
          DaemonOptions.find(key)
              .orElseThrow(
                  () -> new OptionException(word + ": no such option; see cilium agent --help"));
      String value;
      if (equals >= 0) {
        value = word.substring(equals + 1);
      } else if (option.kind().isSwitch()) {
        // A lone switch is on; a truth may stand behind it as well.
        boolean given = i + 1 < words.size() && words.get(i + 1).matches("(?i)true|false");
        value = given ? words.get(++i) : "true";
      } else if (++i < words.size()) {
        value = words.get(i);
      } else {
        throw new OptionException(key + ": a value is missing behind --" + key);
      }
      values.put(key, option.check(value, "--" + key));
    }
    return values;
  }

  private static Map<String, String> environment(
      Map<String, String> environment, List<String> unknown) {
    Map<String, DaemonOption> byVariable = new TreeMap<>();
    DaemonOptions.all().forEach(option -> byVariable.put(option.variable(), option));
    Map<String, String> values = new LinkedHashMap<>();
    new TreeMap<>(environment)
        .forEach((variable, value) -> {
          DaemonOption option = byVariable.get(variable);
          if (option != null) {
            values.put(option.key(), option.check(value, variable));
          } else if (variable.startsWith(PREFIX) && !CLIENT_VARIABLES.contains(variable)) {
            unknown.add(variable + ": no such option");
          }
        });
    String node = environment.getOrDefault("K8S_NODE_NAME", "");
    if (!node.isEmpty()) {
      values.putIfAbsent("node-name", node);
    }
    return values;
  }

  private static Map<String, String> files(Map<String, String> above, List<String> unknown) {
    String file = above.getOrDefault("config", "");
    String folder = above.getOrDefault("config-dir", "");
    if (!file.isEmpty() && !folder.isEmpty()) {
      throw new OptionException("config-dir: either a folder or a file (config), not both");
    }
    Map<String, String> raw = new TreeMap<>();
    try {
      if (!folder.isEmpty()) {
        readFolder(Path.of(folder), raw);
      } else if (!file.isEmpty()) {
        readFile(Path.of(file), raw);
      }
    } catch (IOException e) {
      throw new OptionException(
          (folder.isEmpty() ? "config: " : "config-dir: ") + "cannot be read: " + e.getMessage());
    }
    String from = folder.isEmpty() ? file : folder;
    Map<String, String> values = new LinkedHashMap<>();
    raw.forEach((key, value) -> {
      Optional<DaemonOption> option = DaemonOptions.find(key);
      if (option.isPresent()) {
        values.put(key, option.get().check(value, from));
      } else {
        unknown.add(key + ": no such option, in " + from);
      }
    });
    return values;
  }

  /** A file an option, as a mounted ConfigMap is; its own folders begin with dots. */
  private static void readFolder(Path folder, Map<String, String> raw) throws IOException {
    List<Path> files;
    try (Stream<Path> found = Files.list(folder)) {
      files = found.filter(Files::isRegularFile).toList();
    }
    for (Path file : files) {
      String key = file.getFileName().toString();
      if (!key.startsWith(".")) {
        raw.put(key, read(file));
      }
    }
  }

  /** A map of YAML, of a scalar a key. An empty file sets nothing. */
  private static void readFile(Path file, Map<String, String> raw) throws IOException {
    JsonNode tree;
    try {
      tree = YAML.readTree(read(file));
    } catch (JacksonException e) {
      throw new OptionException("config: " + file + ": " + oneLine(e));
    }
    if (tree.isMissingNode() || tree.isNull()) {
      return;
    }
    if (!tree.isObject()) {
      throw new OptionException("config: " + file + ": wanted \"key: value\" lines");
    }
    for (Map.Entry<String, JsonNode> entry : tree.properties()) {
      if (!entry.getValue().isValueNode()) {
        throw new OptionException(entry.getKey() + ": not a single value, in " + file);
      }
      raw.put(entry.getKey(), entry.getValue().asString());
    }
  }

  private static String oneLine(JacksonException e) {
    TokenStreamLocation at = e.getLocation();
    String text = String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse("no YAML");
    return (at == null ? "" : "line " + at.getLineNr() + ": ") + text;
  }

  private static String read(Path file) throws IOException {
    if (Files.size(file) > MAX_BYTES) {
      throw new IOException(file + ": more than " + MAX_BYTES + " bytes");
    }
    return Files.readString(file);
  }

  // ---- values ----

  String text(String key) {
    String value = values.get(key);
    if (value == null) {
      throw new IllegalArgumentException(key + ": no such option");
    }
    return value;
  }

  boolean isOn(String key) {
    return Boolean.parseBoolean(text(key));
  }

  List<String> names(String key) {
    return Stream.of(text(key).split("[,\\s]+")).filter(name -> !name.isEmpty()).toList();
  }

  int number(String key) {
    return Integer.parseInt(text(key));
  }

  Duration duration(String key) {
    Duration sum = Duration.ZERO;
    for (Matcher part = DURATION_PART.matcher(text(key)); part.find(); ) {
      long count = Long.parseLong(part.group(1));
      sum =
          sum.plus(
              switch (part.group(2)) {
                case "ms" -> Duration.ofMillis(count);
                case "s" -> Duration.ofSeconds(count);
                case "m" -> Duration.ofMinutes(count);
                default -> Duration.ofHours(count);
              });
    }
    return sum;
  }

  /** The options of an implementation, which only that one knows: {@code KEY=VALUE;KEY=VALUE}. */
  Map<String, String> pairs(String key) {
    Map<String, String> pairs = new TreeMap<>();
    for (String pair : text(key).isEmpty() ? new String[0] : text(key).split(";", -1)) {
      int equals = pair.indexOf('=');
      if (equals < 1 || pairs.put(pair.substring(0, equals), pair.substring(equals + 1)) != null) {
        throw new OptionException(key + ": \"" + text(key) + "\": wanted KEY=VALUE;KEY=VALUE");
      }
    }
    return pairs;
  }

  /** A {@code HOST:PORT}; without a host it is every address. */
  InetSocketAddress address(String key) {
    String text = text(key);
    try {
      int colon = text.lastIndexOf(':');
      String host = text.substring(0, colon).replaceAll("^\\[(.*)]$", "$1");
      int port = Integer.parseInt(text.substring(colon + 1));
      return host.isEmpty() ? new InetSocketAddress(port) : new InetSocketAddress(host, port);
    } catch (IllegalArgumentException e) {
      throw new OptionException(key + ": " + text + ": " + e.getMessage());
    }
  }

  /** Paths with commas between them. */
  List<Path> paths(String key) {
    return Stream.of(text(key).split(",", -1))
        .filter(each -> !each.isBlank())
        .map(each -> Path.of(each.strip()))
        .toList();
  }

  Path path(String key) {
    return Path.of(text(key));
  }
}
