// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.ipam.MultiPoolMode;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What the options say of pools ({@code ipam=multi-pool}).
 *
 * @param defaultPool the pool of those that name none
 * @param preAllocation how many addresses of each pool are asked for beforehand
 * @param families those that pods have addresses of
 */
record PoolOptions(String defaultPool, Map<String, Integer> preAllocation, Set<IpFamily> families) {

  static final String MODE = "multi-pool";

  private static final String PRE_ALLOCATION = "ipam-multi-pool-pre-allocation";
  private static final String BY_DEFAULT = "default=8";

  PoolOptions {
    preAllocation = Map.copyOf(preAllocation);
    families = Set.copyOf(families);
  }

  /** Whether addresses come from pools. */
  static boolean areUsed(DaemonSettings settings) {
    return settings.text("ipam").equals(MODE);
  }

  /**
   * Reads them.
   *
   * @throws OptionException if they cannot be
   */
  static PoolOptions read(DaemonSettings settings, Set<IpFamily> families) {
    for (String key : new String[] {"ipv4-range", "ipv6-range"}) {
      if (!settings.text(key).equals("auto")) {
        throw new OptionException(key + ": not with ipam=multi-pool, whose pools say the prefixes");
      }
    }
    String pool = settings.text("ipam-default-ip-pool");
    String text = settings.text(PRE_ALLOCATION);
    try {
      return new PoolOptions(
          pool,
          MultiPoolMode.preAllocation(text.equals(BY_DEFAULT) ? pool + "=8" : text),
          families);
    } catch (IllegalArgumentException e) {
      throw new OptionException(PRE_ALLOCATION + ": " + e.getMessage());
    }
  }

  /** The options of the mode. */
  Map<String, String> ofMode() {
    return Map.of(
        "default-pool",
        defaultPool,
        "pre-allocation",
        preAllocation.entrySet().stream()
            .map(each -> each.getKey() + "=" + each.getValue())
            .collect(Collectors.joining(",")),
        "families",
        families.stream()
            .map(family -> family.name().toLowerCase(Locale.ROOT))
            .sorted()
            .collect(Collectors.joining(",")));
  }

  /** What a node asks for before it has an allocator: of the default pool one for itself. */
  Map<String, PoolClaim> firstClaims() {
    var claims = new TreeMap<String, PoolClaim>();
    preAllocation.forEach((pool, number) -> claims.put(pool, PoolClaim.of(number, families)));
    claims.merge(
        defaultPool,
        PoolClaim.of(1, families),
        (asked, least) -> asked.neededIpv4() + asked.neededIpv6() > 0 ? asked : least);
    claims.values().removeIf(claim -> claim.neededIpv4() + claim.neededIpv6() == 0);
    return claims;
  }

  /** What a node lacks that is to begin, for people; empty for nothing. */
  String missing(Map<String, NodePool> pools) {
    return firstClaims().keySet().stream()
        .flatMap(pool ->
            families.stream()
                .sorted()
                .filter(family ->
                    pools.getOrDefault(pool, NodePool.of(List.of())).cidrs(family).isEmpty())
                .map(family -> (family == IpFamily.IPV4 ? "IPv4" : "IPv6") + " of pool " + pool))
        .collect(Collectors.joining(", "));
  }
}
