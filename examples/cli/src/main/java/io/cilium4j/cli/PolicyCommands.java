// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.policy.PolicyCase;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParseException;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PolicyWarnings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * {@code cilium policy …}: what policies say. Those here need no agent and no cluster; {@link
 * AgentPolicyCommands} has the rest.
 */
final class PolicyCommands implements CommandGroup {
  private static final Option COMPAT =
      new Option(
          "--reference-compat",
          "",
          "answer as the field's reference implementation does also where a list is empty");

  /** Most policy files in one folder. */
  private static final int MAX_FILES = 100_000;

  private static final List<Spec> OFFLINE =
      List.of(
          new Spec(
              "verdict",
              "< CASE.json",
              0,
              0,
              "decides the flows of a policy case, one JSON line a flow",
              List.of(new Option("--explain", "", "say why, rule by rule"), COMPAT)),
          new Spec(
              "validate",
              "FILE…",
              1,
              Integer.MAX_VALUE,
              "checks policies in YAML or JSON files or folders, one line an error; 1 if there is one",
              List.of(
                  new Option("--print", "", "print each policy file"),
                  new Option("--verbose", "-v", "", "name each file"),
                  COMPAT)),
          new Spec(
              "explain",
              "",
              0,
              0,
              "says whether one flow passes under the policies of a file or folder, and why",
              List.of(
                  new Option("--policies", "PATH", "a file or folder of policies"),
                  new Option(
                      "--from",
                      "PEER",
                      "who sends: KEY=VALUE,… of a pod, an address, or reserved:…"),
                  new Option("--to", "PEER", "who receives, likewise"),
                  new Option(
                      "--port", "PORT/PROTOCOL", "for example 80/TCP, or ICMP's type: 8/ICMP"),
                  new Option(
                      "--namespace", "NAME", "where pods are that name none; default: default"),
                  COMPAT)));

  @Override
  public List<Spec> commands() {
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
    int errors = 0;
    for (String operand : arguments.operands()) {
      for (Path file : files(Path.of(operand))) {
        String text = console.read(file);
        if (arguments.has("--verbose")) {
          console.line(file.toString());
        }
        if (arguments.has("--print")) {
          console.print(text);
        }
        PolicyParser.Checked checked = PolicyParser.check(text, file.toString(), config);
        checked.errors().forEach(error -> console.line(error.getMessage()));
        errors += checked.errors().size();
        for (PolicyResource resource : checked.resources()) {
          for (String warning : PolicyWarnings.of(resource)) {
            console.line(file + ": warning: " + warning);
          }
        }
      }
    }
    return errors == 0 ? 0 : Cli.FAILED;
  }

  /**
   * The policy files that a path means: itself, or of a folder those named as YAML and JSON are.
   */
  static List<Path> files(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return List.of(path);
    }
    var files = new ArrayList<Path>();
    try (Stream<Path> found = Files.walk(path)) {
      found
          .filter(file -> file.toString().matches(".*\\.(ya?ml|json)"))
          .filter(Files::isRegularFile)
          .limit(MAX_FILES + 1L)
          .forEach(files::add);
    }
    if (files.size() > MAX_FILES) {
      throw new CommandException(path + ": more than " + MAX_FILES + " policy files");
    }
    files.sort(null);
    return files;
  }
}
