// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.TextTable;
import java.util.List;

/** Writes help out of what commands say of themselves. */
final class Help {
  static final List<Option> GLOBAL =
      List.of(
          new Option("--host", "-H", "URI", "the agent's socket, unix:///PATH; or set CILIUM_SOCK"),
          new Option(
              "--config",
              "FILE",
              "configuration file with host: and debug:; default ~/.cilium.yaml"),
          new Option("--debug", "-D", "", "print the details of an error"));

  private Help() {}

  /** What is typed for a command. */
  static String commandLine(String group, CommandSpec spec) {
    return "cilium " + group + (spec.name().isEmpty() ? "" : " " + spec.name());
  }

  /** The commands of a group, one a line. */
  static String of(String name, CommandGroup group) {
    var table = new TextTable();
    group.commands().forEach(spec -> table.row("  " + commandLine(name, spec), spec.summary()));
    return table.toString();
  }

  /** One command with its options; of a group's own command also the others. */
  static String of(String name, CommandGroup group, CommandSpec spec) {
    var text = new StringBuilder(commandLine(name, spec));
    if (!spec.options().isEmpty()) {
      text.append(" [OPTION…]");
    }
    if (!spec.operands().isEmpty()) {
      text.append(' ').append(spec.operands());
    }
    text.append("\n\n").append(spec.summary()).append("\n\n");
    text.append(options(spec.options()));
    text.append("\nGlobal options:\n").append(options(GLOBAL));
    if (spec.name().isEmpty() && group.commands().size() > 1) {
      text.append("\nCommands:\n").append(of(name, group));
    }
    return text.toString();
  }

  private static TextTable options(List<Option> options) {
    var table = new TextTable();
    for (Option option : options) {
      String letter = option.letter().isEmpty() ? "    " : option.letter() + ", ";
      table.row("  " + letter + option.name() + " " + option.value(), option.summary());
    }
    return table;
  }
}
