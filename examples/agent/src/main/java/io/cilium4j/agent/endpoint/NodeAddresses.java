// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.core.IpAddress;
import java.net.NetworkInterface;
import java.net.SocketException;

/** Whether addresses are this machine's own, asked now. */
final class NodeAddresses {
  private NodeAddresses() {}

  /** Whether a device here has the address. */
  static boolean has(IpAddress address) {
    try {
      return NetworkInterface.getByInetAddress(address.toInetAddress()) != null;
    } catch (SocketException _) {
      return false; // So the JDK says where no device has an address.
    }
  }
}
