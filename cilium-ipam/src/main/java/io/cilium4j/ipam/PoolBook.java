// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.PodIpPool.Blocks;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The operator's book of pools: which node has which prefix. A prefix has one node, whichever pool
 * it is of and whatever became of that pool: of a pool that shrank or is gone nodes keep what they
 * have until they give it back.
 *
 * <p>Safe for use by several threads.
 */
final class PoolBook {

  /** Most prefixes of a pool that a node gets: what a store reads of one list is bounded. */
  private static final int MAX_CIDRS = 512;

  /**
   * How full a pool is.
   *
   * @param blocks how many prefixes it can be cut into
   * @param free how many of them no node has
   */
  record Usage(String pool, IpFamily family, long blocks, long free) {}

  /** What a node is to have, and why it is not all that it asks for: a line each. */
  record Assigned(Map<String, NodePool> pools, List<String> errors) {}

  private record Pool(PodIpPool definition, FreeParts parts, Set<IpFamily> unusable) {}

  private final ReentrantLock lock = new ReentrantLock();
  private final CidrOwners owners = new CidrOwners();
  private final Map<String, Pool> pools = new TreeMap<>();

  /** What each node has, with the pool's name. */
  private final Map<String, Map<IpPrefix, String>> nodes = new HashMap<>();

  // ---- pools ----

  /**
   * A pool is there, or is another by now.
   *
   * @return what is wrong about it, a line each; what can be used of it is
   */
  List<String> put(PodIpPool pool) {
    lock.lock();
    try {
      var problems = new ArrayList<String>();
      Pool before = pools.get(pool.name());
      PodIpPool wanted = before == null ? pool : settled(before.definition(), pool, problems);
      var parts = new ArrayList<Parts>();
      Set<IpFamily> unusable = new HashSet<>();
      if (!wanted.unsupported().isEmpty()) {
        problems.add(
            "pool "
                + wanted.name()
                + ": not used, since this is not supported: "
                + String.join(", ", wanted.unsupported()));
      }
      for (IpFamily family : IpFamily.values()) {
        Optional<Blocks> blocks = wanted.blocks(family);
        if (blocks.isPresent()) {
          List<Parts> made =
              wanted.unsupported().isEmpty()
                  ? parts(wanted.name(), blocks.get(), problems)
                  : List.of();
          parts.addAll(made);
          if (made.isEmpty()) {
            unusable.add(family);
          }
        }
      }
      pools.put(wanted.name(), new Pool(wanted, new FreeParts(parts, owners), unusable));
      problems.addAll(stranded(wanted));
      return problems;
    } finally {
      lock.unlock();
    }
  }

  /** What nodes have of a pool was cut by its lengths. */
  private static PodIpPool settled(PodIpPool before, PodIpPool wanted, List<String> problems) {
    boolean isSame = before.hasFirst() == wanted.hasFirst() && before.hasLast() == wanted.hasLast();
    for (IpFamily family : IpFamily.values()) {
      Optional<Integer> size = before.blocks(family).map(Blocks::maskSize);
      Optional<Integer> changed = wanted.blocks(family).map(Blocks::maskSize);
      isSame &= size.isEmpty() || changed.isEmpty() || size.equals(changed);
    }
    if (isSame) {
      return wanted;
    }
    problems.add(
        "pool "
            + wanted.name()
            + ": mask size, allowFirstIP and allowLastIP cannot change; it stays as it was");
    return before;
  }

  private static List<Parts> parts(String pool, Blocks blocks, List<String> problems) {
    var parts = new ArrayList<Parts>();
    for (IpPrefix cidr : blocks.cidrs()) {
      Optional<String> unusable = UnusablePrefixes.reason(cidr);
      boolean overlaps =
          parts.stream()
              .anyMatch(other -> other.whole().contains(cidr) || cidr.contains(other.whole()));
      int bits = blocks.maskSize() - cidr.length();
      if (unusable.isPresent()) {
        problems.add("pool " + pool + ": CIDR " + cidr + ": " + unusable.get());
      } else if (overlaps) {
        problems.add("pool " + pool + ": CIDR " + cidr + ": overlaps another of the pool");
      } else if (bits < 0 || bits > Parts.MAX_BITS) {
        problems.add(
            "pool "
                + pool
                + ": CIDR "
                + cidr
                + " by /"
                + blocks.maskSize()
                + ": wanted a mask size of "
                + cidr.length()
                + " to "
                + Math.min(cidr.family().bits(), cidr.length() + Parts.MAX_BITS));
      } else {
        parts.add(new Parts(cidr, blocks.maskSize()));
      }
    }
    return parts;
  }

