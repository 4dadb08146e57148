// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentBuilder;
import io.cilium4j.daemon.DaemonOption.Adder;
import io.cilium4j.daemon.DaemonOption.Group;
import io.cilium4j.daemon.DaemonOption.Kind;
import java.util.List;
import java.util.function.Consumer;

/** Which labels make identities, as options say. */
final class LabelOptions {
  private static final String LABELS = "labels";
  private static final String NODE_LABELS = "node-labels";
  private static final String NODE_SELECTORS = "enable-node-selector-labels";

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
   * @throws OptionException if a pattern is wrong
   */
  static void choose(AgentBuilder<Agent> builder, DaemonSettings settings) {
    read(settings, LABELS, builder::identityLabels);
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
}
