// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.spi.IpamMode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The mode {@code multi-pool}: addresses come from named pools. The operator gives a node prefixes
 * of each ({@code CiliumPodIPPool}) as the node asks for them, and the node gives back what it does
 * not need.
 *
 * <p>Options, all optional: {@code default-pool}, the pool of who names none; {@code
 * pre-allocation}, how many addresses are asked for before anybody needs them, {@code
 * POOL=NUMBER,POOL=NUMBER} ({@code default=8}); {@code families}, {@code ipv4}, {@code ipv6} or
 * both with a comma (both); {@code routers}, the node's own addresses of an earlier run.
 */
public final class MultiPoolMode implements IpamMode {

  private static final String DEFAULT_POOL = "default-pool";
  private static final String PRE_ALLOCATION = "pre-allocation";
  private static final String FAMILIES = "families";
  private static final String ROUTERS = "routers";

  /** Most addresses that are asked for beforehand: of 16 bits, more than a node has pods. */
  private static final int MAX_PRE_ALLOCATION = 65_536;

  /**
   * Enough for an operator to hear of a pool that was applied just before the pods that name it.
   */
  private static final Duration GRACE = Duration.ofSeconds(1);

  /** For {@link java.util.ServiceLoader}. */
  public MultiPoolMode() {}

  @Override
  public String name() {
    return "multi-pool";
  }

  @Override
  public IpamAllocator open(Node node, Map<String, String> options) {
    var unknown = new TreeSet<>(options.keySet());
    unknown.removeAll(Set.of(DEFAULT_POOL, PRE_ALLOCATION, FAMILIES, ROUTERS));
    if (!unknown.isEmpty()) {
      throw new IpamException("IPAM mode multi-pool: options " + unknown + ": unknown");
    }
    try {
      return new MultiPoolAllocator(
          node,
          new MultiPoolAllocator.Config(
              options.getOrDefault(DEFAULT_POOL, NodePool.DEFAULT),
              preAllocation(options.getOrDefault(PRE_ALLOCATION, NodePool.DEFAULT + "=8")),
              families(options.getOrDefault(FAMILIES, "ipv4,ipv6")),
              GRACE),
          routers(options.getOrDefault(ROUTERS, "")),
          System::nanoTime);
    } catch (IllegalArgumentException e) {
      throw new IpamException("IPAM mode multi-pool: " + e.getMessage(), e);
    }
  }

  /**
   * Reads how many addresses of each pool are asked for beforehand: {@code POOL=NUMBER,…}.
   *
   * @throws IllegalArgumentException if it says something else, in one line
   */
  public static Map<String, Integer> preAllocation(String text) {
    var all = new TreeMap<String, Integer>();
    for (String item : items(text)) {
      String[] parts = item.split("=", -1);
      boolean isRight =
          parts.length == 2 && !parts[0].isBlank() && parts[1].strip().matches("[0-9]{1,5}");
      if (!isRight || Integer.parseInt(parts[1].strip()) > MAX_PRE_ALLOCATION) {
        throw new IllegalArgumentException(
            PRE_ALLOCATION
                + " \""
                + item
                + "\": wanted POOL=NUMBER, at most "
                + MAX_PRE_ALLOCATION);
      }
      all.put(parts[0].strip(), Integer.parseInt(parts[1].strip()));
    }
    return all;
  }

  private static Set<IpFamily> families(String text) {
    Set<IpFamily> all = EnumSet.noneOf(IpFamily.class);
    for (String item : items(text)) {
      all.add(
          switch (item) {
            case "ipv4" -> IpFamily.IPV4;
            case "ipv6" -> IpFamily.IPV6;
            default ->
                throw new IllegalArgumentException(
                    FAMILIES + " \"" + item + "\": wanted ipv4 or ipv6");
          });
    }
    return all;
  }

  private static List<IpAddress> routers(String text) {
    var all = new ArrayList<IpAddress>();
    items(text).forEach(item -> all.add(IpAddress.parse(item)));
    return all;
  }

  private static List<String> items(String text) {
    return Arrays.stream(text.split(",", -1))
        .map(String::strip)
        .filter(item -> !item.isEmpty())
        .toList();
  }
}