  private List<String> stranded(PodIpPool pool) {
    var lines = new ArrayList<String>();
    nodes.forEach((node, cidrs) ->
        cidrs.forEach((cidr, name) -> {
          boolean isInside =
              pool.blocks(cidr.family()).stream()
                  .flatMap(blocks -> blocks.cidrs().stream())
                  .anyMatch(range -> range.contains(cidr));
          if (name.equals(pool.name()) && !isInside) {
            lines.add("pool " + name + ": CIDR " + cidr + " is still in use by node " + node);
          }
        }));
    return lines;
  }

  /**
   * A pool is gone.
   *
   * @return which nodes have something of it still, a line each
   */
  List<String> remove(String name) {
    lock.lock();
    try {
      pools.remove(name);
      var lines = new ArrayList<String>();
      nodes.forEach((node, cidrs) -> {
        if (cidrs.containsValue(name)) {
          lines.add("pool " + name + " is gone, and still in use by node " + node);
        }
      });
      return lines;
    } finally {
      lock.unlock();
    }
  }

  List<Usage> usage() {
    lock.lock();
    try {
      var all = new ArrayList<Usage>();
      pools.forEach((name, pool) -> {
        for (IpFamily family : IpFamily.values()) {
          if (pool.definition().blocks(family).isPresent()) {
            all.add(new Usage(name, family, pool.parts().count(family), pool.parts().free(family)));
          }
        }
      });
      return all;
    } finally {
      lock.unlock();
    }
  }

  // ---- nodes ----

  /** Whether what the store says of a node is not what is entered here. */
  boolean differs(String node, Map<String, NodePool> stored) {
    lock.lock();
    try {
      return !nodes.getOrDefault(node, Map.of()).keySet().equals(cidrs(stored));
    } finally {
      lock.unlock();
    }
  }

  /** Whether more is entered of a node than the store says. */
  boolean hasMore(String node, Map<String, NodePool> stored) {
    lock.lock();
    try {
      return !cidrs(stored).containsAll(nodes.getOrDefault(node, Map.of()).keySet());
    } finally {
      lock.unlock();
    }
  }

  private static Set<IpPrefix> cidrs(Map<String, NodePool> pools) {
    return new TreeSet<>(NodePool.cidrs(pools));
  }

  /**
   * Enters what the store has of a node, which is the truth: what it does not have is nobody's.
   *
   * @return prefixes that are another node's already, a line each; these are not entered
   */
  List<String> enter(String node, Map<String, NodePool> stored) {
    lock.lock();
    try {
      Map<IpPrefix, String> mine = nodes.computeIfAbsent(node, _ -> new TreeMap<>());
      Set<IpPrefix> present = cidrs(stored);
      for (IpPrefix cidr : List.copyOf(mine.keySet())) {
        if (!present.contains(cidr)) {
          leave(mine, cidr);
        }
      }
      var conflicts = new ArrayList<String>();
      stored.forEach((pool, has) -> {
        for (IpPrefix cidr : has.cidrs()) {
          if (mine.containsKey(cidr)) {
            mine.put(cidr, pool);
            continue;
          }
          Map<IpPrefix, String> others = owners.overlapping(cidr);
          if (others.isEmpty()) {
            take(node, mine, pool, cidr);
          } else {
            Map.Entry<IpPrefix, String> first = others.entrySet().iterator().next();
            conflicts.add(
                "CIDR "
                    + cidr
                    + " of pool "
                    + pool
                    + ": node "
                    + first.getValue()
                    + " has "
                    + first.getKey());
          }
        }
      });
      if (mine.isEmpty()) {
        nodes.remove(node);
      }
      return conflicts;
    } finally {
      lock.unlock();
    }
  }

