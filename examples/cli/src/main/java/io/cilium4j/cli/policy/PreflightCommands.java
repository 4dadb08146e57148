// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.policy;

import io.cilium4j.cli.command.AgentClient;
import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** {@code cilium preflight …}: checks and copies before an upgrade. */
public final class PreflightCommands implements CommandGroup {
  private static final String CACHE = "--tofqdns-pre-cache";
  private static final String TTL = "--tofqdns-pre-cache-ttl";

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
            "validate-cnp",
            "PATH…",
            0,
            Integer.MAX_VALUE,
            "check policies in files or folders; exits with 1 on an error",
            KUBERNETES),
        new CommandSpec(
            "fqdn-poller",
            "write the agent's DNS cache to a file for its successor",
            new Option(CACHE, "FILE", "the file"),
            new Option(TTL, "SECONDS", "TTL of the names; default: unchanged")),
        new CommandSpec(
                "migrate-identity",
                "not supported: this version has no other identity store",
                new Option("--kvstore", "KIND", "the store to move identities from"),
                new Option("--kvstore-opt", "KEY=VALUE…", "options of that store"))
            .with(KUBERNETES));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    return switch (command) {
      case "validate-cnp" -> {
        if (arguments.operands().isEmpty()) {
          throw new CommandException(
              "preflight validate-cnp: this version does not read the Kubernetes API; name files or folders");
        }
        yield new PolicyCommands().run("validate", arguments, session);
      }
      case "fqdn-poller" -> cache(arguments, session);
      case "migrate-identity" ->
          throw new CommandException(
              "preflight migrate-identity: this version has no other identity store");
      default -> throw new IllegalArgumentException(command);
    };
  }

  private static int cache(Arguments arguments, Session session) throws IOException {
    Path file = Path.of(arguments.need(CACHE));
    long seconds = arguments.number(TTL, 0);
    AgentClient.Reply reply = session.agent().send("GET", "/fqdn/cache", Map.of(), Json.absent());
    if (!reply.isSuccess() && reply.status() != 404) {
      throw new CommandException("fqdn/cache: " + reply.reason());
    }
    List<Json> lookups = new ArrayList<>();
    if (reply.isSuccess()) {
      Instant end = Instant.now().plusSeconds(seconds);
      for (Json lookup : reply.json().items()) {
        lookups.add(
            seconds == 0
                ? lookup
                : lookup
                    .with("ttl", Json.of(seconds))
                    .with("expiration-time", Json.of(end.toString())));
      }
    }
    // The reader may come at any moment: it sees the old file or the new one.
    Path written = file.resolveSibling(file.getFileName() + ".new");
    Files.writeString(written, JsonWriter.indented(new Json.Arr(lookups)) + "\n");
    Files.move(written, file, StandardCopyOption.ATOMIC_MOVE);
    session.console().line(lookups.size() + " names written to " + file);
    return 0;
  }
}
