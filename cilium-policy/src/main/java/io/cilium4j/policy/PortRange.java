// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Protocol;

/**
 * Neighbouring ports of a protocol, of which rules decide alike.
 *
 * @param protocol the protocol; {@link Protocol#ANY} for every port of every one
 * @param first the first port, or ICMP type
 * @param last the last one
 */
public record PortRange(Protocol protocol, int first, int last) {

  /** Every port of every protocol. */
  public static final PortRange ANY = new PortRange(Protocol.ANY, 0, 0xffff);

  /** Whether a port is in it. */
  public boolean contains(PortProtocol port) {
    return protocol == Protocol.ANY
        || (protocol == port.protocol() && first <= port.port() && port.port() <= last);
  }

  /** Whether it is all that the protocol has. */
  public boolean isWhole() {
    return protocol == Protocol.ANY
        || (first == PortProtocol.first(protocol) && last == PortProtocol.last(protocol));
  }

  /** {@code 80/TCP}, {@code 8000-8999/TCP}, {@code any/UDP} or {@code any}. */
  @Override
  public String toString() {
    if (protocol == Protocol.ANY) {
      return "any";
    }
    String ports = first == last ? Integer.toString(first) : first + "-" + last;
    return (isWhole() ? "any" : ports) + "/" + protocol;
  }
}
