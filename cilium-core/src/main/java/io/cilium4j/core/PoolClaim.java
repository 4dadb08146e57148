// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a node's allocator says of a pool: what it needs, and which prefixes it keeps or gives up
 * whatever the cluster's store has by now.
 *
 * @param neededIpv4 how many IPv4 addresses it needs, those in use included
 * @param neededIpv6 how many IPv6 addresses
 * @param kept prefixes that the store has no more and that are in use: they are to be written back
 * @param released prefixes that it gives up: no address of theirs is in use, nor will be
 * @param hasFirst as {@link NodePool#hasFirst}
 * @param hasLast as {@link NodePool#hasLast}
 */
public record PoolClaim(
    int neededIpv4,
    int neededIpv6,
    Set<IpPrefix> kept,
    Set<IpPrefix> released,
    boolean hasFirst,
    boolean hasLast) {
  public PoolClaim {
    kept = Set.copyOf(kept);
    released = Set.copyOf(released);
  }

  /** A node that needs so many addresses of each of the families, and has none yet. */
  public static PoolClaim of(int needed, Set<IpFamily> families) {
    return new PoolClaim(
        families.contains(IpFamily.IPV4) ? needed : 0,
        families.contains(IpFamily.IPV6) ? needed : 0,
        Set.of(),
        Set.of(),
        false,
        false);
  }

  /** What the store is to have of a node's pools, where it has these now. */
  public static Map<String, NodePool> apply(
      Map<String, PoolClaim> claims, Map<String, NodePool> stored) {
    var pools = new TreeMap<String, NodePool>();
    stored.forEach((name, pool) ->
        pools.put(name, new NodePool(0, 0, pool.cidrs(), pool.hasFirst(), pool.hasLast())));
    claims.forEach((name, claim) -> {
      NodePool has = stored.getOrDefault(name, NodePool.of(List.of()));
      var cidrs = new LinkedHashSet<>(has.cidrs());
      cidrs.removeAll(claim.released());
      boolean isNew = has.cidrs().isEmpty();
      cidrs.addAll(claim.kept());
      pools.put(
          name,
          new NodePool(
              claim.neededIpv4(),
              claim.neededIpv6(),
              List.copyOf(cidrs),
              isNew ? !claim.kept().isEmpty() && claim.hasFirst() : has.hasFirst(),
              isNew ? !claim.kept().isEmpty() && claim.hasLast() : has.hasLast()));
    });
    return NodePool.copyOf(pools);
  }
}
