// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.status.MonitorCommand;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * {@code cilium completion}: scripts by which shells complete commands. A script asks back, with
 * the words so far, what may come next; so it knows what the commands know, and the ids of this
 * node's endpoints.
 */
final class CompletionCommand implements CommandGroup {
  /** What is answered where file names are wanted. */
  private static final String FILES = ":files";

  /** What is answered for a program of its own; the script asks it. */
  private static final String PROGRAM = ":program";

  private static final List<String> PROGRAMS = List.of("agent", "cleanup", "flows", "operator");

  private final List<String> names;
  private final Function<String, Optional<CommandGroup>> groups;

  /**
   * Completion of commands.
   *
   * @param names of all groups
   * @param groups finds the group of a name
   */
  CompletionCommand(List<String> names, Function<String, Optional<CommandGroup>> groups) {
    this.names = names;
    this.groups = groups;
  }

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec("", "[bash | zsh | fish]", 0, 1, "print a completion script", List.of()),
        new CommandSpec(
            "words",
            "-- WORD…",
            0,
            Integer.MAX_VALUE,
            "list completions of the last word; the scripts use it",
            List.of()));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Console console = session.console();
    if (command.equals("words")) {
      List<String> words = arguments.operands();
      next(joined(words), session).forEach(console::line);
      return 0;
    }
    String shell = arguments.operands().isEmpty() ? "bash" : arguments.operand();
    console.print(
        switch (shell) {
          case "bash" -> BASH;
          case "zsh" -> "#compdef cilium\nautoload -U bashcompinit\nbashcompinit\n" + BASH;
          case "fish" -> FISH;
          default -> throw arguments.wrong(shell + ": wanted bash, zsh or fish");
        });
    return 0;
  }

  /** A shell that breaks words at an equals sign gives {@code --a=b} as three. */
  private static List<String> joined(List<String> words) {
    List<String> joined = new ArrayList<>();
    boolean isValue = false;
    for (String word : words) {
      if (word.equals("=") && !joined.isEmpty() && joined.getLast().startsWith("--")) {
        isValue = joined.add("");
      } else if (isValue) {
        joined.set(joined.size() - 1, word);
        isValue = false;
      } else {
        joined.add(word);
      }
    }
    return joined;
  }

  /** What may stand in place of the last word. */
  private Stream<String> next(List<String> words, Session session) {
    String begun = words.isEmpty() ? "" : words.getLast();
    List<String> before = new ArrayList<>(words.subList(0, Math.max(0, words.size() - 1)));
    for (int i = 0; i < before.size(); i++) {
      Option global = global(before.get(i));
      if (global != null) {
        if (!global.isSwitch() && i + 1 == before.size()) {
          return value(global, session);
        }
        before.subList(i, Math.min(before.size(), global.isSwitch() ? i + 1 : i + 2)).clear();
        i--;
      }
    }
    if (before.isEmpty()) {
      return begun.startsWith("-")
          ? Stream.concat(Stream.of("--version"), names(Help.GLOBAL))
          : names.stream();
    }
    String name = before.removeFirst();
    if (PROGRAMS.contains(name)) {
      return Stream.of(PROGRAM);
    }
    return groups.apply(name).stream()
        .flatMap(group -> ofGroup(name, group, before, begun, session));
  }

  private static @Nullable Option global(String word) {
    return Help.GLOBAL.stream()
        .filter(each -> each.isCalled(word) && !each.name().equals("--help"))
        .findFirst()
        .orElse(null);
  }

  private static Stream<String> ofGroup(
      String name, CommandGroup group, List<String> before, String begun, Session session) {
    Optional<CommandSpec> found = group.find(before);
    var next = new TreeSet<String>();
    String path = String.join(" ", before);
    for (CommandSpec spec : group.commands()) {
      String rest = path.isEmpty() ? spec.name() : after(spec.name(), path + " ");
      if (!rest.isEmpty()) {
        next.add(rest.split(" ", 2)[0]);
      }
    }
    if (found.isEmpty()) {
      return next.stream();
    }
    CommandSpec spec = found.get();
    Optional<Option> open =
        before.isEmpty()
            ? Optional.empty()
            : spec.options().stream()
                .filter(each -> !each.isSwitch() && each.isCalled(before.getLast()))
                .findFirst();
    if (open.isPresent()) {
      return value(open.get(), session);
    }
    if (begun.startsWith("-")) {
      return Stream.concat(names(spec.options()), names(Help.GLOBAL));
    }
    boolean isFirstOperand = before.size() == spec.words();
    return Stream.concat(
        isFirstOperand || spec.maxOperands() > 1 ? operands(name, spec, session) : Stream.of(),
        next.stream());
  }

  private static String after(String name, String begin) {
    return name.startsWith(begin) ? name.substring(begin.length()) : "";
  }

  private static Stream<String> names(List<Option> options) {
    return options.stream().map(Option::name);
  }

  private static Stream<String> value(Option option, Session session) {
    String kind = option.value().replace("…", "");
    return switch (kind) {
      case "FILE", "PATH", "DIR", "SOURCE", "URI" -> Stream.of(FILES);
      case "FORMAT" -> Stream.of("json", "yaml", "jsonpath=");
      case "ID", "ENDPOINT" -> endpoints(session);
      case "TYPE" -> MonitorCommand.TYPES.stream();
      case "VERDICT" -> Stream.of("allowed", "denied");
      case "PEER" -> Stream.of("reserved:host", "reserved:world", "reserved:remote-node");
      default -> Stream.of();
    };
  }

  private static Stream<String> operands(String group, CommandSpec spec, Session session) {
    String operands = spec.operands();
    if (operands.startsWith("FILE") || operands.startsWith("PATH") || operands.startsWith("<")) {
      return Stream.of(FILES);
    }
    if (operands.startsWith("ENDPOINT")) {
      return endpoints(session);
    }
    if (operands.startsWith("[bash")) {
      return Stream.of("bash", "zsh", "fish");
    }
    return group.equals("identity") && operands.startsWith("ID")
        ? ids(session, "/identity")
        : Stream.of();
  }

  private static Stream<String> endpoints(Session session) {
    return ids(session, "/endpoint");
  }

  /** None where no agent answers: a person who presses a key is told no error. */
  private static Stream<String> ids(Session session, String path) {
    try {
      return session.agent().get(path).items().stream().map(each -> each.get("id").text());
    } catch (IOException | CommandException e) {
      return Stream.of();
    }
  }

  private static final String BASH =
      """
      # bash completion for cilium
      _cilium() {
        local IFS=$'\\n' answer current=${COMP_WORDS[COMP_CWORD]}
        [ "$current" != = ] || current=
        answer=$("${COMP_WORDS[0]}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
        case $answer in
          :files)
            compopt -o filenames 2>/dev/null
            COMPREPLY=($(compgen -f -- "$current"))
            return
            ;;
          :program)
            answer=$("${COMP_WORDS[0]}" "${COMP_WORDS[1]}" --help 2>/dev/null | grep -o -- '--[a-z][a-z0-9-]*')
            case ${COMP_WORDS[COMP_CWORD-1]} in
              --*-path | --*-dir | --config)
                compopt -o filenames 2>/dev/null
                COMPREPLY=($(compgen -f -- "$current"))
                return
                ;;
            esac
            ;;
        esac
        COMPREPLY=($(compgen -W "$answer" -- "$current"))
        [ "${COMPREPLY[*]}" != jsonpath= ] || compopt -o nospace 2>/dev/null
      }
      complete -F _cilium cilium
      """;

  private static final String FISH =
      """
      # fish completion for cilium
      function __cilium_words
        set -l words (commandline -opc) (commandline -ct)
        set -l answer ($words[1] completion words -- $words[2..-1] 2>/dev/null)
        switch "$answer"
          case :files
            __fish_complete_path (commandline -ct)
          case :program
            $words[1] $words[2] --help 2>/dev/null | string match -ra -- '--[a-z][a-z0-9-]*'
          case '*'
            printf '%s\\n' $answer
        end
      end
      complete -c cilium -f -a '(__cilium_words)'
      """;
}
