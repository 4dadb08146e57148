// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonWriter;
import java.io.IOException;
import java.util.List;

/** {@code cilium statedb dump}: the agent's tables. */
public final class StatedbCommands implements CommandGroup {

  @Override
  public List<CommandSpec> commands() {
    return List.of(new CommandSpec("dump", "dump all tables of the agent as JSON", OUTPUT));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    Json tables = session.agent().get("/statedb/dump");
    return session.show(arguments, tables, () -> JsonWriter.indented(tables) + "\n");
  }
}
