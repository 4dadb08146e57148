// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.service;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.util.List;
import java.util.stream.Collectors;

/** {@code cilium lrp list}: policies that redirect traffic to a pod of the same node. */
public final class LrpCommands implements CommandGroup {

  @Override
  public List<CommandSpec> commands() {
    return List.of(new CommandSpec("list", "list the local redirect policies", OUTPUT));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    Json policies = session.agent().get("/lrp");
    return session.show(
        arguments,
        policies,
        () -> {
          var table =
              new TextTable("LRP namespace", "LRP name", "FrontendType", "Matching Service");
          for (Json policy : policies.items()) {
            table.row(
                policy.get("namespace").text(),
                policy.get("name").text(),
                policy.get("frontend-type").text(),
                policy.get("service-id").text());
            for (Json mapping : policy.get("frontend-mappings").items()) {
              table.row("", "|", mapping(mapping));
            }
          }
          return table.toString();
        });
  }

  private static String mapping(Json mapping) {
    String backends =
        mapping.get("backends").items().stream()
            .map(backend ->
                ServiceText.address(backend.get("backend-address"))
                    + "("
                    + backend.get("pod-id").text()
                    + ")")
            .collect(Collectors.joining(", "));
    return ServiceText.frontend(mapping.get("frontend-address")) + " -> " + backends;
  }
}
