// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** {@code cilium completion}: scripts that complete commands, made of what the commands say. */
final class CompletionCommand implements CommandGroup {

  @Override
  public List<Spec> commands() {
    return List.of(
        new Spec("", "[bash | zsh | fish]", 0, 1, "prints a completion script", List.of()));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Map<String, Set<String>> words = words();
    String shell = arguments.operands().isEmpty() ? "bash" : arguments.operand();
    session
        .console()
        .print(
            switch (shell) {
              case "bash" -> bash(words);
              case "zsh" ->
                  "#compdef cilium\nautoload -U bashcompinit\nbashcompinit\n" + bash(words);
              case "fish" -> fish(words);
              default -> throw arguments.wrong(shell + ": wanted bash, zsh or fish");
            });
    return 0;
  }

  /** What may stand behind which words: commands first, options behind a whole command. */
  private static Map<String, Set<String>> words() {
    Map<String, Set<String>> words = new TreeMap<>();
    for (String name : Groups.NAMES) {
      add(words, "", name);
      var group = Groups.find(name);
      if (group.isEmpty()) {
        continue;
      }
      for (Spec spec : group.get().commands()) {
        String path = name;
        for (String word : spec.name().isEmpty() ? new String[0] : spec.name().split(" ", -1)) {
          add(words, path, word);
          path += " " + word;
        }
        for (Option option : spec.options()) {
          add(words, path, option.name());
        }
      }
    }
    return words;
  }

  private static void add(Map<String, Set<String>> words, String path, String word) {
    words.computeIfAbsent(path, _ -> new TreeSet<>()).add(word);
  }

  private static String bash(Map<String, Set<String>> words) {
    String cases =
        words.entrySet().stream()
            .map(each -> "    '%s') next='%s' ;;%n".formatted(each.getKey(), join(each.getValue())))
            .collect(Collectors.joining());
    return """
    # bash completion for cilium
    _cilium() {
      local path='' next='' word
      for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
          -*) ;;
          *) path="${path:+$path }$word" ;;
        esac
      done
      case $path in
    %s  esac
      COMPREPLY=($(compgen -W "$next" -- "${COMP_WORDS[COMP_CWORD]}"))
    }
    complete -F _cilium cilium
    """
        .formatted(cases);
  }

  private static String fish(Map<String, Set<String>> words) {
    var text = new StringBuilder("# fish completion for cilium\ncomplete -c cilium -f\n");
    words.forEach((path, next) -> {
      String condition =
          path.isEmpty()
              ? "__fish_use_subcommand"
              : "string match -q -- '%s' (commandline -poc | string match -v -- '-*' | string collect | string replace -a \\\\n ' ')"
                  .formatted("cilium " + path);
      next.stream()
          .filter(word -> !word.startsWith("-"))
          .forEach(word ->
              text.append("complete -c cilium -n \"%s\" -a '%s'%n".formatted(condition, word)));
      next.stream()
          .filter(word -> word.startsWith("--"))
          .forEach(word ->
              text.append(
                  "complete -c cilium -n \"%s\" -l '%s'%n"
                      .formatted(condition, word.substring(2))));
    });
    return text.toString();
  }

  private static String join(Set<String> words) {
    return String.join(" ", words);
  }
}
