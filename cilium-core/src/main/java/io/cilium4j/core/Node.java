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
 * @param pools those of them that come from pools, by the pools' names
 * @param labels its labels in Kubernetes
 */
public record Node(
    String name,
    List<IpAddress> addresses,
    List<IpPrefix> podCidrs,
    Map<String, NodePool> pools,
    Map<String, String> labels) {
  public Node {
    addresses = List.copyOf(addresses);
    podCidrs = List.copyOf(podCidrs);
    pools = NodePool.copyOf(pools);
    labels = Map.copyOf(labels);
  }

  /** A node whose addresses come from no pools. */
  public Node(
      String name, List<IpAddress> addresses, List<IpPrefix> podCidrs, Map<String, String> labels) {
    this(name, addresses, podCidrs, Map.of(), labels);
  }

  /** A node of whose labels nothing is known. */
  public Node(String name, List<IpAddress> addresses, List<IpPrefix> podCidrs) {
    this(name, addresses, podCidrs, Map.of());
  }
}
