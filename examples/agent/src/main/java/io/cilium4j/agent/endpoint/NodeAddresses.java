// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.datapath.net.Netlink;
import java.net.NetworkInterface;
import java.net.SocketException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Whether addresses are this machine's own, or what it needs to reach others; asked now. */
final class NodeAddresses {
  private static final Logger LOG = LoggerFactory.getLogger(NodeAddresses.class);

  private NodeAddresses() {}

  /** Whether a device here has the address. */
  static boolean has(IpAddress address) {
    try {
      return NetworkInterface.getByInetAddress(address.toInetAddress()) != null;
    } catch (SocketException _) {
      return false; // So the JDK says where no device has an address.
    }
  }

  /** Whether a route of the machine goes over the address. */
  static boolean isGateway(IpAddress address) {
    try (Netlink node = Netlink.open()) {
      return node.listGateways().contains(address);
    } catch (DatapathException e) {
      LOG.debug("no routes here", e); // Nor then devices that a pod could be joined with.
      return false;
    }
  }
}
