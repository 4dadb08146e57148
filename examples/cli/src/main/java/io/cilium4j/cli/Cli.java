// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;

/** Finds the command that a command line names, and runs it. */
final class Cli {
  /** The answer is bad news, or something could not be read. */
  static final int FAILED = 1;

  /** The command line makes no sense. */
  static final int MISUSED = 2;

  private final Console console;

  Cli(Console console) {
    this.console = console;
  }

  /** Runs a command line; the result is the exit code. Never throws for what a user can cause. */
  int run(List<String> args) {
    try {
      return dispatch(args);
    } catch (UsageException e) {
      console.error(e.getMessage());
      return MISUSED;
    } catch (CommandException e) {
      console.error(e.getMessage());
      return FAILED;
    } catch (IOException e) {
      console.error(e.getClass().getSimpleName() + ": " + e.getMessage());
      return FAILED;
    } catch (UncheckedIOException e) {
      console.error(String.valueOf(e.getMessage()));
      return FAILED;
    }
  }

  private int dispatch(List<String> args) throws IOException {
    if (args.isEmpty() || isHelp(args.getFirst())) {
      console.print(Groups.help());
      return args.isEmpty() ? MISUSED : 0;
    }
    String groupName = args.getFirst();
    CommandGroup group =
        Groups.find(groupName)
            .orElseThrow(() ->
                new UsageException("unknown command " + groupName + "; cilium --help lists them"));
    List<String> rest = args.subList(1, args.size());
    if (rest.isEmpty() || isHelp(rest.getFirst())) {
      console.print(Help.of(groupName, group));
      return rest.isEmpty() ? MISUSED : 0;
    }
    String name = rest.getFirst();
    Optional<CommandGroup.Spec> spec =
        group.commands().stream().filter(each -> each.name().equals(name)).findFirst();
    if (spec.isEmpty()) {
      throw new UsageException(
          "unknown command " + groupName + " " + name + "; cilium " + groupName + " lists them");
    }
    List<String> words = rest.subList(1, rest.size());
    if (words.stream().anyMatch(Cli::isHelp)) {
      console.print(Help.of(groupName, spec.get()));
      return 0;
    }
    return group.run(name, Arguments.parse(groupName, spec.get(), words), console);
  }

  private static boolean isHelp(String word) {
    return word.equals("--help") || word.equals("-h") || word.equals("help");
  }
}
