// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpAddress;

/**
 * An end of a flow, of the family of whatever it belongs to.
 *
 * @param high the upper half of the address, as in {@link Packet}
 * @param low the lower half
 * @param port the port
 */
record End(long high, long low, int port) {

  static End of(IpAddress address, int port) {
    return new End(address.high(), address.low(), port);
  }

  static End sourceOf(Packet packet) {
    return new End(packet.sourceHigh, packet.sourceLow, packet.sourcePort);
  }

  static End destinationOf(Packet packet) {
    return new End(packet.destinationHigh, packet.destinationLow, packet.destinationPort);
  }
}
