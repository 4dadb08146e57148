// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.publish;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Scheduler;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a node's own object in the cluster's store as the node is, and tells which pod CIDRs the
 * operator gave it.
 *
 * <p>Of the object all is the node's but the pod CIDRs and the operator's error. A node that has
 * its CIDRs keeps them: where somebody deleted the object or emptied it, they are written back,
 * since pods use them. Of a node that starts anew not all is known at first: until it is {@link
 * #set}, the addresses and labels stay that an earlier run wrote, since others go by them.
 *
 * <p>Of pools the node says what it needs and which prefixes it gives up ({@link #setPools}); the
 * operator adds prefixes. What the listener is told of these was read from the store itself: a
 * prefix that an old row has may be another node's by now.
 *
 * <p>All happens on the scheduler's thread; {@link #set} may be called from any.
 */
public final class NodePublisher implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NodePublisher.class);

  private static final Duration WRITE_TIME = Duration.ofSeconds(2);

  /** How long to wait before what failed is tried again. */
  private static final Duration RETRY = Duration.ofSeconds(2);

  private final ClusterStore.WithStatus<ClusterNode> nodes;
  private final Scheduler scheduler;
  private final Consumer<ClusterNode> listener;
  private volatile ClusterNode wanted;

  /** Whether the node is known whole. */
  private volatile boolean isWhole;

  /** The CIDRs that it was given last; empty before that. */
  private List<IpPrefix> given;

  /** What the node needs of pools; null while nobody said, and what is stored stays. */
  private volatile @Nullable Map<String, PoolClaim> claims;

  private final Follower follower;
  private @Nullable ClusterNode told;
  private boolean retryIsSet;
  private String lastError = "";
  private volatile boolean closed;

  /**
   * A publisher that is not started.
   *
   * @param own the node as it is; with the pod CIDRs that its endpoints use already, if it has some
   * @param scheduler its clock and thread; stays the caller's to close
   * @param listener told the node as it is in the store, whenever its pod CIDRs, its pools or the
   *     operator's error are others than before; on the scheduler's thread
   */
  public NodePublisher(
      ClusterStore store, ClusterNode own, Scheduler scheduler, Consumer<ClusterNode> listener) {
    this.nodes = store.nodes();
    this.wanted = own;
    this.given = own.podCidrs();
    this.scheduler = scheduler;
    this.listener = listener;
    // Only to be woken by changes; what the row says is asked for.
    this.follower = Follower.of(nodes.table(), scheduler, _ -> look());
  }

  /** Begins. */
  public void start() {
    follower.start();
  }

  /**
   * The node is another now: its addresses, labels, boot id.
   *
   * @throws IllegalArgumentException if the name is another
   */
  public void set(ClusterNode own) {
    if (!own.name().equals(wanted.name())) {
      throw new IllegalArgumentException("node " + own.name() + ": this is " + wanted.name());
    }
    wanted = own;
    isWhole = true;
    follower.wake();
  }

  /** The node needs and does this with pools from now on, by their names. */
  public void setPools(Map<String, PoolClaim> wantedOfPools) {
    claims = Map.copyOf(wantedOfPools);
    follower.wake();
  }

  private void look() {
    Optional<Stored<ClusterNode>> row = nodes.table().get(wanted.name());
    if (row.isPresent()
        && row.get().value().equals(merged(row.get().value()))
        && isKnown(row.get().value().pools())) {
      tell(row.get().value());
      return;
    }
    try {
      write();
      lastError = "";
    } catch (ClusterStoreException e) {
      // Once, and not at each try.
      if (!String.valueOf(e.getMessage()).equals(lastError)) {
        lastError = String.valueOf(e.getMessage());
        LOG.warn("node not published node={} error=\"{}\"", wanted.name(), lastError);
      }
      retryLater();
    }
  }

  private boolean isKnown(Map<String, NodePool> pools) {
    ClusterNode last = told;
    return pools.equals(last == null ? Map.of() : last.pools());
  }

  private void write() {
    Optional<Stored<ClusterNode>> now = nodes.read(wanted.name());
    Deadline deadline = Deadline.in(WRITE_TIME);
    Optional<Stored<ClusterNode>> written;
    if (now.isEmpty()) {
      written = nodes.create(withPools(wanted.withPodCidrs(given), Map.of()), deadline);
    } else {
      ClusterNode merged = merged(now.get().value());
      written = merged.equals(now.get().value()) ? now : nodes.replace(now.get(), merged, deadline);
    }
    written.ifPresentOrElse(stored -> tell(stored.value()), this::retryLater);
  }

  /** The node with what is the operator's in the store. */
  private ClusterNode merged(ClusterNode stored) {
    List<IpPrefix> cidrs = stored.podCidrs().isEmpty() ? given : stored.podCidrs();
    ClusterNode own = isWhole ? wanted : wanted.over(stored);
    return withPools(own.withPodCidrs(cidrs), stored.pools())
        .withAllocationError(stored.allocationError());
  }

  private ClusterNode withPools(ClusterNode node, Map<String, NodePool> stored) {
    Map<String, PoolClaim> present = claims;
    return node.withPools(present == null ? stored : PoolClaim.apply(present, stored));
  }

  private void tell(ClusterNode stored) {
    ClusterNode last = told;
    if (!stored.podCidrs().isEmpty()) {
      if (!given.isEmpty() && !given.equals(stored.podCidrs())) {
        LOG.warn(
            "pod CIDRs were changed, the agent goes on with those that it started with node={}"
                + " were={} are={}",
            stored.name(),
            given,
            stored.podCidrs());
      }
      given = stored.podCidrs();
    }
    if (last == null
        || !last.podCidrs().equals(stored.podCidrs())
        || !last.pools().equals(stored.pools())
        || !last.allocationError().equals(stored.allocationError())) {
      told = stored;
      listener.accept(stored);
    }
  }

  private void retryLater() {
    if (!retryIsSet && !closed) {
      retryIsSet = true;
      scheduler.schedule(
          RETRY,
          () -> {
            retryIsSet = false;
            follower.wake();
          });
    }
  }

  /** Ends; the object stays, since the node does. */
  @Override
  public void close() {
    closed = true;
    follower.stop();
  }
}
