// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpPrefix;

/**
 * A rule of the node's routing: what comes in by a device with such a source goes nowhere.
 *
 * @param device the device's name; it need not exist
 * @param from the sources
 */
public record BlackholeRule(String device, IpPrefix from) {
  public BlackholeRule {
    VethPair.checkName(device);
  }

  /** As {@code ip rule} writes it. */
  @Override
  public String toString() {
    return "from " + from + " iif " + device + " blackhole";
  }
}
