// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

import java.util.List;
import java.util.stream.Stream;

/**
 * What a command is called with.
 *
 * @param name its name within the group
 * @param operands the arguments that are no options, for help; empty for none
 * @param minOperands how many of them there must be
 * @param maxOperands how many of them there may be
 * @param summary one line
 * @param options its options
 */
public record CommandSpec(
    String name,
    String operands,
    int minOperands,
    int maxOperands,
    String summary,
    List<Option> options) {
  public CommandSpec {
    options = List.copyOf(options);
  }

  /** The same command with more options. */
  public CommandSpec with(List<Option> more) {
    return new CommandSpec(
        name,
        operands,
        minOperands,
        maxOperands,
        summary,
        Stream.concat(options.stream(), more.stream()).toList());
  }

  /** A command without operands. */
  public CommandSpec(String name, String summary, Option... options) {
    this(name, "", 0, 0, summary, List.of(options));
  }

  /** A command with exactly one operand. */
  public CommandSpec(String name, String operand, String summary, Option... options) {
    this(name, operand, 1, 1, summary, List.of(options));
  }

  /** How many words its name has. */
  public int words() {
    return name.isEmpty() ? 0 : name.split(" ", -1).length;
  }

  /** Whether it has this name; {@code ls} is {@code list}, as in Cilium. */
  public boolean isCalled(List<String> words) {
    String called = String.join(" ", words);
    return called.equals(name)
        || (called.endsWith("ls") && name.equals(called.replaceFirst("\\bls$", "list")));
  }
}
