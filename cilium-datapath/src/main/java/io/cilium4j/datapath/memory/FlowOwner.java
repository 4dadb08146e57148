// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

/**
 * Whom flows are counted for: the pod that sent the first packet, or was sent it by the node or by
 * somebody outside. So a flood of new flows takes room from its sender's, or its victim's, own.
 */
final class FlowOwner {

  /** The pod's device. */
  final int ifindex;

  /** Its entries now, in the main table and in the one for what goes beyond its share. */
  int main;

  int overflow;

  /** How many of its flows did not fit its share, ever. */
  long overflowed;

  FlowOwner(int ifindex) {
    this.ifindex = ifindex;
  }

  void count(FlowEntry entry, int more) {
    if (entry.inOverflow) {
      overflow += more;
    } else {
      main += more;
    }
  }
}
