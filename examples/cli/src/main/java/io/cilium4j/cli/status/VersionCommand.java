// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import io.cilium4j.cli.command.AgentClient;
import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** {@code cilium version}. */
public final class VersionCommand implements CommandGroup {
  /** Short: whoever asks for a version does not wait for an agent that is stuck. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec("", "show the versions of this command and of the agent", OUTPUT));
  }

  /** The version of this program, which its module carries; a mere class path has none. */
  static String client() {
    ModuleDescriptor module = VersionCommand.class.getModule().getDescriptor();
    return module == null ? "unknown" : module.rawVersion().orElse("unknown");
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    String daemon;
    try {
      daemon = agent(session);
    } catch (CommandException e) {
      // That no agent runs is no reason to keep one's own version back.
      daemon = "";
      if (session.settings().isDebug()) {
        session.console().error(e.getMessage());
      }
    }
    String found = daemon;
    String java = System.getProperty("java.version", "");
    Json answer =
        Json.object(
                "Client",
                Json.object("Version", Json.of(client())).with("JavaVersion", Json.of(java)))
            .with(
                "Daemon", found.isEmpty() ? Json.absent() : Json.object("Version", Json.of(found)));
    return session.show(
        arguments,
        answer,
        () ->
            "Client: %s (java %s)%nDaemon: %s%n"
                .formatted(client(), java, found.isEmpty() ? "not reachable" : found));
  }

  /** The first word of the agent's short answer: the long one, for each endpoint, takes longer. */
  private static String agent(Session session) throws IOException {
    AgentClient agent = session.agent().within(PATIENCE);
    Json status = agent.send("GET", "/healthz", Map.of("brief", "true"), Json.absent()).json();
    String version = status.get("cilium", "msg").text().split(" ", 2)[0];
    return version.matches("[0-9]+\\..*") ? TextTable.clean(version) : "unknown";
  }
}
