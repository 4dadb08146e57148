// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Objects;

/**
 * What an entry of a {@link PolicyMapState} holds for: packets of one direction, from or to one
 * identity, of one protocol, to one aligned block of ports.
 *
 * @param direction seen from the subject
 * @param identity the peer's number, or an aggregate's
 * @param protocol the IP protocol's number; 0 for any, and then the port is any too
 * @param port the first port of the block (for ICMP the type)
 * @param portPrefixLength how many leading bits of the port are fixed: 0 for any port, 16 for one
 */
public record PolicyKey(
    TrafficDirection direction, int identity, int protocol, int port, int portPrefixLength) {

  /** Prefix length of a single port. */
  public static final int FULL_PORT = 16;

  public PolicyKey {
    Objects.requireNonNull(direction, "direction");
    if (protocol < 0 || protocol > 255) {
      throw new IllegalArgumentException("protocol " + protocol + ": wanted 0 to 255");
    }
    if (portPrefixLength < 0 || portPrefixLength > FULL_PORT) {
      throw new IllegalArgumentException(
          "port prefix length " + portPrefixLength + ": wanted 0 to 16");
    }
    if (port < 0 || port > 0xffff || (port & (0xffff >>> portPrefixLength)) != 0) {
      throw new IllegalArgumentException(
          "port " + port + "/" + portPrefixLength + ": not the first port of such a block");
    }
    if (protocol == 0 && portPrefixLength != 0) {
      throw new IllegalArgumentException("any protocol goes with any port, not with port " + port);
    }
  }

  /** Every protocol and port. */
  public static PolicyKey any(TrafficDirection direction, int identity) {
    return new PolicyKey(direction, identity, 0, 0, 0);
  }

  /** One port of one protocol. */
  public static PolicyKey port(TrafficDirection direction, int identity, int protocol, int port) {
    return new PolicyKey(direction, identity, protocol, port, FULL_PORT);
  }

  /** Whether every packet of {@code other} is one of this key's too, identities aside. */
  public boolean coversL4(PolicyKey other) {
    return direction == other.direction
        && (protocol == 0
            || (protocol == other.protocol
                && portPrefixLength <= other.portPrefixLength
                && (other.port & ~(0xffff >>> portPrefixLength) & 0xffff) == port));
  }

  /** Last port of the block. */
  public int lastPort() {
    return port | (0xffff >>> portPrefixLength);
  }

  /**
   * How narrow the protocol and ports are: 0 for any protocol, 1 for any port, to 17 for one port.
   */
  public int shape() {
    return protocol == 0 ? 0 : 1 + portPrefixLength;
  }
}
