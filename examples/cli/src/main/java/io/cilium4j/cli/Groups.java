// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import java.util.Optional;

/** The groups of commands. Nothing of a group is loaded before it is asked for. */
final class Groups {
  private Groups() {}

  /** What {@code cilium --help} prints. */
  static String help() {
    return """
    cilium: looks at and changes what Cilium4j does on this machine.

      cilium policy …     what policies say: check them, ask for verdicts

    cilium GROUP --help lists the commands of a group, cilium GROUP COMMAND --help explains one.
    """;
  }

  /** The group of this name. */
  static Optional<CommandGroup> find(String name) {
    return switch (name) {
      case "policy" -> Optional.of(new PolicyCommands());
      default -> Optional.empty();
    };
  }
}
