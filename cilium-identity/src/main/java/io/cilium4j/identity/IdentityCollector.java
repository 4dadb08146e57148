// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Scheduler;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The operator's duty to delete identities that nobody uses, for one term of its leadership.
 *
 * <p>An identity that no endpoint has named for a while is marked, and deleted in the round after
 * that, if it is still as it was marked. Whoever uses it takes the mark away, which is another
 * version, and the deletion fails. One that stands before another in the other's {@link
 * NumberSequence} stays, so that searches end where they should.
 *
 * <p>All happens on the scheduler's thread.
 */
public final class IdentityCollector implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(IdentityCollector.class);

  /**
   * Shortest time between two rounds, and so between mark and deletion: three times what a node's
   * search for a number may take ({@link NumberSearch#SEARCH_TIME}).
   */
  public static final Duration MIN_INTERVAL = Duration.ofMinutes(1);

  /**
   * How it works.
   *
   * @param clusterId whose numbers it deletes, 0 to 255
   * @param interval the time between two rounds
   * @param unusedFor how long no endpoint has to name an identity before it is marked
   * @param maxDeletions most of them in one round
   */
  public record Config(int clusterId, Duration interval, Duration unusedFor, int maxDeletions) {

    /** Cluster 0; 15 minutes, 30 minutes, 2,500: the field's. */
    public static final Config DEFAULT =
        new Config(0, Duration.ofMinutes(15), Duration.ofMinutes(30), 2_500);

    public Config {
      if (interval.compareTo(MIN_INTERVAL) < 0) {
        throw new IllegalArgumentException(
            "interval of identities' collection " + interval + ": at least " + MIN_INTERVAL);
      }
    }
  }

  private final ClusterStore store;
  private final Config config;
  private final Term term;
  private final Scheduler scheduler;

  /** When an endpoint named it last, or when it was first seen. */
  private final Map<Integer, Long> usedNanos = new HashMap<>();

  /** The versions that had a mark in the round before. */
  private Map<Integer, String> marked = Map.of();

  private volatile boolean closed;
  private final AtomicLong deleted = new AtomicLong();

  /**
   * A collector that is not started.
   *
   * @param scheduler its clock and thread; stays the caller's to close
   */
  public IdentityCollector(ClusterStore store, Config config, Term term, Scheduler scheduler) {
    this.store = store;
    this.config = config;
    this.term = term;
    this.scheduler = scheduler;
  }

  /** Begins with a round. */
  public void start() {
    scheduler.execute(this::round);
  }

  /** How many it deleted. */
  public long deleted() {
    return deleted.get();
  }

  private void round() {
    if (closed || term.isOver()) {
      return;
    }
    try {
      collect();
    } catch (ClusterStoreException e) {
      // Nothing is taken for unused because it could not be asked about.
      marked = Map.of();
      LOG.warn("identities not collected error=\"{}\"", e.getMessage());
    }
    // Only now: however long the round took, marks are older than the interval in the next.
    scheduler.schedule(config.interval(), this::round);
  }

  private void collect() {
    List<Stored<ClusterIdentity>> all =
        store.identities().list().stream()
            .filter(each -> NumberSequence.isOf(config.clusterId(), each.value().number()))
            .toList();
    Set<Integer> used =
        store.endpoints().list().stream()
            .map(Stored::value)
            .map(PublishedEndpoint::identity)
            .flatMap(Optional::stream)
            .map(Identity::id)
            .collect(Collectors.toSet());
    Set<Integer> needed = needed(all);
    long now = scheduler.nanoTime();
    Map<Integer, String> markedNow = new HashMap<>();
    int deletions = 0;
    usedNanos
        .keySet()
        .retainAll(all.stream().map(each -> each.value().number()).collect(Collectors.toSet()));
    for (Stored<ClusterIdentity> each : all) {
      if (closed || term.isOver()) {
        return;
      }
      ClusterIdentity identity = each.value();
      int number = identity.number();
      if (used.contains(number)) {
        usedNanos.put(number, now);
        setMark(each, false);
        continue;
      }
      long unusedNanos = now - usedNanos.computeIfAbsent(number, _ -> now);
      if (needed.contains(number) || unusedNanos < config.unusedFor().toNanos()) {
        continue;
      }
      if (!identity.unused()) {
        setMark(each, true).ifPresent(after -> markedNow.put(number, after.version()));
      } else if (!each.version().equals(marked.get(number))) {
        markedNow.put(number, each.version());
      } else if (deletions < config.maxDeletions()) {
        deletions += delete(each);
      } else {
        markedNow.put(number, each.version());
      }
    }
    marked = markedNow;
  }

  /** The numbers that stand before others in the others' sequences. */
  private Set<Integer> needed(List<Stored<ClusterIdentity>> all) {
    Set<Integer> taken =
        all.stream().map(each -> each.value().number()).collect(Collectors.toSet());
    Set<Integer> needed = new HashSet<>();
    for (Stored<ClusterIdentity> each : all) {
      ClusterIdentity identity = each.value();
      NumberSequence sequence = NumberSequence.of(identity.labels(), config.clusterId());
      // A search ends at a free number: what stands behind one is out of its reach already.
      for (int position = 0; position < sequence.size(); position++) {
        int number = sequence.at(position);
        if (number == identity.number() || !taken.contains(number)) {
          break;
        }
        needed.add(number);
      }
    }
    return needed;
  }

  private Optional<Stored<ClusterIdentity>> setMark(
      Stored<ClusterIdentity> stored, boolean unused) {
    return stored.value().unused() == unused
        ? Optional.empty()
        : store.identities().replace(stored, stored.value().withUnused(unused), term.deadline());
  }

  private int delete(Stored<ClusterIdentity> stored) {
    if (!store.identities().delete(stored, term.deadline())) {
      return 0;
    }
    deleted.incrementAndGet();
    usedNanos.remove(stored.value().number());
    LOG.info("identity deleted id={}", stored.value().number());
    return 1;
  }

  /** Ends. */
  @Override
  public void close() {
    closed = true;
  }
}
