// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

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
import java.util.stream.Collectors;

/** {@code cilium cgroups list}: lists the cgroups of pods. */
public final class CgroupsCommands implements CommandGroup {
  private static final Option NO_HEADERS =
      new Option("--no-headers", "", "do not print the table header");

  @Override
  public List<CommandSpec> commands() {
    return List.of(new CommandSpec("list", "list the cgroups of pods", NO_HEADERS, OUTPUT));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    Json pods = session.agent().get("/cgroup-dump-metadata").get("pod-metadatas");
    return session.show(
        arguments,
        pods,
        () -> {
          var table =
              arguments.has(NO_HEADERS.name())
                  ? new TextTable()
                  : new TextTable("POD NAME", "POD NAMESPACE", "CGROUP IDS");
          for (Json pod : pods.items()) {
            table.row(
                pod.get("name").text(),
                pod.get("namespace").text(),
                pod.get("containers").items().stream()
                    .map(each -> each.get("cgroup-id").text())
                    .collect(Collectors.joining("\n")));
          }
          return table.toString();
        });
  }
}
