// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.memory.Frames;
import java.util.List;

/**
 * A flow between two places, as packets that a test sends for both.
 *
 * @param port the server's; for ICMP the type of the request
 * @param clientPort the client's; for ICMP the identifier
 * @param clientFirst whether the client is the first to speak after a change
 */
record Conversation(
    Kind kind,
    IpFamily family,
    Station client,
    Station server,
    int port,
    int clientPort,
    boolean clientFirst) {

  /** What it is when a change comes. */
  enum Kind {
    TCP_ESTABLISHED,
    TCP_HALF_CLOSED,
    /** By a RST that nobody heeded, since it was forged. */
    TCP_RESET,
    UDP,
    ICMP;

    boolean isTcp() {
      return switch (this) {
        case TCP_ESTABLISHED, TCP_HALF_CLOSED, TCP_RESET -> true;
        case UDP, ICMP -> false;
      };
    }
  }

  /** What one side sends. */
  enum Says {
    SYN(Frames.SYN),
    SYN_ACK(Frames.SYN_ACK),
    DATA(Frames.ACK),
    FIN(Frames.FIN_ACK),
    RST(Frames.RST);

    private final int flags;

    Says(int flags) {
      this.flags = flags;
    }
  }

  /** A step of a conversation. */
  record Step(boolean byClient, Says what) {}

  private static Step client(Says what) {
    return new Step(true, what);
  }

  private static Step server(Says what) {
    return new Step(false, what);
  }

  int protocol() {
    return switch (kind) {
      case TCP_ESTABLISHED, TCP_HALF_CLOSED, TCP_RESET -> NodeState.TCP;
      case UDP -> NodeState.UDP;
      case ICMP -> family == IpFamily.IPV4 ? NodeState.ICMP : NodeState.ICMPV6;
    };
  }

  /** From its first packet to where the change finds it. */
  List<Step> opening() {
    return switch (kind) {
      case TCP_ESTABLISHED ->
          List.of(
              client(Says.SYN),
              server(Says.SYN_ACK),
              client(Says.DATA),
              server(Says.DATA),
              client(Says.DATA));
      case TCP_HALF_CLOSED ->
          List.of(
              client(Says.SYN),
              server(Says.SYN_ACK),
              client(Says.FIN),
              server(Says.DATA),
              client(Says.DATA));
      case TCP_RESET ->
          List.of(
              client(Says.SYN),
              server(Says.SYN_ACK),
              client(Says.DATA),
              server(Says.DATA),
              client(Says.RST));
      case UDP, ICMP -> List.of(client(Says.DATA), server(Says.DATA), client(Says.DATA));
    };
  }

  /** What is said after the change, beginning with who speaks first. */
  List<Step> going() {
    Step first = new Step(clientFirst, Says.DATA);
    Step second = new Step(!clientFirst, Says.DATA);
    if (!kind.isTcp()) {
      return List.of(first, second, second, first);
    }
    return List.of(
        first,
        second,
        new Step(clientFirst, Says.FIN),
        new Step(!clientFirst, Says.FIN),
        new Step(clientFirst, Says.RST),
        new Step(!clientFirst, Says.RST),
        second,
        first);
  }

  Shot shot(PacketNode node, Step step) {
    Station from = step.byClient ? client : server;
    Station to = step.byClient ? server : client;
    int fromPort = step.byClient ? clientPort : port;
    int toPort = step.byClient ? port : clientPort;
    return node.shot(
        from,
        to,
        family,
        frames ->
            switch (kind) {
              case TCP_ESTABLISHED, TCP_HALF_CLOSED, TCP_RESET ->
                  frames.tcp(fromPort, toPort, step.what.flags);
              case UDP -> frames.udp(fromPort, toPort);
              case ICMP -> frames.icmp(step.byClient ? port : answer(), clientPort, new byte[4]);
            });
  }

  private int answer() {
    return port == 8 ? 0 : port + 1;
  }
}
