// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.policy;

import io.cilium4j.cli.command.AgentClient;
import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonWriter;
import io.cilium4j.documents.DocumentException;
import io.cilium4j.documents.DocumentReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/** Those of {@code cilium policy …} that ask the agent. */
final class AgentPolicyCommands {
  /** How long {@code wait} waits for all endpoints, unless told otherwise. */
  private static final long MAX_WAIT_SECONDS = 360;

  private static final long SLEEP_SECONDS = 1;

  static final List<CommandSpec> SPECS =
      List.of(
          new CommandSpec(
              "get",
              "[LABEL…]",
              0,
              Integer.MAX_VALUE,
              "show the agent's rules, or those with all given labels",
              List.of(CommandGroup.OUTPUT)),
          new CommandSpec(
              "import",
              "PATH",
              "import rules (JSON or YAML) from a file, a folder, or standard input (-)",
              new Option("--print", "", "print what is sent"),
              new Option("--replace", "", "replace the rules that have the same labels"),
              new Option(
                  "--replace-with-labels", "LABEL…", "replace the rules that have these labels"),
              CommandGroup.OUTPUT),
          new CommandSpec(
              "delete",
              "[LABEL…] | --all",
              0,
              Integer.MAX_VALUE,
              "remove the rules with all given labels",
              List.of(new Option("--all", "", "all rules"), CommandGroup.OUTPUT)),
          new CommandSpec(
              "selectors",
              "show the selectors of policies and the identities that they select",
              new Option("--verbose", "-v", "", "show the labels of the policies too"),
              CommandGroup.OUTPUT),
          new CommandSpec(
              "wait",
              "REVISION",
              "wait until all endpoints enforce a revision; exits with 1 on timeout",
              new Option("--max-wait-time", "SECONDS", "timeout; default 360"),
              new Option("--fail-wait-time", "SECONDS", "timeout while an endpoint is not ready"),
              new Option("--sleep-time", "SECONDS", "interval between checks; default 1")));

  private AgentPolicyCommands() {}

  static int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    return switch (command) {
      case "get" ->
          show(session.agent().call("GET", "/policy", labels(arguments)), arguments, session);
      case "import" -> give(arguments, session);
      case "delete" -> {
        if (arguments.operands().isEmpty() != arguments.has("--all")) {
          throw arguments.wrong("wanted either labels or --all");
        }
        Json wanted = Json.ofTexts(arguments.operands());
        yield revision(session.agent().call("DELETE", "/policy", wanted), arguments, session);
      }
      case "selectors" -> selectors(arguments, session);
      case "wait" -> await(arguments, session);
      default -> throw new IllegalArgumentException(command);
    };
  }

  private static Json labels(Arguments arguments) {
    return arguments.operands().isEmpty() ? Json.absent() : Json.ofTexts(arguments.operands());
  }

  private static int show(Json policy, Arguments arguments, Session session) {
    return session.show(
        arguments,
        policy,
        () ->
            policy.get("policy").text() + "\nRevision: " + policy.get("revision").text("0") + "\n");
  }

  private static int revision(Json policy, Arguments arguments, Session session) {
    return session.show(
        arguments, policy, () -> "Revision: " + policy.get("revision").text("0") + "\n");
  }

  private static int give(Arguments arguments, Session session) throws IOException {
    List<Json> rules = new ArrayList<>();
    for (Path file : PolicyFiles.files(Path.of(arguments.operand()))) {
      for (Json read : documents(file, session.console().read(file))) {
        if (read instanceof Json.Arr list) {
          rules.addAll(list.values());
        } else {
          rules.add(read);
        }
      }
    }
    String text = JsonWriter.compact(new Json.Arr(rules));
    if (arguments.has("--print")) {
      session.console().line(JsonWriter.indented(new Json.Arr(rules)));
    }
    List<String> query = new ArrayList<>();
    if (arguments.has("--replace")) {
      query.add("replace=true");
    }
    arguments
        .all("--replace-with-labels")
        .forEach(label -> query.add("replace-with-labels=" + AgentClient.encode(label)));
    String path = "/policy" + (query.isEmpty() ? "" : "?" + String.join("&", query));
    return revision(session.agent().call("PUT", path, Json.of(text)), arguments, session);
  }

  private static List<Json> documents(Path file, String text) {
    try {
      return DocumentReader.read(text).stream().filter(Objects::nonNull).map(Json::ofTree).toList();
    } catch (DocumentException e) {
      throw new CommandException(file + ": " + e.getMessage(), e);
    }
  }

  private static int selectors(Arguments arguments, Session session) throws IOException {
    Json selectors = session.agent().get("/policy/selectors");
    return session.show(
        arguments,
        selectors,
        () -> {
          var table = new TextTable("SELECTOR", "LABELS", "USERS", "IDENTITIES");
          for (Json selector : selectors.items()) {
            table.row(
                selector.get("selector").text(),
                origin(selector.get("labels").items(), arguments.has("--verbose")),
                selector.get("users").text("0"),
                String.join("\n", selector.get("identities").texts()));
          }
          return table.toString();
        });
  }

  /** Whose selector it is: namespace and name of the policy, or all of its labels. */
  private static String origin(List<Json> labels, boolean verbose) {
    if (verbose) {
      return labels.stream()
          .map(label ->
              label.get("source").text()
                  + ":"
                  + label.get("key").text()
                  + "="
                  + label.get("value").text())
          .collect(Collectors.joining("\n"));
    }
    String namespace = "";
    String name = "";
    for (Json label : labels) {
      switch (label.get("key").text()) {
        case "io.cilium.k8s.policy.namespace" -> namespace = label.get("value").text() + "/";
        case "io.cilium.k8s.policy.name" -> name = label.get("value").text();
        default -> {}
      }
    }
    return namespace + name;
  }

  private static int await(Arguments arguments, Session session) throws IOException {
    if (!arguments.operand().matches("[0-9]{1,18}")) {
      throw arguments.wrong(arguments.operand() + ": wanted a number");
    }
    long revision = Long.parseLong(arguments.operand());
    long most = arguments.number("--max-wait-time", MAX_WAIT_SECONDS);
    long mostWhenFailing = arguments.number("--fail-wait-time", most);
    Duration pause = Duration.ofSeconds(arguments.number("--sleep-time", SLEEP_SECONDS));
    long start = System.nanoTime();
    while (true) {
      List<Json> behind = new ArrayList<>();
      boolean failing = false;
      for (Json endpoint : session.agent().get("/endpoint").items()) {
        Json status = endpoint.get("status");
        String state = status.get("state").text();
        if (state.equals("disconnecting") || state.equals("disconnected")) {
          continue;
        }
        if (status.get("policy", "realized", "policy-revision").number() < revision) {
          behind.add(endpoint);
          failing |= state.equals("not-ready") || state.equals("invalid");
        }
      }
      if (behind.isEmpty()) {
        return 0;
      }
      long seconds = Duration.ofNanos(System.nanoTime() - start).toSeconds();
      if (seconds >= (failing ? Math.min(most, mostWhenFailing) : most)) {
        throw new CommandException(
            "revision %d: not enforced after %d s by %d endpoints, the first of them %s"
                .formatted(revision, seconds, behind.size(), behind.getFirst().get("id").text()));
      }
      try {
        Thread.sleep(pause);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CommandException("interrupted", e);
      }
    }
  }
}
