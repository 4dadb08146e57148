// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentBuilder;
import io.cilium4j.daemon.DaemonOption.Adder;
import io.cilium4j.daemon.DaemonOption.Group;
import io.cilium4j.daemon.DaemonOption.Kind;
import io.cilium4j.identity.LabelFilter;
import io.cilium4j.identity.LabelFilter.Prefix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Which labels make identities, as options say. */
final class LabelOptions {
  private static final String LABELS = "labels";
  private static final String NODE_LABELS = "node-labels";
  private static final String PREFIX_FILE = "label-prefix-file";
  private static final String NODE_SELECTORS = "enable-node-selector-labels";

  /** Largest file: that of a whole ConfigMap. */
  private static final long MAX_BYTES = 1 << 20;

  private static final JsonMapper JSON = JsonMapper.builder().build();

  private LabelOptions() {}

  /** Adds the options of labels. */
  static void addTo(Adder all) {
    all.add(
        Group.CLUSTER,
        LABELS,
        Kind.TEXT,
        "",
        "labels that make identities, besides the built-in list: [SOURCE:][!]REGEX …");
    all.add(
        Group.CLUSTER,
        PREFIX_FILE,
        Kind.PATH,
        "",
        "JSON file of label prefixes that make identities, in the place of the built-in list");
    all.add(
        Group.CLUSTER,
        NODE_SELECTORS,
        Kind.TRUTH,
        "false",
        "let policies select nodes by label (fromNodes, toNodes); the operator needs it, too");
    all.add(
        Group.CLUSTER,
        NODE_LABELS,
        Kind.TEXT,
        "",
        "labels of nodes that policies can select: [SOURCE:][!]REGEX …; default: all");
  }

  /**
   * Tells the agent.
   *
   * @throws OptionException if a pattern, or the file, is wrong
   */
  static void choose(AgentBuilder<Agent> builder, DaemonSettings settings) {
    if (settings.text(PREFIX_FILE).isEmpty()) {
      read(settings, LABELS, builder::identityLabels);
    } else {
      List<Prefix> list = prefixes(settings.path(PREFIX_FILE));
      read(settings, LABELS, patterns -> builder.identityLabels(LabelFilter.of(list, patterns)));
    }
    if (settings.isOn(NODE_SELECTORS)) {
      read(settings, NODE_LABELS, builder::nodeLabels);
    }
  }

  private static void read(DaemonSettings settings, String key, Consumer<List<String>> patterns) {
    try {
      patterns.accept(settings.names(key));
    } catch (IllegalArgumentException e) {
      throw new OptionException(key + ": " + e.getMessage());
    }
  }

  /** A list as Cilium has it: {@code {"version": 1, "valid-prefixes": [{"prefix": …}]}}. */
  private static List<Prefix> prefixes(Path file) {
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw new OptionException(
            PREFIX_FILE + ": " + file + ": more than " + MAX_BYTES + " bytes");
      }
      JsonNode tree = JSON.readTree(Files.readAllBytes(file));
      if (tree.path("version").asInt(0) != 1 || !tree.path("valid-prefixes").isArray()) {
        throw new OptionException(
            PREFIX_FILE + ": " + file + ": wanted {\"version\": 1, \"valid-prefixes\": […]}");
      }
      List<Prefix> list = new ArrayList<>();
      for (JsonNode each : tree.path("valid-prefixes")) {
        list.add(
            new Prefix(
                each.path("invert").asBoolean(false),
                each.path("source").asString(""),
                each.path("prefix").asString("")));
      }
      var _ = LabelFilter.of(list, List.of()); // What is wrong is the file's.
      return list;
    } catch (IOException e) {
      throw new OptionException(PREFIX_FILE + ": cannot be read: " + e.getMessage());
    } catch (JacksonException e) {
      throw new OptionException(PREFIX_FILE + ": " + file + ": no JSON");
    } catch (IllegalArgumentException e) {
      throw new OptionException(PREFIX_FILE + ": " + file + ": " + e.getMessage());
    }
  }
}
