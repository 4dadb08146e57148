// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.cluster;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.util.List;

/** {@code cilium encrypt …}: encryption between nodes. */
public final class EncryptCommands implements CommandGroup {

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec("status", "show whether and how traffic is encrypted", OUTPUT),
        new CommandSpec(
            "flush",
            "remove IPsec states and policies",
            new Option("--force", "-f", "", "do not ask for confirmation"),
            new Option("--node-id", "ID", "only those of this node"),
            new Option("--spi", "KEY", "only those of this key"),
            new Option("--stale", "", "only those that no node uses"),
            OUTPUT));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    if (command.equals("flush")) {
      // Changing the kernel's IPsec state of others would be no service to anybody.
      throw new CommandException("encrypt flush: not supported, this version has no IPsec");
    }
    Json status = session.agent().get("/healthz").get("encryption");
    return session.show(arguments, status, () -> text(status));
  }

  private static String text(Json status) {
    var table = new TextTable();
    table.row("Encryption:", status.get("mode").text("Disabled"));
    if (!status.get("msg").text().isEmpty()) {
      table.row("Message:", status.get("msg").text());
    }
    Json ipsec = status.get("ipsec");
    if (ipsec.isPresent()) {
      table.row(
          "Decryption interface(s):", String.join(", ", ipsec.get("decrypt-interfaces").texts()));
      table.row("Keys in use:", ipsec.get("keys-in-use").text("0"));
      table.row("Max Seq. Number:", ipsec.get("max-seq-number").text());
      table.row("Errors:", ipsec.get("error-count").text("0"));
    }
    for (Json device : status.get("wireguard", "interfaces").items()) {
      table.row("Interface:", device.get("name").text());
      table.row("  Public key:", device.get("public-key").text());
      table.row("  Number of peers:", device.get("peer-count").text("0"));
    }
    return table.toString();
  }
}
