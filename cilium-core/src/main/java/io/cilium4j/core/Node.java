// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.List;

/**
 * A node of the cluster.
 *
 * @param name its name in Kubernetes
 * @param addresses where other nodes reach it
 * @param podCidrs the prefixes that its pods' addresses come from
 */
public record Node(String name, List<IpAddress> addresses, List<IpPrefix> podCidrs) {
  public Node {
    addresses = List.copyOf(addresses);
    podCidrs = List.copyOf(podCidrs);
  }
}
