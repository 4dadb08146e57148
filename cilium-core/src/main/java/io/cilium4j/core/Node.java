// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.List;
import java.util.Map;

/**
 * A node of the cluster.
 *
 * @param name its name in Kubernetes
 * @param addresses where other nodes reach it
 * @param podCidrs the prefixes that its pods' addresses come from
 * @param labels its labels in Kubernetes
 */
public record Node(
    String name, List<IpAddress> addresses, List<IpPrefix> podCidrs, Map<String, String> labels) {
  public Node {
    addresses = List.copyOf(addresses);
    podCidrs = List.copyOf(podCidrs);
    labels = Map.copyOf(labels);
  }

  /** A node of whose labels nothing is known. */
  public Node(String name, List<IpAddress> addresses, List<IpPrefix> podCidrs) {
    this(name, addresses, podCidrs, Map.of());
  }
}
