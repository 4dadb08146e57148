// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import io.cilium4j.cli.command.AgentSocket;
import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.ExitCode;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonReader;
import io.cilium4j.cli.json.JsonWriter;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * {@code cilium monitor}: flows, drops and the agent's own events as they happen. The agent sends
 * JSON, an event a line, as docs/monitor.md has it; what to show of it is decided here, so that
 * readers cost the agent nothing but the sending.
 */
public final class MonitorCommand implements CommandGroup {
  /** What an agent of this version sends. */
  public static final List<String> TYPES =
      List.of("agent", "drop", "l7", "policy-verdict", "trace");

  /** What people of this field may ask for as well. */
  private static final List<String> NEVER_SENT = List.of("capture", "debug", "recorder");

  private static final int RED = 31;

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
            "",
            "print flows, drops and events of the agent as they happen",
            new Option("--from", "ID…", "only flows from these endpoints"),
            new Option("--to", "ID…", "only flows to these endpoints"),
            new Option("--related-to", "ID…", "only flows and events of these endpoints"),
            new Option("--type", "-t", "TYPE…", String.join(", ", TYPES)),
            new Option("--json", "-j", "", "print JSON, one object a line"),
            new Option("--numeric", "-n", "", "show identities as numbers"),
            new Option("--verbose", "-v", "", "show labels and the rule that decided"),
            new Option("--hex", "", "payloads in hexadecimal; not supported"),
            new Option(
                "--monitor-socket",
                "PATH",
                "the monitor's socket; default: CILIUM_MONITOR_SOCK, or monitor-json.sock beside"
                    + " the API's")));
  }

  /** What is wanted of the events. */
  private record Filter(Set<Long> from, Set<Long> to, Set<Long> related, Set<String> types) {

    static Filter of(Arguments arguments) {
      Set<String> types = Set.copyOf(arguments.all("--type"));
      if (!types.stream().allMatch(each -> TYPES.contains(each) || NEVER_SENT.contains(each))) {
        throw arguments.wrong("--type", "some of " + String.join(", ", TYPES));
      }
      return new Filter(
          ids(arguments, "--from"), ids(arguments, "--to"), ids(arguments, "--related-to"), types);
    }

    /** The types that are asked for and do not come. */
    List<String> neverSent() {
      return NEVER_SENT.stream().filter(types::contains).toList();
    }

    private static Set<Long> ids(Arguments arguments, String option) {
      Set<Long> ids = new HashSet<>();
      for (String id : arguments.all(option)) {
        if (!id.matches("[0-9]{1,5}")) {
          throw arguments.wrong(option, "numbers of endpoints");
        }
        ids.add(Long.parseLong(id));
      }
      return ids;
    }

    boolean wants(Json event) {
      String type = event.get("type").text();
      if (type.equals("lost")) {
        return true; // A gap concerns everybody.
      }
      if (!types.isEmpty() && !types.contains(type)) {
        return false;
      }
      long source = event.get("source", "endpoint").number();
      long destination = event.get("destination", "endpoint").number();
      long own = event.get("endpoint").number();
      return (from.isEmpty() || from.contains(source))
          && (to.isEmpty() || to.contains(destination))
          && (related.isEmpty()
              || related.contains(source)
              || related.contains(destination)
              || related.contains(own));
    }
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Filter filter = Filter.of(arguments);
    tellNeverSent(filter, session.console());
    if (arguments.has("--hex")) {
      session
          .console()
          .error("monitor --hex: not supported, the datapath does not record payloads");
    }
    Path socket =
        arguments.find("--monitor-socket").map(Path::of).orElse(session.settings().monitorSocket());
    try (var channel = AgentSocket.open(socket, "the monitor");
        var reader = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        Json event = parse(line);
        if (filter.wants(event)) {
          String text =
              arguments.has("--json") ? JsonWriter.compact(event) : text(event, arguments);
          session
              .console()
              .line(
                  event.get("type").text().equals("drop")
                      ? session.console().coloured(text, RED)
                      : text);
          // A person waits for each line; a pipe may have them as they come as well.
          if (!session.console().flush()) {
            return ExitCode.FAILED; // Nobody reads on.
          }
        }
      }
    }
    throw new CommandException("monitor: the agent has closed the connection");
  }

  /** Nobody is to wait for what never comes. */
  private static void tellNeverSent(Filter filter, Console console) {
    List<String> types = filter.neverSent();
    if (types.isEmpty()) {
      return;
    }
    String line =
        "monitor --type %s: not supported; this version sends %s"
            .formatted(String.join(",", types), String.join(", ", TYPES));
    if (types.size() == filter.types().size()) {
      throw new CommandException(line);
    }
    console.error(line);
  }

  private static Json parse(String line) {
    try {
      return JsonReader.parse(line);
    } catch (IllegalArgumentException e) {
      throw new CommandException("monitor: the agent sent no event: " + e.getMessage(), e);
    }
  }

  private static String text(Json event, Arguments arguments) {
    String type = event.get("type").text();
    String text =
        switch (type) {
          case "lost" ->
              ">> " + event.get("count").text() + " events lost: this reader is too slow";
          case "agent" ->
              ">> " + event.get("subtype").text() + ": " + JsonWriter.compact(event.get("message"));
          case "drop" -> "xx drop (" + event.get("reason").text() + ") " + flow(event, arguments);
          case "policy-verdict" ->
              "Policy verdict log: local EP ID %s, %s, action %s, %s"
                  .formatted(
                      event.get("endpoint").text(),
                      event.get("direction").text(),
                      event.get("verdict").text(),
                      flow(event, arguments));
          case "trace" ->
              "-> %s flow %s, local EP ID %s, %s"
                  .formatted(
                      event.get("point").text(),
                      event.get("flow").text(),
                      event.get("endpoint").text(),
                      flow(event, arguments));
          case "l7" ->
              "-> Request %s %s %s%s => %s, verdict %s, %s"
                  .formatted(
                      event.get("http", "protocol").text(),
                      event.get("http", "method").text(),
                      event.get("http", "host").text(),
                      event.get("http", "path").text(),
                      event.get("http", "status").text(),
                      event.get("verdict").text(),
                      flow(event, arguments));
          default -> type + " " + flow(event, arguments);
        };
    if (arguments.has("--verbose") && event.get("rule").isPresent()) {
      text +=
          "\n   rule: "
              + event.get("rule").text()
              + "\n   from: "
              + String.join(" ", event.get("source", "labels").texts())
              + "\n   to:   "
              + String.join(" ", event.get("destination", "labels").texts());
    }
    String suppressed = event.get("suppressed").text();
    return TextTable.cleanLines(text)
        + (suppressed.isEmpty() ? "" : " (" + suppressed + " like it left out)");
  }

  private static String flow(Json event, Arguments arguments) {
    boolean numeric = arguments.has("--numeric");
    return "identity %s->%s: %s -> %s %s"
        .formatted(
            identity(event.get("source"), numeric),
            identity(event.get("destination"), numeric),
            event.get("source", "address").text(),
            event.get("destination", "address").text(),
            event.get("protocol").text());
  }

  /** Reserved identities have names; others are numbers in any case. */
  private static String identity(Json end, boolean numeric) {
    List<String> labels = end.get("labels").texts();
    boolean isReserved = labels.size() == 1 && labels.getFirst().startsWith("reserved:");
    return !numeric && isReserved
        ? labels.getFirst().substring("reserved:".length())
        : end.get("identity").text();
  }
}
