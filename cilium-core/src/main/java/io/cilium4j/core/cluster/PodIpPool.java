// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.cluster;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import java.util.List;
import java.util.Optional;

/**
 * A pool that nodes' prefixes are cut from: a {@code CiliumPodIPPool}.
 *
 * @param name what pods call it by
 * @param ipv4 its IPv4 addresses; absent where it has none
 * @param ipv6 its IPv6 addresses; absent where it has none
 * @param hasFirst whether the first address of each node's prefix is given to pods, too
 * @param hasLast whether the last one is
 * @param unsupported fields that it has and that nobody here carries out; such a pool is not used
 */
public record PodIpPool(
    String name,
    Optional<Blocks> ipv4,
    Optional<Blocks> ipv6,
    boolean hasFirst,
    boolean hasLast,
    List<String> unsupported)
    implements ClusterObject {

  /**
   * Addresses of a family.
   *
   * @param cidrs ranges
   * @param maskSize length of the prefixes that nodes get
   */
  public record Blocks(List<IpPrefix> cidrs, int maskSize) {
    public Blocks {
      cidrs = List.copyOf(cidrs);
    }

    private Blocks checked(String pool, IpFamily family) {
      if (maskSize < 1 || maskSize > family.bits()) {
        throw new IllegalArgumentException(
            "pool " + pool + ": mask size " + maskSize + ": wanted 1 to " + family.bits());
      }
      for (IpPrefix cidr : cidrs) {
        if (cidr.family() != family) {
          throw new IllegalArgumentException(
              "pool " + pool + ": CIDR " + cidr + ": of the other address family");
        }
      }
      return this;
    }
  }

  public PodIpPool {
    Names.require("pool", name);
    ipv4 = checked(name, ipv4, IpFamily.IPV4);
    ipv6 = checked(name, ipv6, IpFamily.IPV6);
    unsupported = List.copyOf(unsupported);
  }

  /** A pool of which everything is carried out. */
  public PodIpPool(
      String name,
      Optional<Blocks> ipv4,
      Optional<Blocks> ipv6,
      boolean hasFirst,
      boolean hasLast) {
    this(name, ipv4, ipv6, hasFirst, hasLast, List.of());
  }

  private static Optional<Blocks> checked(String pool, Optional<Blocks> blocks, IpFamily family) {
    return blocks.map(each -> each.checked(pool, family));
  }

  @Override
  public String key() {
    return name;
  }

  /** Its addresses of a family. */
  public Optional<Blocks> blocks(IpFamily family) {
    return switch (family) {
      case IPV4 -> ipv4;
      case IPV6 -> ipv6;
    };
  }
}
