// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.CommandGroup.Option;
import io.cilium4j.cli.CommandGroup.Spec;
import java.util.stream.Collectors;

/** Writes help out of what commands say of themselves. */
final class Help {
  private Help() {}

  /** The commands of a group, one a line. */
  static String of(String name, CommandGroup group) {
    int width = group.commands().stream().mapToInt(spec -> spec.name().length()).max().orElse(0);
    return group.commands().stream()
        .map(spec ->
            "  cilium %s %s   %s%n".formatted(name, pad(spec.name(), width), spec.summary()))
        .collect(Collectors.joining());
  }

  /** One command with its options. */
  static String of(String group, Spec spec) {
    var text = new StringBuilder("cilium ").append(group).append(' ').append(spec.name());
    if (!spec.options().isEmpty()) {
      text.append(" [OPTION…]");
    }
    if (!spec.operands().isEmpty()) {
      text.append(' ').append(spec.operands());
    }
    text.append("\n\n").append(spec.summary()).append("\n\n");
    int width = spec.options().stream().mapToInt(option -> shown(option).length()).max().orElse(0);
    for (Option option : spec.options()) {
      text.append("  ")
          .append(pad(shown(option), width))
          .append("   ")
          .append(option.summary())
          .append('\n');
    }
    return text.toString();
  }

  private static String shown(Option option) {
    return option.isSwitch() ? option.name() : option.name() + " " + option.value();
  }

  private static String pad(String text, int width) {
    return text + " ".repeat(width - text.length());
  }
}
