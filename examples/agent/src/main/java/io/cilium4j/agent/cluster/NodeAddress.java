// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import io.cilium4j.core.IpAddress;
import java.util.Comparator;

/**
 * One address of a node. In order they are by node, and IPv4 before IPv6: the first of a node is
 * its primary one.
 */
public record NodeAddress(String node, IpAddress address) implements Comparable<NodeAddress> {

  private static final Comparator<NodeAddress> ORDER =
      Comparator.comparing(NodeAddress::node)
          .thenComparing(each -> each.address().family())
          .thenComparing(NodeAddress::address);

  @Override
  public int compareTo(NodeAddress other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return node + " " + address;
  }
}
