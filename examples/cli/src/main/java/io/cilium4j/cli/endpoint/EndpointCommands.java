// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.endpoint;

import io.cilium4j.cli.command.AgentClient;
import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.ExitCode;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.OptionChanges;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonWriter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** {@code cilium endpoint …}: the pods of this node. */
public final class EndpointCommands implements CommandGroup {
  private static final String ENDPOINT = "ENDPOINT";
  private static final Option NO_HEADERS =
      new Option("--no-headers", "", "do not print the table header");

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec("list", "list all endpoints", NO_HEADERS, OUTPUT),
        new CommandSpec(
            "get",
            ENDPOINT + " | -l LABELS",
            0,
            1,
            "show all about an endpoint, or about those with all given labels",
            List.of(
                new Option("--labels", "-l", "LABEL…", "endpoints with all of these labels"),
                OUTPUT)),
        new CommandSpec(
            "config",
            ENDPOINT + " [OPTION=(enable|disable)…]",
            1,
            Integer.MAX_VALUE,
            "show or change an endpoint's options",
            List.of(new Option("--list-options", "", "list the options"), OUTPUT)),
        new CommandSpec(
            "labels",
            ENDPOINT,
            "show or change an endpoint's user labels",
            new Option("--add", "-a", "LABEL…", "labels to add or enable"),
            new Option("--delete", "-d", "LABEL…", "labels to remove or disable")),
        new CommandSpec("log", ENDPOINT, "show the past states of an endpoint", OUTPUT),
        new CommandSpec("health", ENDPOINT, "show the health of an endpoint", OUTPUT),
        new CommandSpec("disconnect", ENDPOINT, "disconnect an endpoint from the network"));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    return switch (command) {
      case "list" -> list(arguments, session);
      case "get" -> get(arguments, session);
      case "config" -> config(arguments, session);
      case "labels" -> labels(arguments, session);
      case "log" -> log(arguments, session);
      case "health" -> health(arguments, session);
      case "disconnect" -> disconnect(arguments, session);
      default -> throw new IllegalArgumentException(command);
    };
  }

  private static String path(Arguments arguments) {
    return "/endpoint/" + AgentClient.encode(arguments.operand());
  }

  // ---- list ----

  private static int list(Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    Json answer = session.agent().get("/endpoint");
    List<Json> endpoints = new ArrayList<>(answer.items());
    endpoints.sort(Comparator.comparingLong(each -> each.get("id").number()));
    boolean headers = !arguments.has(NO_HEADERS.name());
    return session.show(
        arguments, new Json.Arr(endpoints), () -> table(endpoints, headers).toString());
  }

  private static TextTable table(List<Json> endpoints, boolean headers) {
    var table = new TextTable();
    if (headers) {
      table.row(
          "ENDPOINT",
          "POLICY (ingress)",
          "POLICY (egress)",
          "IDENTITY",
          "LABELS (source:key[=value])",
          "IPv6",
          "IPv4",
          "STATUS");
      table.row("", "ENFORCEMENT", "ENFORCEMENT");
    }
    for (Json endpoint : endpoints) {
      Json status = endpoint.get("status");
      String enforcement = status.get("policy", "realized", "policy-enabled").text();
      List<Json> pairs = status.get("networking", "addressing").items();
      Json addresses = pairs.isEmpty() ? Json.absent() : pairs.getFirst();
      table.row(
          endpoint.get("id").text(),
          enforcement(enforcement, "ingress"),
          enforcement(enforcement, "egress"),
          status.get("identity", "id").text("<no label id>"),
          TextTable.lines(status.get("labels", "security-relevant").texts(), "no labels"),
          addresses.get("ipv6").text(),
          addresses.get("ipv4").text(),
          status.get("state").text("Unknown"));
    }
    return table;
  }

  private static String enforcement(String enabled, String direction) {
    return switch (enabled) {
      case "" -> "Unknown";
      case "both" -> "Enabled";
      case "audit-both" -> "Disabled (Audit)";
      default -> {
        if (!enabled.endsWith(direction)) {
          yield "Disabled";
        }
        yield enabled.startsWith("audit-") ? "Disabled (Audit)" : "Enabled";
      }
    };
  }

  // ---- one endpoint ----

  private static int get(Arguments arguments, Session session) throws IOException {
    List<String> labels = arguments.all("--labels");
    if (labels.isEmpty() == arguments.operands().isEmpty()) {
      throw arguments.wrong("wanted either an endpoint or --labels");
    }
    Output.of(arguments);
    Json endpoints =
        labels.isEmpty()
            ? new Json.Arr(List.of(session.agent().get(path(arguments))))
            : session.agent().call("GET", "/endpoint", Json.ofTexts(labels));
    return session.show(arguments, endpoints, () -> JsonWriter.indented(endpoints) + "\n");
  }

  private static int config(Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    String path = path(arguments) + "/config";
    List<String> changes = arguments.operands().subList(1, arguments.operands().size());
    if (!changes.isEmpty()) {
      Json options = OptionChanges.parse(changes);
      session.agent().call("PATCH", path, Json.object("options", options));
      session
          .console()
          .line("Endpoint " + arguments.operand() + " configuration updated successfully");
      return 0;
    }
    Json answer = session.agent().get(path);
    Json options = answer.get("realized", "options");
    if (arguments.has("--list-options")) {
      session.console().print(OptionChanges.explain(options));
      return 0;
    }
    return session.show(arguments, options, () -> OptionChanges.print(options));
  }

  private static int labels(Arguments arguments, Session session) throws IOException {
    String path = path(arguments) + "/labels";
    List<String> added = arguments.all("--add");
    List<String> deleted = arguments.all("--delete");
    Json answer = session.agent().get(path);
    if (!added.isEmpty() || !deleted.isEmpty()) {
      List<String> user = new ArrayList<>(answer.get("spec", "user").texts());
      for (String label : deleted) {
        if (!user.removeIf(each -> isMeant(label, each))) {
          throw new CommandException(label + ": not one of the user labels");
        }
      }
      added.stream()
          .filter(label -> user.stream().noneMatch(each -> isMeant(label, each)))
          .forEach(user::add);
      session.agent().call("PATCH", path, Json.object("user", Json.ofTexts(user)));
      answer = session.agent().get(path);
    }
    var table = new TextTable();
    Map<String, String> shown = new HashMap<>();
    Json status = answer.get("status");
    for (String from : List.of("security-relevant", "derived", "disabled")) {
      for (String label : status.get(from).texts()) {
        String state = from.equals("disabled") ? "Disabled" : "Enabled";
        if (shown.putIfAbsent(label, state) == null) {
          table.row(label, state);
        }
      }
    }
    session.console().print(table.toString());
    return 0;
  }

  /**
   * Whether a label as it is typed is this one of the agent's: the agent names the source also
   * where none was typed, and a key alone stands for every value.
   */
  private static boolean isMeant(String typed, String label) {
    int equals = typed.indexOf('=');
    String key = equals < 0 ? typed : typed.substring(0, equals);
    String full = key.indexOf(':') < 0 ? "unspec:" + typed : typed;
    return label.equals(full)
        || typed.equals(label)
        || (equals < 0 && label.startsWith(full + "="));
  }

  private static int log(Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    Json log = session.agent().get(path(arguments) + "/log");
    return session.show(
        arguments,
        log,
        () -> {
          var table = new TextTable("Timestamp", "Status", "State", "Message");
          for (Json line : log.items()) {
            table.row(
                line.get("timestamp").text(),
                line.get("code").text(),
                line.get("state").text(),
                line.get("message").text());
          }
          return table.toString();
        });
  }

  private static int health(Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    Json health = session.agent().get(path(arguments) + "/healthz");
    return session.show(
        arguments,
        health,
        () ->
            new TextTable()
                .row("Overall Health:", health.get("overallHealth").text())
                .row("BPF Health:", health.get("bpf").text())
                .row("Policy Health:", health.get("policy").text())
                .row("Connected:", health.get("connected").isTrue() ? "yes" : "no")
                .toString());
  }

  private static int disconnect(Arguments arguments, Session session) throws IOException {
    AgentClient.Reply reply =
        session.agent().send("DELETE", path(arguments), Map.of(), Json.absent());
    if (!reply.isSuccess()) {
      throw new CommandException("endpoint " + arguments.operand() + ": " + reply.reason());
    }
    if (reply.status() == 206) {
      session
          .console()
          .error("endpoint " + arguments.operand() + ": disconnected, but with errors");
      return ExitCode.FAILED;
    }
    session.console().line("Endpoint " + arguments.operand() + " successfully disconnected");
    return 0;
  }
}
