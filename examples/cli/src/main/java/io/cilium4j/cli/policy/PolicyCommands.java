// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.policy;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.ExitCode;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.policy.PolicyCase;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParseException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code cilium policy …}: what policies say. Those here need no agent and no cluster; {@link
 * AgentPolicyCommands} has the rest.
 */
public final class PolicyCommands implements CommandGroup {
  private static final Option COMPAT =
      new Option("--reference-compat", "", "answer as Cilium does, even where a list is empty");

  private static final List<CommandSpec> OFFLINE =
      List.of(
          new CommandSpec(
              "verdict",
              "< CASE.json",
              0,
              0,
              "decide the flows of a policy case, one JSON line each",
              List.of(new Option("--explain", "", "explain each verdict rule by rule"), COMPAT)),
          new CommandSpec(
              "validate",
              "FILE…",
              1,
              Integer.MAX_VALUE,
              "check policies in YAML or JSON files or folders; exits with 1 on an error",
              List.of(
                  new Option("--print", "", "print each policy file"),
                  new Option("--verbose", "-v", "", "print the name of each file"),
                  COMPAT)),
          new CommandSpec(
              "explain",
              "",
              0,
              0,
              "explain whether the policies of a file or folder allow a flow",
              List.of(
                  new Option("--policies", "PATH", "a file or folder of policies"),
                  new Option(
                      "--from",
                      "PEER",
                      "the sender: KEY=VALUE,… of a pod, an address, or reserved:…"),
                  new Option(
                      "--to",
                      "PEER",
                      "the receiver, in the same form, or fqdn:NAME for an address of a name"),
                  new Option(
                      "--port", "PORT/PROTOCOL", "for example 80/TCP; for ICMP its type: 8/ICMP"),
                  new Option(
                      "--namespace", "NAME", "namespace of pods that name none; default: default"),
                  new Option(
                      "--http",
                      "REQUEST",
                      "a request in the flow, for example \"POST /v1/orders\""),
                  new Option("--host", "HOST", "the host that the request asks for"),
                  new Option("--header", "HEADER…", "a header of the request, NAME: VALUE"),
                  new Option("--dns", "NAME", "a name that is asked for in the flow"),
                  new Option(
                      "--expect",
                      "VERDICT",
                      "allowed or denied; exits with 1 on the other verdict"),
                  COMPAT)),
          new CommandSpec(
              "suggest",
              "FLOWS",
              1,
              1,
              "print the smallest policies that allow the flows in a file of Hubble flows",
              List.of(
                  new Option("--namespace", "NAME", "only for pods of this namespace"),
                  new Option("--kubernetes", "", "print the kind NetworkPolicy"))),
          new CommandSpec(
              "replay",
              "FLOWS",
              1,
              1,
              "list the flows in a file of Hubble flows that other policies would decide otherwise",
              List.of(new Option("--policies", "PATH", "a file or folder of policies"), COMPAT)));

  @Override
  public List<CommandSpec> commands() {
    var specs = new ArrayList<>(AgentPolicyCommands.SPECS);
    specs.addAll(OFFLINE);
    return specs;
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    if (OFFLINE.stream().noneMatch(each -> each.name().equals(command))) {
      return AgentPolicyCommands.run(command, arguments, session);
    }
    Console console = session.console();
    PolicyConfig config =
        PolicyConfig.DEFAULT.toBuilder().referenceCompat(arguments.has(COMPAT.name())).build();
    return switch (command) {
      case "verdict" -> verdict(arguments, console, config);
      case "validate" -> validate(arguments, console, config);
      case "explain" -> new ExplainCommand(config).run(arguments, console);
      case "suggest" -> SuggestCommand.run(arguments, console);
      case "replay" -> new ReplayCommand(config).run(arguments, console);
      default -> throw new IllegalArgumentException(command);
    };
  }

  private static int verdict(Arguments arguments, Console console, PolicyConfig config)
      throws IOException {
    // Cases say what the node's own processes may; unsaid they are a peer as any other.
    PolicyConfig base = config.withoutLocalhostAccess();
    PolicyCase policyCase;
    try {
      policyCase = PolicyCase.parse(console.readInput(), "standard input", base);
    } catch (PolicyParseException e) {
      throw new CommandException(e.getMessage(), e);
    }
    List<String> lines =
        arguments.has("--explain") ? policyCase.explanations() : policyCase.answers();
    lines.forEach(console::line);
    return 0;
  }

  private static int validate(Arguments arguments, Console console, PolicyConfig config)
      throws IOException {
    boolean isWrong = false;
    for (String operand : arguments.operands()) {
      Path path = Path.of(operand);
      try {
        isWrong |= validate(path, arguments, console, config);
      } catch (IOException | CommandException e) {
        // The others are checked all the same.
        console.line(TextTable.clean(String.valueOf(e.getMessage())));
        isWrong = true;
      }
    }
    return isWrong ? ExitCode.FAILED : 0;
  }

  private static boolean validate(
      Path path, Arguments arguments, Console console, PolicyConfig config) throws IOException {
    boolean isPrinted = arguments.has("--print") || arguments.has("--verbose");
    for (Path file : isPrinted ? PolicyFiles.files(path) : List.<Path>of()) {
      if (arguments.has("--verbose")) {
        console.line(TextTable.clean(file.toString()));
      }
      if (arguments.has("--print")) {
        console.print(console.read(file));
      }
    }
    PolicyFiles files = PolicyFiles.read(path, console, config);
    files.errors().forEach(console::line);
    files.warnings().forEach(console::line);
    return !files.errors().isEmpty();
  }
}
