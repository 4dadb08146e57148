// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.Table;
import java.time.Duration;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.Condition;
import java.util.function.LongSupplier;

/**
 * Gives out the addresses of a node's prefixes of several pools ({@link NodeBlocks}). Who asks for
 * addresses of a pool that the node has none left of is counted as a need, which the node's
 * publisher tells the operator, and may wait for the answer.
 */
final class MultiPoolAllocator extends PrefixAllocator {

  /** Most who wait at a time: fewer than an agent answers requests at a time. */
  private static final int MAX_WAITING = 32;

  /**
   * What it was told.
   *
   * @param defaultPool the pool of those that name none, and of the node's own addresses
   * @param preAllocation how many addresses of a pool are asked for beforehand
   * @param families those that endpoints have addresses of
   * @param grace how long those who wait do not believe that there is nothing: a pool may be
   *     applied together with the pods that name it
   */
  record Config(
      String defaultPool,
      Map<String, Integer> preAllocation,
      Set<IpFamily> families,
      Duration grace) {
    Config {
      preAllocation = Map.copyOf(preAllocation);
      families = Set.copyOf(families);
    }
  }

  private final Config config;
  private final PendingNeeds pending;
  private final NodeBlocks blocks;

  /** Signalled when those who wait may look again. */
  private final Condition changed = lock.newCondition();

  private int waiting;

  /** What the operator could not give, in its words. */
  private String problems = "";

  /**
   * @param node with the pools that it has
   * @param routers the node's own addresses of an earlier run
   * @param nanoTime as {@link System#nanoTime}
   */
  MultiPoolAllocator(Node node, Config config, List<IpAddress> routers, LongSupplier nanoTime) {
    super(node.name());
    this.config = config;
    this.pending = new PendingNeeds(nanoTime);
    this.blocks = new NodeBlocks(nodeName, config, pending, routers, this::withThoseInUse);
    nodeChanged(node);
  }

  @Override
  public void nodeChanged(Node node) {
    requireOwn(node);
    lock.lock();
    try {
      blocks.nodeChanged(node.pools());
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void problemsChanged(String operatorProblems) {
    lock.lock();
    try {
      problems = operatorProblems;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void trim() {
    lock.lock();
    try {
      blocks.trim();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Set<IpFamily> families() {
    lock.lock();
    try {
      return blocks.families();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Optional<IpAddress> router(IpFamily family) {
    lock.lock();
    try {
      return Optional.ofNullable(blocks.router(family));
    } finally {
      lock.unlock();
    }
  }

  @Override
  public String defaultPool() {
    return config.defaultPool();
  }

  // ---- addresses ----

  @Override
  Collection<AddressPool> prefixPools() {
    return blocks.all();
  }

  /** Of the default pool. */
  @Override
  List<AddressPool> ofFamily(IpFamily family) {
    return blocks.of(config.defaultPool(), family);
  }

  @Override
  Optional<String> reservedFor(AddressPool prefix, IpAddress address) {
    return address.equals(blocks.router(address.family()))
        ? Optional.of("the node's own address")
        : super.reservedFor(prefix, address);
  }

  @Override
  void taken(AddressPool prefix, IpAddress address, String owner) {
    pending.satisfied(blocks.takenFrom(prefix), address.family(), owner);
  }

  @Override
  void givenBack() {
    changed.signalAll();
  }

  @Override
  public IpAddress allocate(IpFamily family, String owner) {
    return allocate(family, owner, config.defaultPool());
  }

  @Override
  public IpAddress allocate(IpFamily family, String owner, String pool) {
    return Objects.requireNonNull(allocate(Map.of(family, pool), owner, Duration.ZERO).get(family));
  }

  /** Asks for all families at once: else each would take a turn of its own. */
  @Override
  public Map<IpFamily, IpAddress> allocate(
      Map<IpFamily, String> pools, String owner, Duration patience) {
    checkOwner(owner);
    var wanted = new TreeMap<>(pools);
    lock.lock();
    try {
      boolean isAskedFor = lacking(wanted).isPresent() && ask(wanted, owner);
      if (isAskedFor && waiting < MAX_WAITING) {
        await(wanted, owner, patience);
      }
      Optional<IpFamily> lacking = lacking(wanted);
      if (lacking.isPresent()) {
        String pool = Objects.requireNonNull(wanted.get(lacking.get()));
        throw none(lacking.get(), pool, owner, isAskedFor);
      }
      return take(wanted, owner);
    } finally {
      lock.unlock();
    }
  }

  /** Returns when there is everything, when there will not be, and in any case after a while. */
  private void await(Map<IpFamily, String> wanted, String owner, Duration patience) {
    long left = patience.toNanos();
    long doubting = config.grace().toNanos();
    waiting++;
    try {
      for (Optional<IpFamily> lacking = lacking(wanted);
          lacking.isPresent();
          lacking = lacking(wanted)) {
        String pool = Objects.requireNonNull(wanted.get(lacking.get()));
        boolean isRefused = PoolProblems.why(problems, pool, lacking.get()).isPresent();
        long most = isRefused ? Math.min(left, doubting) : left;
        if (most <= 0) {
          return;
        }
        long waited = most - changed.awaitNanos(most);
        left -= waited;
        doubting -= waited;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IpamException("no address for " + owner + ": the agent is stopping", e);
    } finally {
      waiting--;
    }
  }

  private Optional<IpFamily> lacking(Map<IpFamily, String> wanted) {
    return wanted.entrySet().stream()
        .filter(each ->
            blocks.of(each.getValue(), each.getKey()).stream()
                .noneMatch(prefix -> prefix.free() > 0))
        .map(Map.Entry::getKey)
        .findFirst();
  }

  /** Returns whether the operator may be asked for all of this. */
  private boolean ask(Map<IpFamily, String> wanted, String owner) {
    if (!config.families().containsAll(wanted.keySet())
        || !wanted.values().stream().allMatch(blocks::canAskFor)) {
      return false;
    }
    wanted.forEach((family, pool) -> pending.add(pool, family, owner));
    blocks.tell();
    return true;
  }

  private Map<IpFamily, IpAddress> take(Map<IpFamily, String> wanted, String owner) {
    var taken = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    wanted.forEach((family, pool) ->
        taken.put(family, Objects.requireNonNull(takeNext(blocks.of(pool, family), owner))));
    blocks.tell(); // The last of a lot asks for the next one before somebody goes without.
    return taken;
  }

  private IpamException none(IpFamily family, String pool, String owner, boolean isAskedFor) {
    List<IpPrefix> full = blocks.of(pool, family).stream().map(AddressPool::prefix).toList();
    String here =
        "node "
            + nodeName
            + (full.isEmpty() ? " has no CIDR of it" : " has used up " + full)
            + (isAskedFor ? "; the operator is asked for one" : ", nor asks for one");
    return new IpamException(
        "no "
            + family
            + " address for "
            + owner
            + " of pool "
            + pool
            + ": "
            + PoolProblems.why(problems, pool, family).orElse(here));
  }

  // ---- tables ----

  @Override
  public Table<IpPrefix, String> prefixes() {
    return blocks.prefixes();
  }

  @Override
  public Optional<Table<String, PoolClaim>> claims() {
    return Optional.of(blocks.claims());
  }

  @Override
  public List<PoolUsage> poolUsage() {
    lock.lock();
    try {
      return blocks.usage();
    } finally {
      lock.unlock();
    }
  }
}
