// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.util.List;

/** {@code cilium kvstore …}: keys of the cluster's store, where the agent has one. */
final class KvstoreCommands implements CommandGroup {
  private static final Option RECURSIVE = new Option("--recursive", "", "all keys below it");

  @Override
  public List<Spec> commands() {
    return List.of(
        new Spec("get", "KEY", "the value of a key", RECURSIVE, OUTPUT),
        new Spec(
            "set",
            "[KEY]",
            0,
            1,
            "writes a key",
            List.of(
                new Option("--key", "KEY", "the key"),
                new Option("--value", "VALUE", "its value"),
                OUTPUT)),
        new Spec("delete", "KEY", "removes a key", RECURSIVE));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    Json store = session.agent().get("/config").get("status", "kvstoreConfiguration");
    String type = store.get("type").text();
    throw new CommandException(
        "kvstore "
            + command
            + ": "
            + (type.isEmpty()
                ? "the agent runs without a key-value store; state is in its own folder"
                : "this version has no client for " + type));
  }
}
