// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.ipam.MultiPoolMode;
import io.cilium4j.ipam.PodPoolController;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A cluster whose operators give prefixes of pools while everything goes wrong that may: nodes come
 * and go, ask, use addresses and give prefixes up; pools shrink, grow and go. Each node has a real
 * allocator, and reads and writes the store in steps of their own. After each step it is seen to
 * that no two nodes have a prefix in common, in the store or in use.
 */
final class PoolModel extends OperatorWorld<PodPoolController> {
  private static final int MAX_NODES = 6;
  private static final List<String> POOLS = List.of("default", "blue", "red");

  /** A node's agent. */
  private static final class Agent {
    private final String name;
    private final IpamAllocator allocator;
    private final List<IpAddress> used = new ArrayList<>();
    private @Nullable Stored<ClusterNode> read;

    Agent(String name) {
      this.name = name;
      this.allocator =
          new MultiPoolMode()
              .open(
                  node(name, Map.of()), Map.of("families", "ipv4", "pre-allocation", "default=2"));
    }

    private static Node node(String name, Map<String, NodePool> pools) {
      return new Node(name, List.of(), List.of(), pools, Map.of());
    }

    /** Of the store as it was asked just now. */
    void tell(ClusterNode node) {
      allocator.nodeChanged(node(name, node.pools()));
    }

    Map<String, PoolClaim> claims() {
      var all = new HashMap<String, PoolClaim>();
      for (Row<String, PoolClaim> row : allocator.claims().orElseThrow().snapshot()) {
        all.put(row.key(), row.value());
      }
      return all;
    }

    Set<IpPrefix> prefixes() {
      var all = new HashSet<IpPrefix>();
      allocator.prefixes().snapshot().forEach(row -> all.add(row.key()));
      return all;
    }
  }

  private final Map<String, Agent> agents = new TreeMap<>();

  PoolModel(long seed, Seeded seeded) {
    super(seed, seeded);
    POOLS.forEach(pool -> world.pools().create(pool(pool, false), now()));
    startOperators();
  }

  /** Few prefixes of few addresses, so that they run out and each leak shows. */
  private static PodIpPool pool(String name, boolean isWide) {
    int number = POOLS.indexOf(name);
    var ranges = new ArrayList<IpPrefix>();
    ranges.add(IpPrefix.parse("10." + number + ".0.0/27"));
    if (isWide) {
      // Of the next one, too: such pools must not give the same.
      ranges.add(IpPrefix.parse("10." + (number + 1) + ".0.0/28"));
    }
    return new PodIpPool(
        name, Optional.of(new PodIpPool.Blocks(ranges, 30)), Optional.empty(), false, false);
  }

  @Override
  PodPoolController begin(ClusterStore store, Term term, Scheduler thread) {
    var controller = new PodPoolController(store, List.of(), term, thread);
    controller.start();
    return controller;
  }

  @Override
  void end(PodPoolController duty) {
    duty.close();
  }

  // ---- steps ----

  /** Makes a step; throws if something is wrong after it. */
  void step() {
    int what = random.nextInt(120);
    if (what < 2) {
      join();
    } else if (what < 3) {
      leave();
    } else if (what < 33) {
      act();
    } else if (what < 34) {
      changePool();
    } else {
      operate(what - 34);
    }
    check();
  }

  private void join() {
    String name = "node-" + random.nextInt(2 * MAX_NODES);
    if (agents.size() < MAX_NODES && world.nodes().read(name).isEmpty()) {
      agents.put(name, new Agent(name));
      var _ = world.nodes().create(new ClusterNode(name, List.of(), List.of()), now());
    }
  }

  private void leave() {
    if (!agents.isEmpty()) {
      Agent gone = any(agents);
      agents.remove(gone.name);
      world.nodes().read(gone.name).ifPresent(node -> world.nodes().delete(node, now()));
    }
  }

  private Agent any(Map<String, Agent> from) {
    return List.copyOf(from.values()).get(random.nextInt(from.size()));
  }

  private void act() {
    if (agents.isEmpty()) {
      return;
    }
    Agent agent = any(agents);
    switch (random.nextInt(8)) {
      case 0, 1 -> take(agent);
      case 2 -> giveBack(agent);
      case 3 -> agent.allocator.trim();
      case 4, 5 -> read(agent);
      default -> write(agent);
    }
  }

