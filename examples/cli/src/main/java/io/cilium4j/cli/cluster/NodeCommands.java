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

/** {@code cilium node list}: lists the nodes of the cluster. */
public final class NodeCommands implements CommandGroup {

  @Override
  public List<CommandSpec> commands() {
    return List.of(new CommandSpec("list", "list the nodes of the cluster", OUTPUT));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    Json nodes = session.agent().get("/cluster/nodes").get("nodes-added");
    return session.show(
        arguments,
        nodes,
        () -> {
          var table =
              new TextTable(
                  "Name",
                  "IPv4 Address",
                  "Endpoint CIDR",
                  "IPv6 Address",
                  "Endpoint CIDR",
                  "Source");
          for (Json node : nodes.items()) {
            Json v4 = node.get("primary-address", "ipv4");
            Json v6 = node.get("primary-address", "ipv6");
            table.row(
                node.get("name").text(),
                v4.get("ip").text(),
                v4.get("alloc-range").text(),
                v6.get("ip").text(),
                v6.get("alloc-range").text(),
                node.get("source").text());
          }
          return table.toString();
        });
  }
}
