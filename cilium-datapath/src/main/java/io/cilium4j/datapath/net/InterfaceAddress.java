// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;

/**
 * An address of a device with the length of its link's prefix; unlike a prefix it keeps its host
 * bits.
 *
 * @param address the address
 * @param length how many leading bits its neighbours share, 0 to 32 or 128
 */
public record InterfaceAddress(IpAddress address, int length) {
  public InterfaceAddress {
    if (length < 0 || length > address.family().bits()) {
      throw new IllegalArgumentException(
          "prefix length " + length + ": wanted 0 to " + address.family().bits());
    }
  }

  /** An address without neighbours. */
  public static InterfaceAddress host(IpAddress address) {
    return new InterfaceAddress(address, address.family().bits());
  }

  @Override
  public String toString() {
    return address + "/" + length;
  }
}
