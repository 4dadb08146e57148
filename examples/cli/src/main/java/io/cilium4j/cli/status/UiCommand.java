// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.Session;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** {@code cilium ui}: the link to the agent's page, with its token. */
public final class UiCommand implements CommandGroup {
  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec("", "print the link to the agent's page, which lets its reader in"));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Path link = session.settings().socket().resolveSibling("ui.link");
    if (!Files.exists(link)) {
      throw new CommandException(
          link + ": not there; does the agent run with --enable-hubble and --ui-address?");
    }
    if (!Files.isReadable(link)) {
      throw new CommandException(Console.unreadable(link));
    }
    session.console().print(Files.readString(link));
    return 0;
  }
}
