// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.endpoint;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** {@code cilium ip list}: which identity stands behind an address. */
public final class IpCommands implements CommandGroup {

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
            "list",
            "list the agent's addresses and their identities",
            new Option("--numeric", "-n", "", "show identities as numbers"),
            new Option("--verbose", "-v", "", "show the node and the encryption key too"),
            OUTPUT));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    List<Json> entries = new ArrayList<>(session.agent().get("/ip").items());
    entries.sort(Comparator.comparing(each -> each.get("cidr").text()));
    Map<String, String> names = new HashMap<>();
    if (Output.of(arguments).isText() && !arguments.has("--numeric")) {
      for (Json identity : session.agent().get("/identity").items()) {
        names.put(identity.get("id").text(), TextTable.lines(identity.get("labels").texts(), ""));
      }
    }
    boolean verbose = arguments.has("--verbose");
    return session.show(
        arguments, new Json.Arr(entries), () -> table(entries, names, verbose).toString());
  }

  private static TextTable table(List<Json> entries, Map<String, String> names, boolean verbose) {
    var table =
        verbose
            ? new TextTable("IP", "IDENTITY", "SOURCE", "HOST", "ENCRYPT_KEY")
            : new TextTable("IP", "IDENTITY", "SOURCE");
    for (Json entry : entries) {
      String cidr = entry.get("cidr").text();
      String id = entry.get("identity").text("0");
      String source = entry.get("metadata", "source").text();
      String identity = names.getOrDefault(id, id);
      if (verbose) {
        table.row(
            cidr, identity, source, entry.get("hostIP").text(), entry.get("encryptKey").text("0"));
      } else {
        table.row(cidr, identity, source);
      }
    }
    return table;
  }
}
