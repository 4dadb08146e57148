// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpFamily;

/**
 * A rule of routing: what comes in by a device is routed by the table of the node's own addresses,
 * before any other.
 *
 * @param device the device's name; empty for the kernel's own rule, for whatever there is to route
 */
record LocalRule(IpFamily family, String device) {
  LocalRule {
    if (!device.isEmpty()) {
      VethPair.checkName(device);
    }
  }

  /** As {@code ip rule} writes it. */
  @Override
  public String toString() {
    return family + (device.isEmpty() ? "" : " iif " + device) + " lookup local";
  }
}
