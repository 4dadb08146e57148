// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What stands behind a command. Options may stand anywhere, as {@code --name value}, {@code
 * --name=value}, {@code -n value} or {@code -nvalue}; a switch also as {@code --name=true} or
 * {@code =false}. Behind {@code --} everything is an operand.
 */
public final class Arguments {
  private final String command;
  private final Map<String, List<String>> options;
  private final List<String> operands;

  private Arguments(String command, Map<String, List<String>> options, List<String> operands) {
    this.command = command;
    this.options = Map.copyOf(options);
    this.operands = List.copyOf(operands);
  }

  /**
   * Reads the words behind a command; what does not fit its specification is refused.
   *
   * @param command the whole command, for what is said when it is refused
   */
  public static Arguments parse(String command, CommandSpec spec, List<String> words) {
    Map<String, List<String>> options = new HashMap<>();
    List<String> operands = new ArrayList<>();
    for (int i = 0; i < words.size(); i++) {
      String word = words.get(i);
      if (word.equals("--")) {
        operands.addAll(words.subList(i + 1, words.size()));
        break;
      }
      // Behind a dash a digit begins a number: endpoint ids of no agent, but no option either.
      if (!word.startsWith("-") || word.length() == 1 || Character.isDigit(word.charAt(1))) {
        operands.add(word);
        continue;
      }
      int split = nameEnd(word);
      String name = word.substring(0, split);
      Option option = option(command, spec, name);
      String rest = word.substring(split);
      String given = rest.startsWith("=") ? rest.substring(1) : rest;
      if (option.isSwitch()) {
        takeSwitch(command, option, rest.isEmpty() ? "true" : given, options);
      } else if (!rest.isEmpty()) {
        put(command, option, given, options);
      } else if (++i < words.size()) {
        put(command, option, words.get(i), options);
      } else {
        throw misuse(command, "option " + name + ": needs a value, " + option.value());
      }
    }
    if (operands.size() < spec.minOperands() || operands.size() > spec.maxOperands()) {
      throw misuse(
          command,
          spec.operands().isEmpty()
              ? "unexpected " + operands.getFirst()
              : operands.size() + " operands, wanted " + spec.operands());
    }
    if ((operands.contains("") && !spec.operands().startsWith("--"))
        || options.values().stream().anyMatch(Arguments::hasEmptyItem)) {
      // An empty variable of a script, as often as not; it must not stand for everything.
      throw misuse(command, "an argument is empty");
    }
    return new Arguments(command, options, operands);
  }

  /** A switch has one empty value; a list with an item that is empty is another matter. */
  private static boolean hasEmptyItem(List<String> values) {
    return values.size() > 1 && values.contains("");
  }

  /** Where an option's name ends: at the equals sign, or behind the one letter of a short one. */
  private static int nameEnd(String word) {
    if (!word.startsWith("--")) {
      return 2;
    }
    int equals = word.indexOf('=');
    return equals < 0 ? word.length() : equals;
  }

  private static Option option(String command, CommandSpec spec, String name) {
    return spec.options().stream()
        .filter(each -> each.isCalled(name))
        .findFirst()
        .orElseThrow(() -> misuse(command, "unknown option " + name));
  }

  private static void takeSwitch(
      String command, Option option, String value, Map<String, List<String>> options) {
    switch (value) {
      case "true" -> put(command, option, "", options);
      case "false" -> {}
      default -> throw misuse(command, "option " + option.name() + " takes no value");
    }
  }

  private static void put(
      String command, Option option, String value, Map<String, List<String>> options) {
    List<String> values = options.computeIfAbsent(option.name(), _ -> new ArrayList<>());
    if (option.isList()) {
      values.addAll(List.of(value.split(",", -1)));
    } else if (values.isEmpty()) {
      values.add(value);
    } else {
      throw misuse(command, "option " + option.name() + ": given twice");
    }
  }

  private static UsageException misuse(String command, String what) {
    return new UsageException(what + "; see " + command + " --help");
  }

  /** The arguments that are no options. */
  public List<String> operands() {
    return operands;
  }

  /** The first operand; the empty text where there is none. */
  public String operand() {
    return operands.isEmpty() ? "" : operands.getFirst();
  }

  /** Whether a switch or option is given. */
  public boolean has(String option) {
    return options.containsKey(option);
  }

  /** The value of an option, if it is given. */
  public Optional<String> find(String option) {
    return Optional.ofNullable(options.get(option)).map(List::getFirst);
  }

  /** All values of an option that may have several. */
  public List<String> all(String option) {
    return options.getOrDefault(option, List.of());
  }

  /** The value of an option that must be given. */
  public String need(String option) {
    return find(option).orElseThrow(() -> misuse(command, "option " + option + " is missing"));
  }

  /** A whole number of 0 or more, or {@code otherwise} where the option is not given. */
  public long number(String option, long otherwise) {
    Optional<String> text = find(option);
    if (text.isEmpty()) {
      return otherwise;
    }
    if (!text.get().matches("[0-9]{1,18}")) {
      throw wrong(option, "a number");
    }
    return Long.parseLong(text.get());
  }

  /** What is wrong with an option's value. */
  public UsageException wrong(String option, String wanted) {
    return misuse(
        command, "option " + option + " " + String.join(",", all(option)) + ": wanted " + wanted);
  }

  /** What is wrong with the operands. */
  public UsageException wrong(String what) {
    return misuse(command, what);
  }
}