  private void take(Agent agent) {
    String pool = POOLS.get(random.nextInt(POOLS.size()));
    try {
      agent.used.add(agent.allocator.allocate(IpFamily.IPV4, "a/b", pool));
    } catch (IpamException _) {
      // It is asked for.
    }
  }

  private void giveBack(Agent agent) {
    if (!agent.used.isEmpty()) {
      IpAddress address = agent.used.remove(random.nextInt(agent.used.size()));
      require(agent.allocator.release(address, "a/b"), address + " was " + agent.name + "'s");
    }
  }

  private void read(Agent agent) {
    agent.read = world.nodes().read(agent.name).orElseThrow();
    agent.tell(agent.read.value());
  }

  /** By the version that it read, whenever that was. */
  private void write(Agent agent) {
    Stored<ClusterNode> before = agent.read;
    agent.read = null;
    if (before != null) {
      ClusterNode wanted =
          before
              .value()
              .withPools(PoolClaim.apply(agent.claims(), before.value().pools()))
              .withAllocationError(before.value().allocationError());
      world.nodes().replace(before, wanted, now()).ifPresent(stored -> agent.tell(stored.value()));
    }
  }

  private void changePool() {
    String name = POOLS.get(random.nextInt(POOLS.size()));
    Optional<Stored<PodIpPool>> stored = world.pools().read(name);
    if (stored.isEmpty()) {
      var _ = world.pools().create(pool(name, random.nextBoolean()), now());
    } else if (random.nextInt(4) == 0) {
      world.pools().delete(stored.get(), now());
    } else {
      var _ = world.pools().replace(stored.get(), pool(name, random.nextBoolean()), now());
    }
  }

  // ---- what must hold ----

  @Override
  void check() {
    var taken = new HashMap<IpPrefix, String>();
    for (Stored<ClusterNode> stored : world.nodes().list()) {
      for (IpPrefix cidr : NodePool.cidrs(stored.value().pools())) {
        String other = taken.put(cidr, stored.value().name());
        require(other == null, cidr + " is of " + other + " and of " + stored.value().name());
      }
    }
    for (Agent agent : agents.values()) {
      for (IpPrefix cidr : agent.prefixes()) {
        String other = taken.putIfAbsent(cidr, agent.name);
        require(
            other == null || other.equals(agent.name),
            cidr + " is used by " + agent.name + " and is " + other + "'s");
      }
    }
    require(leaders() <= 1, "two lead at once");
  }

  /** Lets all go well for a while, and sees to it that nothing is left undone or leaked. */
  void rest() {
    for (String name : POOLS) {
      if (world.pools().read(name).isEmpty()) {
        var _ = world.pools().create(pool(name, false), now());
      }
    }
    calm(
        Duration.ofMinutes(1),
        () ->
            agents
                .values()
                .forEach(agent -> {
                  read(agent);
                  write(agent);
                }));
    calm(Duration.ofSeconds(30), () -> {});
    require(leaders() == 1, "nobody leads");
    Map<String, Long> owned = new HashMap<>();
    for (Stored<ClusterNode> stored : world.nodes().list()) {
      ClusterNode node = stored.value();
      boolean isServed =
          node.pools().values().stream()
              .allMatch(pool -> pool.neededIpv4() <= 2L * pool.cidrs().size());
      require(isServed != !node.allocationError().isEmpty(), "told so: " + node);
      for (IpPrefix cidr : NodePool.cidrs(node.pools())) {
        for (String pool : POOLS) {
          boolean isOfIt =
              world.pools().read(pool).orElseThrow().value().ipv4().orElseThrow().cidrs().stream()
                  .anyMatch(range -> range.contains(cidr));
          owned.merge(pool, isOfIt ? 1L : 0L, Long::sum);
        }
      }
    }
    for (Contender process : processes) {
      PodPoolController controller = process.duty;
      if (controller != null) {
        Map<String, Long> counts = controller.counts();
        for (String pool : POOLS) {
          String labels = "_blocks{family=\"ipv4\",pool=\"" + pool + "\"}";
          long free = counts.getOrDefault("cilium_operator_ipam_multipool_free" + labels, -1L);
          long all = counts.getOrDefault("cilium_operator_ipam_multipool_total" + labels, -1L);
          require(
              all - free == owned.getOrDefault(pool, 0L),
              "pool " + pool + ": " + all + " less " + free + " are not nodes' " + owned);
        }
      }
    }
  }
}
