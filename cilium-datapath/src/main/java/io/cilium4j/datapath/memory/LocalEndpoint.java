// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.Datapath.EndpointRow;

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
    for (IpAddress address : row.endpoint().addresses()) {
      if (address.family() == packet.family
          && address.low() == packet.sourceLow
          && (packet.family == IpFamily.IPV4 || address.high() == packet.sourceHigh)) {
        return true;
      }
    }
    return false;
  }
}
