// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.endpoint;

import io.cilium4j.cli.command.AgentClient;
import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.ExitCode;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonWriter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** {@code cilium fqdn …}: names and addresses from DNS. */
public final class FqdnCommands implements CommandGroup {
  private static final Option PATTERN =
      new Option(
          "--matchpattern", "-p", "PATTERN", "only names that match, for example *.example.com");

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
            "cache list",
            "list the names that were looked up",
            new Option("--endpoint", "-e", "ENDPOINT", "only look-ups of this endpoint"),
            new Option("--source", "-s", "SOURCE", "only this source: lookup or connection"),
            PATTERN,
            OUTPUT),
        new CommandSpec(
            "cache clean",
            "remove names from the cache",
            new Option("--force", "-f", "", "do not ask for confirmation"),
            PATTERN),
        new CommandSpec("names", "list the names and patterns in policies", OUTPUT));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    return switch (command) {
      case "cache list" -> {
        Json lookups = lookups(arguments, session);
        yield session.show(arguments, lookups, () -> table(lookups).toString());
      }
      case "cache clean" -> clean(arguments, session);
      case "names" -> {
        Json names = session.agent().get("/fqdn/names");
        yield session.show(arguments, names, () -> JsonWriter.indented(names) + "\n");
      }
      default -> throw new IllegalArgumentException(command);
    };
  }

  private static Json lookups(Arguments arguments, Session session) throws IOException {
    String endpoint =
        arguments.find("--endpoint").map(id -> "/" + AgentClient.encode(id)).orElse("");
    String path = "/fqdn/cache" + endpoint + query(arguments);
    AgentClient.Reply reply = session.agent().send("GET", path, Map.of(), Json.absent());
    // That nothing matches is an empty list here, and a 404 in the API.
    if (reply.status() == 404) {
      return new Json.Arr(List.of());
    }
    if (!reply.isSuccess()) {
      throw new CommandException("fqdn/cache: " + reply.reason());
    }
    return reply.json();
  }

  private static String query(Arguments arguments) {
    List<String> parts = new ArrayList<>();
    for (String name : List.of("matchpattern", "source")) {
      arguments
          .find("--" + name)
          .ifPresent(value -> parts.add(name + "=" + AgentClient.encode(value)));
    }
    return parts.isEmpty() ? "" : "?" + String.join("&", parts);
  }

  private static TextTable table(Json lookups) {
    var table = new TextTable("Endpoint", "Source", "FQDN", "TTL", "ExpirationTime", "IPs");
    for (Json lookup : lookups.items()) {
      table.row(
          lookup.get("endpoint-id").text("0"),
          lookup.get("source").text(),
          lookup.get("fqdn").text(),
          lookup.get("ttl").text("0"),
          lookup.get("expiration-time").text(),
          String.join(",", lookup.get("ips").texts()));
    }
    return table;
  }

  private static int clean(Arguments arguments, Session session) throws IOException {
    if (!arguments.has("--force")) {
      session.console().line("Names to remove:");
      session.console().print(table(lookups(arguments, session)).toString());
      if (!session.console().confirm("Remove them?")) {
        return ExitCode.FAILED;
      }
    }
    session.agent().call("DELETE", "/fqdn/cache" + query(arguments), Json.absent());
    session.console().line("FQDN proxy cache cleared");
    return 0;
  }
}
