// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.ExitCode;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.Settings;
import io.cilium4j.cli.command.UsageException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.InvalidPathException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Finds the command that a command line names, and runs it. */
final class Cli {
  private final Console console;
  private final Map<String, String> environment;

  Cli(Console console) {
    this(console, Map.of());
  }

  /**
   * A command line in an environment.
   *
   * @param environment the variables of the process
   */
  Cli(Console console, Map<String, String> environment) {
    this.console = console;
    this.environment = environment;
  }

  /** Runs a command line; the result is the exit code. Never throws for what a user can cause. */
  int run(List<String> args) {
    boolean debug = args.contains("-D") || args.contains("--debug");
    try {
      Settings.Found found = Settings.take(args, environment);
      return dispatch(found.words(), new Session(console, found.settings()));
    } catch (UsageException e) {
      console.error(e.getMessage());
      return ExitCode.MISUSED;
    } catch (InvalidPathException e) {
      console.error(String.valueOf(e.getMessage()));
      return ExitCode.MISUSED;
    } catch (CommandException e) {
      return failed(e.getMessage(), e, debug);
    } catch (IOException e) {
      return failed(e.getClass().getSimpleName() + ": " + e.getMessage(), e, debug);
    } catch (UncheckedIOException e) {
      return failed(String.valueOf(e.getMessage()), e, debug);
    }
  }

  private int failed(String line, Exception e, boolean debug) {
    console.error(line);
    if (debug) {
      var trace = new StringWriter();
      e.printStackTrace(new PrintWriter(trace));
      console.error(trace.toString());
    }
    return ExitCode.FAILED;
  }

  private int dispatch(List<String> args, Session session) throws IOException {
    if (args.isEmpty() || isHelp(args.getFirst())) {
      return help(args);
    }
    String groupName = args.getFirst().equals("--version") ? "version" : args.getFirst();
    CommandGroup group = group(groupName);
    List<String> rest = args.subList(1, args.size());
    Optional<CommandSpec> found = group.find(rest);
    if (found.isEmpty()) {
      return explain(groupName, group, rest);
    }
    CommandSpec spec = found.get();
    List<String> words = rest.subList(spec.words(), rest.size());
    if (words.stream().anyMatch(each -> each.equals("--help") || each.equals("-h"))) {
      console.print(Help.of(groupName, group, spec));
      return 0;
    }
    String command = Help.commandLine(groupName, spec);
    return group.run(spec.name(), Arguments.parse(command, spec, words), session);
  }

  private static CommandGroup group(String name) {
    return Groups.find(name)
        .orElseThrow(
            () -> new UsageException("unknown command " + name + "; cilium --help lists them"));
  }

  /** {@code cilium}, {@code cilium --help} and {@code cilium help COMMAND…}. */
  private int help(List<String> args) {
    if (args.size() < 2 || isHelp(args.get(1))) {
      console.print(Groups.help());
      return args.isEmpty() ? ExitCode.MISUSED : 0;
    }
    CommandGroup group = group(args.get(1));
    Optional<CommandSpec> spec = group.find(args.subList(2, args.size()));
    console.print(
        spec.isPresent() ? Help.of(args.get(1), group, spec.get()) : Help.of(args.get(1), group));
    return 0;
  }

  /** No command of the group is named: help, if that is what is asked for, or nothing is. */
  private int explain(String groupName, CommandGroup group, List<String> rest) {
    boolean helpAsked = rest.stream().anyMatch(Cli::isHelp);
    if (rest.isEmpty() || helpAsked) {
      console.print(Help.of(groupName, group));
      return helpAsked ? 0 : ExitCode.MISUSED;
    }
    String begun = String.join(" ", rest) + " ";
    if (group.commands().stream().anyMatch(spec -> spec.name().startsWith(begun))) {
      console.print(Help.of(groupName, group));
      return ExitCode.MISUSED;
    }
    throw new UsageException(
        "unknown command %s %s; cilium %s lists them"
            .formatted(groupName, rest.getFirst(), groupName));
  }

  private static boolean isHelp(String word) {
    return word.equals("--help") || word.equals("-h") || word.equals("help");
  }
}
