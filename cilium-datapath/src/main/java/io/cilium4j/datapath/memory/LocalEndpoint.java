// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.Row.EndpointRow;

/**
 * An endpoint's row, with what the packet path would otherwise make for each packet.
 *
 * @param row what was applied
 * @param routed the decision for a packet from another pod
 * @param direct the decision for a packet from the node
 */
record LocalEndpoint(EndpointRow row, Decision.ToEndpoint routed, Decision.ToEndpoint direct) {

  static LocalEndpoint of(EndpointRow row) {
    return new LocalEndpoint(
        row,
        new Decision.ToEndpoint(row.endpoint(), true),
        new Decision.ToEndpoint(row.endpoint(), false));
  }

  Endpoint endpoint() {
    return row.endpoint();
  }

  int id() {
    return row.endpoint().id();
  }

  int ifindex() {
    return row.endpoint().device().hostIfindex();
  }

  /** Whether the packet's source address is the endpoint's own. */
  boolean isSourceOf(Packet packet) {
    return packet.isIpv6() ? hasV6(packet.sourceHigh, packet.sourceLow) : hasV4(packet.sourceLow);
  }

  /** Whether the packet's destination address is the endpoint's own. */
  boolean isDestinationOf(Packet packet) {
    return packet.isIpv6()
        ? hasV6(packet.destinationHigh, packet.destinationLow)
        : hasV4(packet.destinationLow);
  }

  boolean hasV4(long address) {
    for (IpAddress own : row.endpoint().addresses()) {
      if (own.isV4() && own.low() == address) {
        return true;
      }
    }
    return false;
  }

  boolean hasV6(long high, long low) {
    for (IpAddress own : row.endpoint().addresses()) {
      if (!own.isV4() && own.low() == low && own.high() == high) {
        return true;
      }
    }
    return false;
  }
}
