// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import java.io.IOException;
import java.util.List;

/** Commands about one thing. */
interface CommandGroup {

  /** Its commands, in the order in which help lists them. */
  List<Spec> commands();

  /**
   * Runs a command.
   *
   * @param command the name of one of {@link #commands}
   * @return the exit code
   */
  int run(String command, Arguments arguments, Console console) throws IOException;

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
  record Spec(
      String name,
      String operands,
      int minOperands,
      int maxOperands,
      String summary,
      List<Option> options) {
    public Spec {
      options = List.copyOf(options);
    }
  }

  /**
   * An option.
   *
   * @param name with its dashes
   * @param value what stands behind it, for help; empty for a switch
   * @param summary one line
   */
  record Option(String name, String value, String summary) {
    boolean isSwitch() {
      return value.isEmpty();
    }
  }
}
