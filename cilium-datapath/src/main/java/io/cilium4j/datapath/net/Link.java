// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.MacAddress;

/**
 * A network device as the kernel showed it at one moment.
 *
 * @param index its index, unique in its namespace
 * @param name its name there
 * @param kind the driver's name ({@code veth}, {@code vxlan}), empty for a physical device
 * @param mac its Ethernet address, all zero where the device has none
 * @param mtuBytes its largest packet
 * @param flags {@code IFF_…} of linux/if.h
 * @param peerIndex index of the device it stands on or, for a veth, of its peer, in that device's
 *     namespace; 0 if there is none
 * @param alias the text that somebody wrote to it; empty without one
 */
public record Link(
    int index,
    String name,
    String kind,
    MacAddress mac,
    int mtuBytes,
    int flags,
    int peerIndex,
    String alias) {

  /** The kind of a VXLAN device. */
  public static final String VXLAN = "vxlan";

  static final int IFF_UP = 0x1;
  static final int IFF_LOOPBACK = 0x8;
  static final int IFF_RUNNING = 0x40;
  static final int IFF_NOARP = 0x80;

  /** Whether it was set up. */
  public boolean isUp() {
    return (flags & IFF_UP) != 0;
  }

  /** Whether what is sent by it comes back to the node. */
  public boolean isLoopback() {
    return (flags & IFF_LOOPBACK) != 0;
  }

  /** Whether it carries packets: it is up, and so is what it is connected to. */
  public boolean isRunning() {
    return (flags & IFF_RUNNING) != 0;
  }

  /** Whether what it carries has no Ethernet header. */
  public boolean hasNoEthernet() {
    return mac.bits() == 0;
  }

  /** Whether it neither asks nor answers for neighbours. */
  public boolean isNoArp() {
    return (flags & IFF_NOARP) != 0;
  }
}
