// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.CommandGroup.Spec;
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
  /** The answer is bad news, or something could not be read. */
  static final int FAILED = 1;

  /** The command line makes no sense. */
  static final int MISUSED = 2;

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
      return MISUSED;
    } catch (InvalidPathException e) {
      console.error(String.valueOf(e.getMessage()));
      return MISUSED;
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
    return FAILED;
  }

  private int dispatch(List<String> args, Session session) throws IOException {
    if (args.isEmpty() || isHelp(args.getFirst())) {
      return help(args);
    }
    String groupName = args.getFirst().equals("--version") ? "version" : args.getFirst();
    CommandGroup group = group(groupName);
    List<String> rest = args.subList(1, args.size());
    Optional<Spec> found = longest(group, rest);
    if (found.isEmpty()) {
      return explain(groupName, group, rest);
    }
    Spec spec = found.get();
    List<String> words = rest.subList(wordsOf(spec), rest.size());
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
      return args.isEmpty() ? MISUSED : 0;
    }
    CommandGroup group = group(args.get(1));
    Optional<Spec> spec = longest(group, args.subList(2, args.size()));
    console.print(
        spec.isPresent() ? Help.of(args.get(1), group, spec.get()) : Help.of(args.get(1), group));
    return 0;
  }

  /** No command of the group is named: help, if that is what is asked for, or nothing is. */
  private int explain(String groupName, CommandGroup group, List<String> rest) {
    boolean helpAsked = rest.stream().anyMatch(Cli::isHelp);
    if (rest.isEmpty() || helpAsked) {
      console.print(Help.of(groupName, group));
      return helpAsked ? 0 : MISUSED;
    }
    String begun = String.join(" ", rest) + " ";
    if (group.commands().stream().anyMatch(spec -> spec.name().startsWith(begun))) {
      console.print(Help.of(groupName, group));
      return MISUSED;
    }
    throw new UsageException(
        "unknown command %s %s; cilium %s lists them"
            .formatted(groupName, rest.getFirst(), groupName));
  }

  /** The command whose name has the most of the words that come first. */
  static Optional<Spec> longest(CommandGroup group, List<String> words) {
    Spec longest = null;
    for (Spec spec : group.commands()) {
      int count = wordsOf(spec);
      if (count <= words.size()
          && isNamed(spec, words.subList(0, count))
          && (longest == null || wordsOf(longest) < count)) {
        longest = spec;
      }
    }
    return Optional.ofNullable(longest);
  }

  /** {@code ls} is {@code list}, as everywhere in this field. */
  private static boolean isNamed(Spec spec, List<String> words) {
    String name = String.join(" ", words);
    return name.equals(spec.name())
        || (name.endsWith("ls") && spec.name().equals(name.replaceFirst("\\bls$", "list")));
  }

  static int wordsOf(Spec spec) {
    return spec.name().isEmpty() ? 0 : spec.name().split(" ", -1).length;
  }

  private static boolean isHelp(String word) {
    return word.equals("--help") || word.equals("-h") || word.equals("help");
  }
}
