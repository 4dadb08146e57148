// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpAddress;

/**
 * Where a pod's flow through a service back to the pod comes from, for the pod: nobody answers to
 * his own address by the network. The same as {@code loop_address} in {@code lib/common.h}. Nobody
 * else has these addresses.
 */
final class LoopAddress {

  private static final IpAddress V4 = IpAddress.parse("169.254.42.1");
  private static final IpAddress V6 = IpAddress.parse("fd42:a9fe:2a01::1");

  private LoopAddress() {}

  private static IpAddress of(Packet packet) {
    return packet.isIpv6() ? V6 : V4;
  }

  /** The end that takes the place of the packet's source. */
  static End inPlaceOfSource(Packet packet) {
    return End.of(of(packet), packet.sourcePort);
  }

  static boolean isSourceOf(Packet packet) {
    IpAddress address = of(packet);
    return packet.sourceLow == address.low() && packet.sourceHigh == address.high();
  }

  static boolean isDestinationOf(Packet packet) {
    IpAddress address = of(packet);
    return packet.destinationLow == address.low() && packet.destinationHigh == address.high();
  }
}
