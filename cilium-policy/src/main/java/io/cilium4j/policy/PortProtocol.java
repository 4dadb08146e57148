// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Protocol;

/**
 * What a flow is to at its receiver: a protocol, and where that has them a port or an ICMP type.
 *
 * @param protocol a single one, not {@link Protocol#ANY}
 * @param port 1 to 65535 of TCP, UDP and SCTP; 0 to 255, the type, of ICMP; 0 of all others
 */
public record PortProtocol(Protocol protocol, int port) {

  public PortProtocol {
    if (protocol == Protocol.ANY) {
      throw new IllegalArgumentException("protocol ANY: wanted a single one");
    }
    if (port < first(protocol) || port > last(protocol)) {
      throw new IllegalArgumentException(
          "port "
              + port
              + "/"
              + protocol
              + ": wanted "
              + (last(protocol) == 0 ? "0" : first(protocol) + " to " + last(protocol)));
    }
  }

  /** A port of TCP. */
  public static PortProtocol tcp(int port) {
    return new PortProtocol(Protocol.TCP, port);
  }

  /** A port of UDP. */
  public static PortProtocol udp(int port) {
    return new PortProtocol(Protocol.UDP, port);
  }

  /** A port of SCTP. */
  public static PortProtocol sctp(int port) {
    return new PortProtocol(Protocol.SCTP, port);
  }

  /** A type of ICMP for IPv4; 8 is an echo request. */
  public static PortProtocol icmp(int type) {
    return new PortProtocol(Protocol.ICMP, type);
  }

  /** A type of ICMP for IPv6; 128 is an echo request. */
  public static PortProtocol icmpv6(int type) {
    return new PortProtocol(Protocol.ICMPV6, type);
  }

  /**
   * Reads {@code PORT/PROTOCOL} or {@code PORT}, which is of TCP.
   *
   * @throws IllegalArgumentException if it is neither
   */
  public static PortProtocol parse(String text) {
    int slash = text.indexOf('/');
    String port = slash < 0 ? text : text.substring(0, slash);
    Protocol protocol =
        Protocol.tryParse(slash < 0 ? "TCP" : text.substring(slash + 1)).orElse(Protocol.ANY);
    if (protocol == Protocol.ANY || !port.matches("[0-9]{1,5}")) {
      throw new IllegalArgumentException(
          "port \"" + text + "\": wanted PORT/PROTOCOL, for example 80/TCP");
    }
    return new PortProtocol(protocol, Integer.parseInt(port));
  }

  /** The first number that a packet of the protocol can have where rules look for the port. */
  static int first(Protocol protocol) {
    return switch (protocol) {
      case TCP, UDP, SCTP -> 1;
      default -> 0;
    };
  }

  /** The last such number. */
  static int last(Protocol protocol) {
    return switch (protocol) {
      case TCP, UDP, SCTP -> 0xffff;
      case ICMP, ICMPV6 -> 0xff;
      default -> 0;
    };
  }

  /** {@code 80/TCP}. */
  @Override
  public String toString() {
    return port + "/" + protocol;
  }
}
