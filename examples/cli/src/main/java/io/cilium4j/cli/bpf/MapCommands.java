// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.bpf;

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
import io.cilium4j.cli.json.JsonReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** {@code cilium map …}: the agent's view of eBPF maps; {@code cilium bpf} reads the kernel's. */
public final class MapCommands implements CommandGroup {

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
            "list",
            "list the agent's maps",
            new Option("--verbose", "", "show their entries too"),
            OUTPUT),
        new CommandSpec("get", "NAME", "show the entries of a map", OUTPUT),
        new CommandSpec(
            "events",
            "NAME",
            "show the changes of a map's entries",
            new Option("--follow", "-f", "", "wait for further changes"),
            OUTPUT));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    return switch (command) {
      case "list" -> list(arguments, session);
      case "get" -> {
        Json map = session.agent().get("/map/" + AgentClient.encode(arguments.operand()));
        yield session.show(arguments, map, () -> entries(map).toString());
      }
      case "events" -> events(arguments, session);
      default -> throw new IllegalArgumentException(command);
    };
  }

  private static int list(Arguments arguments, Session session) throws IOException {
    List<Json> found = new ArrayList<>();
    for (Json map : session.agent().get("/map").get("maps").items()) {
      // The list need not have the entries; each map has.
      found.add(session.agent().get("/map/" + AgentClient.encode(name(map))));
    }
    Json maps = Json.object("maps", new Json.Arr(found));
    boolean verbose = arguments.has("--verbose");
    return session.show(
        arguments,
        maps,
        () -> {
          var text = new StringBuilder();
          var table = new TextTable("Name", "Num entries", "Num errors", "Cache enabled");
          for (Json map : maps.get("maps").items()) {
            List<Json> cache = map.get("cache").items();
            String name = name(map);
            long errors =
                cache.stream().filter(each -> !each.get("last-error").text().isEmpty()).count();
            table.row(name, cache.size(), errors, map.get("cache").isPresent());
            if (verbose) {
              text.append("## Map: ").append(name).append('\n').append(entries(map)).append('\n');
            }
          }
          return verbose ? text.toString() : table.toString();
        });
  }

  private static String name(Json map) {
    String path = map.get("path").text();
    return path.substring(path.lastIndexOf('/') + 1);
  }

  private static TextTable entries(Json map) {
    var table = new TextTable("Key", "Value", "State", "Error");
    for (Json entry : map.get("cache").items()) {
      table.row(
          entry.get("key").text(),
          entry.get("value").text(),
          entry.get("desired-action").text(),
          entry.get("last-error").text());
    }
    return table;
  }

  private static int events(Arguments arguments, Session session) throws IOException {
    boolean asText = Output.of(arguments).isText();
    String follow = arguments.has("--follow") ? "?follow=true" : "";
    session
        .agent()
        .lines(
            "/map/" + AgentClient.encode(arguments.operand()) + "/events" + follow,
            line -> {
              if (!line.isBlank()) {
                session.console().print(event(line, arguments, asText));
                if (!session.console().flush()) {
                  throw new CommandException("map events: the output cannot be written");
                }
              }
            });
    return 0;
  }

  private static String event(String line, Arguments arguments, boolean asText) {
    Json event = JsonReader.parse(line);
    if (!asText) {
      return Output.of(arguments).print(event, () -> "");
    }
    return TextTable.clean(
            "key=\"%s\" value=\"%s\" time=%s action=%s desiredState=%s lastError=\"%s\""
                .formatted(
                    event.get("key").text(),
                    event.get("value").text(),
                    event.get("timestamp").text(),
                    event.get("action").text(),
                    event.get("desired-action").text(),
                    event.get("last-error").text()))
        + "\n";
  }
}
