// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import io.cilium4j.cli.command.AgentClient;
import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Durations;
import io.cilium4j.cli.command.ExitCode;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** {@code cilium status}: how the agent is. Fails where the agent is not well. */
public final class StatusCommand implements CommandGroup {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
            "",
            "show the status of the agent; exits with 1 unless it is OK",
            new Option("--brief", "", "print one line"),
            new Option("--verbose", "", "all details; implies all --all-… options"),
            new Option("--all-addresses", "", "show all allocated addresses"),
            new Option("--all-clusters", "", "show all clusters"),
            new Option("--all-controllers", "", "show all controllers, not only failing ones"),
            new Option("--all-health", "", "show all paths to all nodes, not only failing ones"),
            new Option("--all-nodes", "", "show all nodes"),
            new Option("--all-redirects", "", "show all proxy redirects"),
            new Option("--timeout", "DURATION", "timeout; default 30s"),
            OUTPUT));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    boolean brief = arguments.has("--brief");
    Duration limit = Durations.of(arguments, "--timeout", PATIENCE);
    AgentClient agent = session.agent().within(limit);
    AgentClient.Reply reply =
        agent.send("GET", "/healthz", Map.of("brief", Boolean.toString(brief)), Json.absent());
    if (!reply.isSuccess()) {
      throw new CommandException("status: " + reply.reason());
    }
    Json status = reply.json();
    String state = status.get("cilium", "state").text();
    if (brief && Output.of(arguments).isText()) {
      session.console().line(brief(status));
    } else {
      session.show(
          arguments,
          status,
          () ->
              new StatusReport(status, health(status, session, limit), arguments, session.console())
                  .print());
    }
    return state.equals("Ok") || state.equals("Disabled") ? 0 : ExitCode.FAILED;
  }

  /** Which nodes are reached; absent where nobody probes them, or does not say. */
  private static Json health(Json status, Session session, Duration limit) {
    if (!ClusterHealth.isProbed(status)) {
      return Json.absent();
    }
    try {
      AgentClient.Reply reply =
          session.health().within(limit).send("GET", "/status", Map.of(), Json.absent());
      return reply.isSuccess() ? reply.json() : Json.absent();
    } catch (IOException | CommandException e) {
      return Json.absent(); // The report says so, and the agent's own status why.
    }
  }

  private static String brief(Json status) {
    for (String part : List.of("kvstore", "container-runtime", "kubernetes", "cilium")) {
      String state = status.get(part, "state").text();
      if (!state.isEmpty() && !state.equals("Ok") && !state.equals("Disabled")) {
        String all = status.get(part, "msg").text(state).replace("\n", "; ");
        return TextTable.clean("error: " + part + " not healthy: " + all);
      }
    }
    return "OK";
  }
}
