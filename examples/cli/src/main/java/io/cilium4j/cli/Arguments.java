// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.CommandGroup.Option;
import io.cilium4j.cli.CommandGroup.Spec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What stands behind a command. Options may stand anywhere, as {@code --name value} or {@code
 * --name=value}; behind {@code --} everything is an operand.
 */
final class Arguments {
  private final String command;
  private final Map<String, String> options;
  private final List<String> operands;

  private Arguments(String command, Map<String, String> options, List<String> operands) {
    this.command = command;
    this.options = Map.copyOf(options);
    this.operands = List.copyOf(operands);
  }

  /** Reads the words behind a command; what does not fit its specification is refused. */
  static Arguments parse(String group, Spec spec, List<String> words) {
    String command = "cilium " + group + " " + spec.name();
    Map<String, String> options = new HashMap<>();
    List<String> operands = new ArrayList<>();
    for (int i = 0; i < words.size(); i++) {
      String word = words.get(i);
      if (word.equals("--")) {
        operands.addAll(words.subList(i + 1, words.size()));
        break;
      }
      if (!word.startsWith("-") || word.equals("-")) {
        operands.add(word);
        continue;
      }
      int equals = word.indexOf('=');
      String name = equals < 0 ? word : word.substring(0, equals);
      Option option =
          spec.options().stream()
              .filter(each -> each.name().equals(name))
              .findFirst()
              .orElseThrow(() -> misuse(command, "unknown option " + name));
      String value = "";
      if (option.isSwitch()) {
        if (equals >= 0) {
          throw misuse(command, "option " + name + " takes no value");
        }
      } else if (equals >= 0) {
        value = word.substring(equals + 1);
      } else if (++i < words.size()) {
        value = words.get(i);
      } else {
        throw misuse(command, "option " + name + ": wanted " + option.value() + " behind it");
      }
      if (options.put(name, value) != null) {
        throw misuse(command, "option " + name + " twice");
      }
    }
    if (operands.size() < spec.minOperands() || operands.size() > spec.maxOperands()) {
      throw misuse(
          command,
          spec.operands().isEmpty()
              ? "unexpected " + operands.getFirst()
              : operands.size() + " operands, wanted " + spec.operands());
    }
    return new Arguments(command, options, operands);
  }

  private static UsageException misuse(String command, String what) {
    return new UsageException(what + "; see " + command + " --help");
  }

  /** The arguments that are no options. */
  List<String> operands() {
    return operands;
  }

  /** Whether a switch or option is given. */
  boolean has(String option) {
    return options.containsKey(option);
  }

  /** The value of an option, if it is given. */
  Optional<String> find(String option) {
    return Optional.ofNullable(options.get(option));
  }

  /** The value of an option that must be given. */
  String need(String option) {
    return find(option).orElseThrow(() -> misuse(command, "option " + option + " is missing"));
  }

  /** What is wrong with an option's value. */
  UsageException wrong(String option, String wanted) {
    return misuse(
        command, "option " + option + " " + find(option).orElse("") + ": wanted " + wanted);
  }
}
