// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import java.net.InetAddress;

/** Addresses that mean something else on each node, or nobody at all. */
final class UnfitAddresses {
  private static final IpAddress BROADCAST = IpAddress.ofV4(-1);

  private UnfitAddresses() {}

  /** Why nothing can be sent to a service at an address; empty if it can. */
  static String ofFrontend(IpAddress address) {
    InetAddress all = address.toInetAddress();
    if (all.isAnyLocalAddress()) {
      return "an unspecified address";
    }
    if (all.isLoopbackAddress()) {
      return "a loopback address";
    }
    return all.isMulticastAddress() || address.equals(BROADCAST)
        ? "an address of many receivers"
        : "";
  }

  /** Why nothing can be sent to a backend at an address; empty if it can. */
  static String ofBackend(IpAddress address) {
    return address.toInetAddress().isLinkLocalAddress()
        ? "a link-local address"
        : ofFrontend(address);
  }
}
