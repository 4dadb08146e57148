// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonWriter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** {@code cilium endpoint …}: the pods of this node. */
final class EndpointCommands implements CommandGroup {
  private static final String ENDPOINT = "ENDPOINT";
  private static final Option NO_HEADERS =
      new Option("--no-headers", "", "no head above the table");

  @Override
  public List<Spec> commands() {
    return List.of(
        new Spec("list", "all endpoints", NO_HEADERS, OUTPUT),
        new Spec(
            "get",
            ENDPOINT + " | -l LABELS",
            0,
            1,
            "everything about an endpoint, or about those that have some labels",
            List.of(new Option("--labels", "-l", "LABEL…", "with all of these labels"), OUTPUT)),
        new Spec(
            "config",
            ENDPOINT + " [OPTION=(enable|disable)…]",
            1,
            Integer.MAX_VALUE,
            "shows or changes an endpoint's options",
            List.of(new Option("--list-options", "", "which options there are"), OUTPUT)),
        new Spec(
            "labels",
            ENDPOINT,
            "shows or changes the labels that come from the user",
            new Option("--add", "-a", "LABEL…", "labels to add or enable"),
            new Option("--delete", "-d", "LABEL…", "labels to remove or disable")),
        new Spec("log", ENDPOINT, "the states that an endpoint went through", OUTPUT),
        new Spec("health", ENDPOINT, "how an endpoint is", OUTPUT),
        new Spec("disconnect", ENDPOINT, "takes an endpoint off the network"));
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
          lines(status.get("labels", "security-relevant").texts(), "no labels"),
          addresses.get("ipv6").text(),
          addresses.get("ipv4").text(),
          status.get("state").text("Unknown"));
    }
    return table;
  }

  /** One text a line, sorted. */
  static String lines(List<String> texts, String otherwise) {
    return texts.isEmpty() ? otherwise : String.join("\n", texts.stream().sorted().toList());
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
      session.console().line("Endpoint " + arguments.operand() + " configuration updated");
      return 0;
    }
    Json answer = session.agent().get(path);
    Json options = answer.get("realized", "options");
    if (arguments.has("--list-options")) {
      options.fields().keySet().forEach(session.console()::line);
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
      user.removeIf(label -> deleted.stream().anyMatch(each -> key(each).equals(key(label))));
      added.stream().filter(each -> !user.contains(each)).forEach(user::add);
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

  /** A label's key, without source and value; by it the field's clients remove labels. */
  private static String key(String label) {
    int value = label.indexOf('=');
    String named = value < 0 ? label : label.substring(0, value);
    return named.substring(named.indexOf(':') + 1);
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
      session.console().error("endpoint " + arguments.operand() + ": gone, but with errors");
      return Cli.FAILED;
    }
    session.console().line("Endpoint " + arguments.operand() + " successfully disconnected");
    return 0;
  }
}