  private void take(String node, Map<IpPrefix, String> mine, String pool, IpPrefix cidr) {
    mine.put(cidr, pool);
    owners.put(cidr, node);
    pools.values().forEach(each -> each.parts().take(cidr));
  }

  private void leave(Map<IpPrefix, String> mine, IpPrefix cidr) {
    mine.remove(cidr);
    owners.remove(cidr);
    pools.values().forEach(each -> each.parts().giveBack(cidr));
  }

  /** Takes everything back that a node has; returns whether it had something. */
  boolean release(String node) {
    lock.lock();
    try {
      Map<IpPrefix, String> mine = nodes.remove(node);
      if (mine == null) {
        return false;
      }
      List.copyOf(mine.keySet()).forEach(cidr -> leave(mine, cidr));
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Gives a node what it asks for, as far as there is something, and enters that. */
  Assigned assign(String node, Map<String, NodePool> stored) {
    lock.lock();
    try {
      var result = new TreeMap<>(stored);
      var errors = new ArrayList<String>();
      stored.forEach((name, has) -> {
        Pool pool = pools.get(name);
        boolean isAsked = has.neededIpv4() > 0 || has.neededIpv6() > 0;
        if (pool == null) {
          if (isAsked) {
            errors.add(PoolProblems.line(name, "there is no such CiliumPodIPPool"));
          }
          return;
        }
        if (!pool.definition().unsupported().isEmpty()) {
          if (isAsked) {
            errors.add(
                PoolProblems.line(
                    name,
                    "not used, since this is not supported: "
                        + String.join(", ", pool.definition().unsupported())));
          }
          return;
        }
        var cidrs = new LinkedHashSet<>(has.cidrs());
        for (IpFamily family : IpFamily.values()) {
          give(node, pool, family, has, cidrs).ifPresent(errors::add);
        }
        PodIpPool definition = pool.definition();
        boolean isFirst = has.cidrs().isEmpty();
        result.put(
            name,
            new NodePool(
                has.neededIpv4(),
                has.neededIpv6(),
                List.copyOf(cidrs),
                isFirst ? !cidrs.isEmpty() && definition.hasFirst() : has.hasFirst(),
                isFirst ? !cidrs.isEmpty() && definition.hasLast() : has.hasLast()));
      });
      return new Assigned(NodePool.copyOf(result), errors);
    } finally {
      lock.unlock();
    }
  }

  private Optional<String> give(
      String node, Pool pool, IpFamily family, NodePool has, Set<IpPrefix> cidrs) {
    PodIpPool definition = pool.definition();
    String name = definition.name();
    Map<IpPrefix, String> mine = nodes.getOrDefault(node, Map.of());
    // What is another node's is of no use here.
    long available =
        has.cidrs(family).stream()
            .filter(mine::containsKey)
            .mapToLong(cidr -> capacity(cidr, has.hasFirst(), has.hasLast()))
            .sum();
    long needed = has.needed(family);
    if (needed > available && definition.blocks(family).isEmpty()) {
      return Optional.of(PoolProblems.line(name, "it has no " + family + " addresses"));
    }
    while (available < needed) {
      Optional<IpPrefix> next = pool.parts().next(family);
      if (next.isEmpty()) {
        return Optional.of(
            PoolProblems.line(
                name,
                pool.unusable().contains(family)
                    ? "its " + family + " CIDRs cannot be used"
                    : "no "
                        + family
                        + " CIDR is left of "
                        + definition.blocks(family).orElseThrow().cidrs()
                        + " by /"
                        + definition.blocks(family).orElseThrow().maskSize()));
      }
      if (cidrs.size() >= MAX_CIDRS) {
        return Optional.of(
            PoolProblems.line(name, "the node has " + MAX_CIDRS + " CIDRs, the most"));
      }
      take(node, nodes.computeIfAbsent(node, _ -> new TreeMap<>()), name, next.get());
      cidrs.add(next.get());
      available += capacity(next.get(), definition.hasFirst(), definition.hasLast());
    }
    return Optional.empty();
  }

  private static long capacity(IpPrefix cidr, boolean hasFirst, boolean hasLast) {
    return AddressPool.capacity(cidr, AddressPool.Reserved.ofPool(cidr, hasFirst, hasLast));
  }
}
