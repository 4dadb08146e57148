// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.policy;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.util.List;

/** {@code cilium prefilter …}: addresses whose packets are dropped at the device. */
public final class PrefilterCommands implements CommandGroup {
  private static final Option CIDR = new Option("--cidr", "CIDR…", "prefixes, separated by commas");
  private static final Option REVISION =
      new Option("--revision", "N", "the revision of the list to change");

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec("list", "list the prefixes to drop", OUTPUT),
        new CommandSpec("update", "add prefixes", CIDR, REVISION),
        new CommandSpec("delete", "remove prefixes", CIDR, REVISION));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    Json answer;
    if (command.equals("list")) {
      answer = session.agent().get("/prefilter");
    } else {
      if (arguments.all(CIDR.name()).isEmpty()) {
        throw arguments.wrong("option --cidr is missing");
      }
      Json spec =
          Json.object("revision", Json.of(revision(arguments, session)))
              .with("deny", Json.ofTexts(arguments.all(CIDR.name())));
      answer =
          session.agent().call(command.equals("update") ? "PATCH" : "DELETE", "/prefilter", spec);
    }
    return session.show(arguments, answer, () -> text(answer));
  }

  /** Unsaid, the change is for the list as it is now. */
  private static long revision(Arguments arguments, Session session) throws IOException {
    return arguments.has(REVISION.name())
        ? arguments.number(REVISION.name(), 0)
        : session.agent().get("/prefilter").get("spec", "revision").number();
  }

  /** A prefix that is wanted and not dropped yet is shown as such. */
  private static String text(Json prefilter) {
    List<String> dropped = prefilter.get("status", "realized", "deny").texts();
    var prefixes = new TextTable();
    for (String prefix : prefilter.get("spec", "deny").texts()) {
      prefixes.row(prefix, dropped.contains(prefix) ? "" : "stored");
    }
    return "Revision: " + prefilter.get("spec", "revision").text("0") + "\n" + prefixes;
  }
}
