// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;

/**
 * A flow that the programs know.
 *
 * @param source where its first packet came from
 * @param sourceEndpoint the endpoint there; 0 for none of this node
 * @param expires when it is forgotten, in seconds of the kernel's monotonic clock
 * @param epoch of its verdict; an older one than the present is decided anew by the next packet
 * @param state what was seen of it
 */
public record ConntrackRow(
    int protocol,
    IpAddress source,
    int sourcePort,
    int sourceEndpoint,
    IpAddress destination,
    int destinationPort,
    int destinationEndpoint,
    int expires,
    long epoch,
    State state) {

  /**
   * What was seen of a flow.
   *
   * @param isReplied whether the other end answered
   * @param isClosing whether it is at its end
   */
  public record State(boolean isReplied, boolean isClosing) {}

  static ConntrackRow of(ConntrackKey key, ConntrackRecord record) {
    boolean fromHigh = (record.flags() & ConntrackRecord.INITIATOR_HIGH) != 0;
    return new ConntrackRow(
        key.protocol(),
        fromHigh ? key.high() : key.low(),
        fromHigh ? key.highPort() : key.lowPort(),
        fromHigh ? record.high().endpoint() : record.low().endpoint(),
        fromHigh ? key.low() : key.high(),
        fromHigh ? key.lowPort() : key.highPort(),
        fromHigh ? record.low().endpoint() : record.high().endpoint(),
        record.expires(),
        record.epoch(),
        new State(
            (record.flags() & ConntrackRecord.REPLIED) != 0,
            (record.flags() & ConntrackRecord.CLOSING) != 0));
  }
}
