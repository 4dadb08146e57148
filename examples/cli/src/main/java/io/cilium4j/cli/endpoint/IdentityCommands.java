// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.endpoint;

import io.cilium4j.cli.command.AgentClient;
import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonWriter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** {@code cilium identity …}: numbers for sets of labels. */
public final class IdentityCommands implements CommandGroup {

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
            "list",
            "[LABELS]",
            0,
            1,
            "list all identities, or the one with the given labels",
            List.of(
                new Option("--endpoints", "", "list the identities of this node's endpoints"),
                OUTPUT)),
        new CommandSpec(
            "get",
            "ID | --label LABELS",
            0,
            1,
            "show an identity by its number or its labels",
            List.of(new Option("--label", "LABEL…", "the labels, all of them"), OUTPUT)));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    if (command.equals("get")) {
      return get(arguments, session);
    }
    if (arguments.has("--endpoints")) {
      return ofEndpoints(arguments, session);
    }
    List<Json> identities =
        new ArrayList<>(session.agent().call("GET", "/identity", wanted(arguments)).items());
    identities.sort(Comparator.comparingLong(each -> each.get("id").number()));
    return session.show(arguments, new Json.Arr(identities), () -> table(identities).toString());
  }

  private static Json wanted(Arguments arguments) {
    return arguments.operands().isEmpty()
        ? Json.absent()
        : Json.ofTexts(List.of(arguments.operand().split(",", -1)));
  }

  private static TextTable table(List<Json> identities) {
    var table = new TextTable("ID", "LABELS");
    for (Json identity : identities) {
      table.row(identity.get("id").text(), TextTable.lines(identity.get("labels").texts(), ""));
    }
    return table;
  }

  private static int get(Arguments arguments, Session session) throws IOException {
    List<String> labels = arguments.all("--label");
    if (labels.isEmpty() == arguments.operands().isEmpty()) {
      throw arguments.wrong("wanted either an id or --label");
    }
    Json answer =
        labels.isEmpty()
            ? session.agent().get("/identity/" + AgentClient.encode(arguments.operand()))
            : session.agent().call("GET", "/identity", Json.ofTexts(labels));
    List<Json> identities = labels.isEmpty() ? List.of(answer) : answer.items();
    if (arguments.has(OUTPUT.name())) {
      return session.show(arguments, answer, () -> JsonWriter.indented(answer));
    }
    session.console().print(table(identities).toString());
    return 0;
  }

  private static int ofEndpoints(Arguments arguments, Session session) throws IOException {
    Json answer = session.agent().get("/identity/endpoints");
    return session.show(
        arguments,
        answer,
        () -> {
          var table = new TextTable("ID", "LABELS", "REFCOUNT");
          for (Json each : answer.items()) {
            table.row(
                each.get("identity", "id").text(),
                TextTable.lines(each.get("identity", "labels").texts(), ""),
                each.get("refCount").text("0"));
          }
          return table.toString();
        });
  }
}
