// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

import java.io.IOException;
import java.net.SocketException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Connects to the UNIX sockets of an agent, and says what to do where that fails. */
public final class AgentSocket {
  private AgentSocket() {}

  /**
   * Connects.
   *
   * @param who is asked, for the message if that fails
   */
  public static SocketChannel open(Path socket, String who) {
    try {
      return SocketChannel.open(UnixDomainSocketAddress.of(socket));
    } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
      // The last two are what the JDK says of a path that is longer than a socket's may be.
      throw new CommandException(unreachable(socket, who, e), e);
    }
  }

  private static String unreachable(Path socket, String who, Exception e) {
    String why =
        Files.notExists(socket)
            ? "no such socket; is the agent running?"
            : e instanceof AccessDeniedException || !Files.isWritable(socket)
                ? "permission denied; try as root"
                : e instanceof SocketException
                    ? "connection refused; is the agent running?"
                    : String.valueOf(e.getMessage());
    return "cannot reach " + who + " at unix://" + socket + ": " + why;
  }
}
