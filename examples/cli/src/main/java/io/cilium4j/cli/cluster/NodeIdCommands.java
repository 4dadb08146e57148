// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.cluster;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.util.List;

/** {@code cilium nodeid list}: the numbers that stand for nodes in the datapath. */
public final class NodeIdCommands implements CommandGroup {

  @Override
  public List<CommandSpec> commands() {
    return List.of(new CommandSpec("list", "list the numbers of nodes", OUTPUT));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    Json nodes = session.agent().get("/node/ids");
    return session.show(
        arguments,
        nodes,
        () -> {
          var table = new TextTable("NODE ID", "IP ADDRESSES");
          for (Json node : nodes.items()) {
            table.row(node.get("id").text(), String.join("\n", node.get("ips").texts()));
          }
          return table.toString();
        });
  }
}
