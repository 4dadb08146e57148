// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a node has of a pool of addresses, and how many it asks for: the operator gives prefixes,
 * and the node gives those back that it does not need.
 *
 * @param neededIpv4 how many IPv4 addresses the node asks for, those that it uses included
 * @param neededIpv6 how many IPv6 addresses
 * @param cidrs the pool's prefixes that the node has, sorted
 * @param hasFirst whether the first address of each prefix is given to pods, too
 * @param hasLast whether the last one is
 */
public record NodePool(
    int neededIpv4, int neededIpv6, List<IpPrefix> cidrs, boolean hasFirst, boolean hasLast) {

  /** The pool of those that name none. */
  public static final String DEFAULT = "default";

  public NodePool {
    if (neededIpv4 < 0 || neededIpv6 < 0) {
      throw new IllegalArgumentException(
          "needed addresses " + neededIpv4 + " and " + neededIpv6 + ": wanted 0 or more");
    }
    cidrs = cidrs.stream().distinct().sorted().toList();
  }

  /** A node that has these prefixes, and asks for nothing. */
  public static NodePool of(List<IpPrefix> cidrs) {
    return new NodePool(0, 0, cidrs, false, false);
  }

  /** This pool with other prefixes. */
  public NodePool withCidrs(List<IpPrefix> others) {
    return new NodePool(neededIpv4, neededIpv6, others, hasFirst, hasLast);
  }

  /** How many addresses of a family the node asks for. */
  public int needed(IpFamily family) {
    return switch (family) {
      case IPV4 -> neededIpv4;
      case IPV6 -> neededIpv6;
    };
  }

  /** Its prefixes of a family. */
  public List<IpPrefix> cidrs(IpFamily family) {
    return cidrs.stream().filter(cidr -> cidr.family() == family).toList();
  }

  /** Whether the node neither has nor asks for anything. */
  public boolean isNothing() {
    return neededIpv4 == 0 && neededIpv6 == 0 && cidrs.isEmpty();
  }

  /** Pools by name, sorted, without those of which the node has and wants nothing. */
  public static Map<String, NodePool> copyOf(Map<String, NodePool> pools) {
    var copy = new TreeMap<>(pools);
    copy.values().removeIf(NodePool::isNothing);
    return Collections.unmodifiableMap(copy);
  }

  /** The prefixes of all pools. */
  public static List<IpPrefix> cidrs(Map<String, NodePool> pools) {
    return pools.values().stream().flatMap(pool -> pool.cidrs().stream()).toList();
  }
}
