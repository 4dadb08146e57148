// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.NodePool;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Watch;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The operator's duty to give each node prefixes of the pools that it asks for, for one term of its
 * leadership.
 *
 * <p>It begins with a list of all nodes, which says what is given already; only then it gives. From
 * then on the store's table tells it which nodes to look at. A prefix comes back to its pool when
 * the store itself, and not its table, says that its node does not have it. A row of the table is
 * believed where it agrees with the book, since a write names that row's version.
 *
 * <p>That a node is gone the table must say as well: servers err for a moment while they start.
 *
 * <p>A write whose answer was lost may be carried out until its deadline: before that nothing more
 * is done about its node.
 *
 * <p>All happens on the scheduler's thread.
 */
public final class PodPoolController implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PodPoolController.class);

  private final ClusterStore store;
  private final ClusterStore.WithStatus<ClusterNode> nodes;
  private final List<PodIpPool> created;
  private final Term term;
  private final NodeLoop loop;
  private final PoolBook book = new PoolBook();

  /** Names of nodes whose rows are not to be believed. */
  private final Set<String> outdated = new HashSet<>();

  /** Until when a write of a node may be carried out whose answer was lost. */
  private final Map<String, Deadline> unsure = new HashMap<>();

  /** Names of nodes that could not be given all that they need. */
  private volatile Set<String> unserved = Set.of();

  /** What is wrong about pools, as far as it was told; by pool. */
  private final Map<String, List<String>> toldOfPools = new HashMap<>();

  private @Nullable Watch<String, Stored<ClusterNode>> watch;
  private @Nullable Watch<String, Stored<PodIpPool>> poolWatch;

  /**
   * A controller that is not started.
   *
   * @param created pools that it creates where there are none of their names
   * @param scheduler its clock and thread; stays the caller's to close
   */
  public PodPoolController(
      ClusterStore store, List<PodIpPool> created, Term term, Scheduler scheduler) {
    this.store = store;
    this.nodes = store.nodes();
    this.created = List.copyOf(created);
    this.term = term;
    this.loop =
        new NodeLoop(
            new NodeLoop.Duty(this::list, this::follow, this::look, PodPoolController::failed),
            term,
            scheduler);
  }

  /** Begins. */
  public void start() {
    loop.start();
  }

  /** What is counted of pools, by the metric's name and labels. May be called by any thread. */
  public Map<String, Long> counts() {
    var counts = new TreeMap<String, Long>();
    for (PoolBook.Usage usage : book.usage()) {
      String labels =
          "{family=\""
              + usage.family().name().toLowerCase(Locale.ROOT)
              + "\",pool=\""
              + usage.pool()
              + "\"}";
      counts.put("cilium_operator_ipam_multipool_total_blocks" + labels, usage.blocks());
      counts.put("cilium_operator_ipam_multipool_free_blocks" + labels, usage.free());
    }
    counts.put("cilium_operator_ipam_nodes{category=\"in-deficit\"}", (long) unserved.size());
    return counts;
  }

  private void list() {
    if (watch == null) {
      watch = loop.watch(nodes.table());
    }
    if (poolWatch == null) {
      poolWatch = loop.watch(store.pools().table());
    }
    Set<String> present = new HashSet<>();
    for (Stored<PodIpPool> pool : store.pools().list()) {
      present.add(pool.value().name());
      put(pool.value());
    }
    for (PodIpPool pool : created) {
      if (!present.contains(pool.name())
          && store.pools().create(pool, term.deadline()).isPresent()) {
        LOG.info("pool created pool={}", pool.name());
        put(pool);
      }
    }
    for (Stored<ClusterNode> each : nodes.list()) {
      ClusterNode node = each.value();
      for (String conflict : book.enter(node.name(), node.pools())) {
        LOG.warn("pod CIDR of two nodes node={} error=\"{}\"", node.name(), conflict);
      }
      loop.due(node.name());
    }
  }

  private void put(PodIpPool pool) {
    tellOfPool(pool.name(), book.put(pool));
  }

  private void tellOfPool(String pool, List<String> lines) {
    List<String> last = lines.isEmpty() ? toldOfPools.remove(pool) : toldOfPools.put(pool, lines);
    if (!lines.equals(last)) {
      lines.forEach(line -> LOG.warn("pool pool={} problem=\"{}\"", pool, line));
    }
  }

  private void follow() {
    Watch<String, Stored<ClusterNode>> ofNodes = watch;
    Watch<String, Stored<PodIpPool>> ofPools = poolWatch;
    if (ofNodes == null || ofPools == null) {
      return;
    }
    List<Change<String, Stored<PodIpPool>>> pools = ofPools.poll().list();
    for (Change<String, Stored<PodIpPool>> change : pools) {
      switch (change) {
        case Change.Put<String, Stored<PodIpPool>> put -> put(put.value().value());
        case Change.Removed<String, Stored<PodIpPool>> gone ->
            tellOfPool(gone.key(), book.remove(gone.key()));
      }
    }
    if (!pools.isEmpty()) {
      nodes.table().snapshot().forEach(row -> loop.due(row.key()));
    }
    for (Change<String, Stored<ClusterNode>> change : ofNodes.poll().list()) {
      loop.due(change.key());
    }
  }

  private static void failed(String node, ClusterStoreException e) {
    LOG.warn("pools not given node={} error=\"{}\"", node, e.getMessage());
  }

  private void look(String name) {
    Deadline mayCome = unsure.get(name);
    if (mayCome != null && !mayCome.isOver()) {
      loop.due(name);
      return;
    }
    if (mayCome != null) {
      unsure.remove(name);
      outdated.add(name);
    }
    try {
      Optional<Stored<ClusterNode>> row = nodes.table().get(name);
      Optional<Stored<ClusterNode>> stored = row;
      if (outdated.contains(name)
          || row.filter(each -> !book.differs(name, each.value().pools())).isEmpty()) {
        stored = nodes.read(name);
        outdated.remove(name);
        if (stored.isPresent() && row.isEmpty()) {
          loop.due(name); // No change tells of a row that comes and goes between two looks.
        }
      }
      if (stored.isPresent()) {
        give(stored.get());
      } else if (row.isPresent() || !nodes.table().isInitialised()) {
        loop.due(name); // The table will say so, too, if it is true.
        outdated.add(name);
      } else {
        release(name);
      }
    } catch (ClusterStoreException e) {
      outdated.add(name);
      throw e;
    }
  }

  /** What one leaves another may be waiting for. */
  private void release(String name) {
    setUnserved(name, false);
    if (book.release(name)) {
      LOG.info("pod CIDRs taken back node={}", name);
      loop.due(unserved);
    }
  }

  private void give(Stored<ClusterNode> stored) {
    ClusterNode node = stored.value();
    boolean isShorter = book.hasMore(node.name(), node.pools());
    List<String> errors = new ArrayList<>(book.enter(node.name(), node.pools()));
    PoolBook.Assigned assigned = book.assign(node.name(), node.pools());
    errors.addAll(assigned.errors());
    setUnserved(node.name(), !errors.isEmpty());
    if (isShorter) {
      unserved.stream().filter(other -> !other.equals(node.name())).forEach(loop::due);
    }
    String error = PoolProblems.join(errors);
    if (assigned.pools().equals(node.pools())) {
      tell(node, error);
      return;
    }
    ClusterNode changed = node.withPools(assigned.pools()).withAllocationError(error);
    Deadline deadline = term.deadline();
    try {
      if (nodes.replace(stored, changed, deadline).isPresent()) {
        LOG.info("pod CIDRs given node={} pools={}", node.name(), shown(assigned.pools()));
      } else {
        loop.due(node.name()); // Its agent wrote meanwhile.
        outdated.add(node.name());
      }
    } catch (ClusterStoreException e) {
      unsure.put(node.name(), deadline);
      throw e;
    }
  }

  private static Map<String, List<?>> shown(Map<String, NodePool> pools) {
    var shown = new TreeMap<String, List<?>>();
    pools.forEach((name, pool) -> shown.put(name, pool.cidrs()));
    return shown;
  }

  private void setUnserved(String name, boolean is) {
    if (unserved.contains(name) != is) {
      var changed = new TreeSet<>(unserved);
      if (is) {
        changed.add(name);
      } else {
        changed.remove(name);
      }
      unserved = Set.copyOf(changed);
    }
  }

  private void tell(ClusterNode node, String error) {
    if (!node.allocationError().equals(error)) {
      if (!error.isEmpty()) {
        LOG.warn("not all pod CIDRs given node={} error=\"{}\"", node.name(), error);
      }
      var _ = nodes.patchStatus(node.withAllocationError(error), term.deadline());
    }
  }

  /** Ends; what was given stays. */
  @Override
  public void close() {
    loop.close();
  }
}
