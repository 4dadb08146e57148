// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.Node;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The operator's duty to give each node its pod CIDRs, for one term of its leadership.
 *
 * <p>It begins with a list of all nodes, which says what is given already; only then it gives. From
 * then on the store's table tells it which nodes to look at and no more: what a node has is read
 * from the store itself, so that an old row gives nothing away. The row of a node that has nothing
 * is believed, since the write that gives it something names that row's version. A CIDR comes back
 * to the pool when the store and its table say both that its node is gone: servers err for a moment
 * while they start, and a CIDR that is given twice is two nodes' for good.
 *
 * <p>A write whose answer was lost may have been carried out: its CIDR stays with the node. When
 * the term is over nothing is written any more, and who comes next begins with a list of his own.
 *
 * <p>All happens on the scheduler's thread.
 */
public final class PodCidrController implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PodCidrController.class);

  private final ClusterStore.WithStatus<ClusterNode> nodes;
  private final ClusterPool pool;
  private final Term term;
  private final NodeLoop loop;

  /** Names of nodes whose rows were too old to write to. */
  private final Set<String> outdated = new HashSet<>();

  /** Names of nodes that could not be given what they need. */
  private final Set<String> unserved = new TreeSet<>();

  private @Nullable Watch<String, Stored<ClusterNode>> watch;
  private boolean hasFollowed;

  /**
   * A controller that is not started.
   *
   * @param ranges where the CIDRs are cut from
   * @param scheduler its clock and thread; stays the caller's to close
   * @throws IpamException if two ranges overlap
   */
  public PodCidrController(
      ClusterStore store, List<ClusterPool.Range> ranges, Term term, Scheduler scheduler) {
    this.nodes = store.nodes();
    this.pool = new ClusterPool(ranges);
    this.term = term;
    this.loop =
        new NodeLoop(
            new NodeLoop.Duty(this::list, this::follow, this::look, PodCidrController::failed),
            term,
            scheduler);
  }

  /** Begins. */
  public void start() {
    loop.start();
  }

  /** The nodes and what they have, as far as was found and given. */
  public Table<String, Node> given() {
    return pool.nodes();
  }

  private void list() {
    if (watch == null) {
      watch = loop.watch(nodes.table());
    }
    List<Stored<ClusterNode>> all = nodes.list();
    for (Stored<ClusterNode> each : all) {
      ClusterNode node = each.value();
      try {
        pool.claim(noun(node));
      } catch (IpamException e) {
        LOG.warn("pod CIDR of two nodes node={} error=\"{}\"", node.name(), e.getMessage());
      }
      loop.due(node.name());
    }
  }

  private void follow() {
    if (watch == null) {
      return;
    }
    Changes<String, Stored<ClusterNode>> changes = watch.poll();
    if (!hasFollowed) {
      hasFollowed = true;
      // A node of the list may be gone by now: no look tells of a row that the table never had.
      pool.nodes().snapshot().forEach(row -> loop.due(row.key()));
    }
    for (Change<String, Stored<ClusterNode>> change : changes.list()) {
      loop.due(change.key());
    }
  }

  private static void failed(String node, ClusterStoreException e) {
    LOG.warn("pod CIDRs not given node={} error=\"{}\"", node, e.getMessage());
  }

  private void look(String name) {
    Optional<Stored<ClusterNode>> row = nodes.table().get(name);
    Optional<Stored<ClusterNode>> stored = row.filter(each -> each.value().podCidrs().isEmpty());
    if (outdated.remove(name) || stored.isEmpty()) {
      stored = nodes.read(name);
    }
    if (stored.isPresent()) {
      give(stored.get());
    } else if (row.isPresent() || !nodes.table().isInitialised()) {
      loop.due(name); // The table will say so, too, if it is true.
    } else {
      release(name);
    }
  }

  /** What one leaves another may be waiting for. */
  private void release(String name) {
    unserved.remove(name);
    if (pool.nodes().get(name).isPresent()) {
      pool.release(name);
      LOG.info("pod CIDRs taken back node={}", name);
      loop.due(unserved);
    }
  }

  private void give(Stored<ClusterNode> stored) {
    ClusterNode node = stored.value();
    Node given;
    try {
      given = pool.assign(noun(node));
    } catch (IpamException e) {
      unserved.add(node.name());
      tell(node, String.valueOf(e.getMessage()));
      return;
    }
    unserved.remove(node.name());
    if (given.podCidrs().equals(node.podCidrs())) {
      tell(node, "");
      return;
    }
    ClusterNode changed = node.withPodCidrs(given.podCidrs());
    if (nodes.replace(stored, changed, term.deadline()).isPresent()) {
      LOG.info("pod CIDRs given node={} cidrs={}", node.name(), given.podCidrs());
    } else {
      loop.due(node.name()); // Its agent wrote meanwhile.
      outdated.add(node.name());
    }
  }

  private void tell(ClusterNode node, String error) {
    if (!node.allocationError().equals(error)) {
      if (!error.isEmpty()) {
        LOG.warn("no pod CIDR node={} error=\"{}\"", node.name(), error);
      }
      var _ = nodes.patchStatus(node.withAllocationError(error), term.deadline());
    }
  }

  private static Node noun(ClusterNode node) {
    return new Node(node.name(), List.of(), node.podCidrs());
  }

  /** Ends; what was given stays. */
  @Override
  public void close() {
    loop.close();
  }
}
