// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.service;

import io.cilium4j.cli.command.AgentClient;
import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.command.UsageException;
import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/** {@code cilium recorder …}: packet recorders. */
public final class RecorderCommands implements CommandGroup {
  private static final String FILTER = "SRC_PREFIX SRC_PORT DST_PREFIX DST_PORT PROTOCOL";

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec("list", "list all recorders and their masks", OUTPUT),
        new CommandSpec("get", "ID", "show one recorder", OUTPUT),
        new CommandSpec(
            "update",
            "add or change a recorder",
            new Option("--id", "ID", "number of the recorder"),
            new Option("--caplen", "BYTES", "bytes of each packet; 0 (default) for all"),
            new Option("--filters", "FILTER…", FILTER + ", separated by blanks, in quotes")),
        new CommandSpec("delete", "ID", "remove a recorder"));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    return switch (command) {
      case "list" -> list(arguments, session);
      case "get" -> {
        Json recorder = session.agent().get("/recorder/" + id(arguments.operand()));
        yield session.show(arguments, recorder, () -> table(List.of(recorder)).toString());
      }
      case "update" -> update(arguments, session);
      case "delete" -> {
        long id = id(arguments.operand());
        session.agent().call("DELETE", "/recorder/" + id, Json.absent());
        session.console().line("Recorder " + id + " deleted");
        yield 0;
      }
      default -> throw new IllegalArgumentException(command);
    };
  }

  private static long id(String text) {
    if (!text.matches("[0-9]{1,10}")) {
      throw new UsageException("recorder " + text + ": wanted a number");
    }
    return Long.parseLong(text);
  }

  private static int list(Arguments arguments, Session session) throws IOException {
    List<Json> recorders = new ArrayList<>(session.agent().get("/recorder").items());
    recorders.sort(Comparator.comparingLong(each -> each.get("spec", "id").number()));
    if (!Output.of(arguments).isText()) {
      return session.show(arguments, new Json.Arr(recorders), () -> "");
    }
    var masks = new TextTable("Users", "Priority", "Wildcard Masks");
    for (Json mask : session.agent().get("/recorder/masks").items()) {
      Json realized = mask.get("status", "realized");
      masks.row(
          realized.get("users").text("0"),
          realized.get("priority").text("0"),
          realized.get("src-prefix-mask").text() + ":" + realized.get("src-port-mask").text(),
          "->",
          realized.get("dst-prefix-mask").text() + ":" + realized.get("dst-port-mask").text(),
          realized.get("protocol-mask").text());
    }
    session.console().print(table(recorders) + "\n" + masks);
    return 0;
  }

  private static TextTable table(List<Json> recorders) {
    var table = new TextTable("ID", "Capture Length", "Wildcard Filters", "", "", "", "Status");
    for (Json recorder : recorders) {
      Json spec = recorder.get("spec");
      // A recorder that is stored and not in the datapath has no filter realized.
      boolean records = !recorder.get("status", "realized", "filters").items().isEmpty();
      String status = records ? "realized" : "stored";
      String length = spec.get("capture-length").text("0");
      String id = spec.get("id").text("0");
      String shown = length.equals("0") ? "full" : "<= " + length;
      if (spec.get("filters").items().isEmpty()) {
        table.row(id, shown, "(none)", "", "", "", status);
      }
      for (Json filter : spec.get("filters").items()) {
        table.row(
            id,
            shown,
            filter.get("src-prefix").text() + ":" + filter.get("src-port").text(),
            "->",
            filter.get("dst-prefix").text() + ":" + filter.get("dst-port").text(),
            filter.get("protocol").text(),
            status);
        id = "";
        shown = "";
        status = "";
      }
    }
    return table;
  }

  private static int update(Arguments arguments, Session session) throws IOException {
    long id = id(arguments.need("--id"));
    List<Json> filters = new ArrayList<>();
    for (String text : arguments.all("--filters")) {
      String[] words = text.strip().split(" +", -1);
      if (words.length != 5) {
        throw new UsageException("filter " + text + ": wanted " + FILTER);
      }
      filters.add(
          Json.object("src-prefix", Json.of(words[0]))
              .with("src-port", Json.of(words[1]))
              .with("dst-prefix", Json.of(words[2]))
              .with("dst-port", Json.of(words[3]))
              .with("protocol", Json.of(words[4].toUpperCase(java.util.Locale.ROOT))));
    }
    Json spec =
        Json.object("id", Json.of(id))
            .with("capture-length", Json.of(arguments.number("--caplen", 0)))
            .with("filters", new Json.Arr(filters));
    AgentClient.Reply reply = session.agent().send("PUT", "/recorder/" + id, Map.of(), spec);
    if (!reply.isSuccess()) {
      throw new CommandException("recorder " + id + ": " + reply.reason());
    }
    session
        .console()
        .line((reply.status() == 201 ? "Added" : "Updated") + " recorder with id " + id);
    return 0;
  }
}
