// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.MacAddress;

/**
 * A pair of connected devices to make: what enters one leaves the other.
 *
 * @param name name of the device on this side
 * @param peerName name of the other
 * @param mac Ethernet address on this side
 * @param peerMac Ethernet address of the other
 * @param mtuBytes largest packet of both, 68 to 65535; IPv6 needs 1280
 */
public record VethPair(
    String name, String peerName, MacAddress mac, MacAddress peerMac, int mtuBytes) {

  /** The least that IPv4 and the kernel's veth driver accept. */
  private static final int MIN_MTU_BYTES = 68;

  private static final int MAX_MTU_BYTES = 65_535;

  public VethPair {
    checkName(name);
    checkName(peerName);
    if (mtuBytes < MIN_MTU_BYTES || mtuBytes > MAX_MTU_BYTES) {
      throw new IllegalArgumentException(
          "MTU " + mtuBytes + ": wanted " + MIN_MTU_BYTES + " to " + MAX_MTU_BYTES);
    }
  }

  /** The kernel's own rule, applied before it is asked so that the error names the device. */
  static void checkName(String name) {
    boolean good =
        !name.isEmpty()
            && name.length() <= EndpointInterface.MAX_NAME_CHARS
            && !name.equals(".")
            && !name.equals("..")
            && name.chars().allMatch(c -> c > ' ' && c < 0x7f && c != '/' && c != ':' && c != '%');
    if (!good) {
      throw new IllegalArgumentException(
          "device name \"" + name + "\": wanted 1 to 15 visible ASCII characters but / : %");
    }
  }
}
