// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityException;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.core.state.Watch;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The numbers of a cluster's label sets, kept in the cluster's store. To create an object of a
 * number is to take it: the store lets only one do so.
 *
 * <p>A label set that is new here is searched for ({@link NumberSearch}).
 *
 * <p>What this node holds stays: a number that somebody deletes is created again, and the mark of
 * an unused one is taken away. A restarted agent has its numbers back while the store is away; they
 * are seen to once it is there.
 */
final class ClusterIdentityBackend implements IdentityBackend {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterIdentityBackend.class);

  /** How long to wait before what failed is tried again. */
  private static final Duration RETRY = Duration.ofSeconds(2);

  private static final String STORE = "store";

  /** A number that this node uses. */
  private static final class Held {
    final Identity identity;
    int references;

    Held(Identity identity) {
      this.identity = identity;
    }
  }

  private final int clusterId;
  private final Scheduler scheduler;
  private final ClusterStore.Objects<ClusterIdentity> store;
  private final NumberSearch search;
  private final TableWriter<Integer, Identity> writer =
      TableWriter.create("cluster-identities", Comparator.naturalOrder(), Set.of(STORE));
  private final Watch<String, Stored<ClusterIdentity>> watch;

  /** Guards what follows; never held while the store is asked. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Map<Integer, Held> held = new HashMap<>();
  private final Map<Labels, Held> byLabels = new HashMap<>();

  /** The numbers of the labels that the store's table has: more than one if somebody erred. */
  private final Map<Labels, TreeSet<Integer>> stored = new HashMap<>();

  /** Held numbers that the store has to be asked about. */
  private final Set<Integer> doubtful = new HashSet<>();

  private boolean retryIsSet;

  /** Whether the last look at what is held failed; on the scheduler's thread. */
  private boolean isFailing;

  ClusterIdentityBackend(int clusterId, Scheduler scheduler, ClusterStore store) {
    this.clusterId = clusterId;
    this.scheduler = scheduler;
    this.store = store.identities();
    this.search = new NumberSearch(clusterId, this.store);
    this.watch = this.store.table().watch(() -> scheduler.execute(this::follow));
    follow();
  }

  @Override
  public String name() {
    return ClusterIdentityBackendProvider.NAME;
  }

  @Override
  public Table<Integer, Identity> identities() {
    return writer.table();
  }

  // ---- taking and giving back ----

  @Override
  public Identity allocate(Labels labels) {
    Optional<Identity> mine = takeHeld(labels);
    return mine.isPresent() ? mine.get() : hold(search.find(labels, numbers(labels)), true);
  }

  @Override
  public Identity restore(Identity former) {
    Labels labels = former.labels();
    Optional<Identity> mine = takeHeld(labels);
    if (mine.isPresent()) {
      return mine.get();
    }
    if (!NumberSequence.isOf(clusterId, former.id())) {
      return allocate(labels);
    }
    try {
      return hold(search.findAgain(former, numbers(labels)), true);
    } catch (IdentityException e) {
      if (e.getCause() instanceof ClusterStoreException) {
        // What the kernel enforces stays true as far as anybody knows.
        LOG.warn("identity restored unconfirmed id={} reason=\"{}\"", former.id(), e.getMessage());
        return hold(former, false);
      }
      throw e;
    }
  }

  private Optional<Identity> takeHeld(Labels labels) {
    if (labels.stream().allMatch(label -> label.source().equals(LabelSource.RESERVED))) {
      throw new IdentityException("no cluster-wide identity for " + labels + ": reserved alone");
    }
    lock.lock();
    try {
      Held mine = byLabels.get(labels);
      if (mine == null) {
        return Optional.empty();
      }
      mine.references++;
      return Optional.of(mine.identity);
    } finally {
      lock.unlock();
    }
  }

  private Identity hold(Identity found, boolean isConfirmed) {
    lock.lock();
    try {
      // Another thread may have been here with the same labels.
      Held mine = byLabels.get(found.labels());
      if (mine == null) {
        mine = new Held(found);
        Held other = held.putIfAbsent(found.id(), mine);
        if (other != null) {
          throw new IdentityException(
              "identity " + found + ": " + other.identity + " has this number");
        }
        byLabels.put(found.labels(), mine);
      }
      mine.references++;
      writer.put(mine.identity.id(), mine.identity);
      if (!isConfirmed || !isThere(found)) {
        // Deleted or marked before we held it, or our table lags: neither is told a second time.
        doubtful.add(found.id());
        retryLater();
      }
      return mine.identity;
    } finally {
      lock.unlock();
    }
  }

  private boolean isThere(Identity identity) {
    return store
        .table()
        .get(Integer.toString(identity.id()))
        .filter(row -> row.value().equals(new ClusterIdentity(identity.id(), identity.labels())))
        .isPresent();
  }

  @Override
  public void release(int id) {
    lock.lock();
    try {
      Held mine = held.get(id);
      if (mine == null || --mine.references > 0) {
        return;
      }
      held.remove(id);
      byLabels.remove(mine.identity.labels());
      doubtful.remove(id);
      if (store.table().get(Integer.toString(id)).isEmpty()) {
        writer.remove(id);
      }
    } finally {
      lock.unlock();
    }
  }

  private List<Integer> numbers(Labels labels) {
    lock.lock();
    try {
      return List.copyOf(stored.getOrDefault(labels, new TreeSet<>()));
    } finally {
      lock.unlock();
    }
  }

  // ---- following ----

  /** Takes over what changed in the store. */
  private void follow() {
    lock.lock();
    try {
      Changes<String, Stored<ClusterIdentity>> changes = watch.poll();
      writer.write(batch -> {
        for (Change<String, Stored<ClusterIdentity>> change : changes.list()) {
          switch (change) {
            case Change.Put<String, Stored<ClusterIdentity>> put ->
                there(put.value().value(), batch);
            case Change.Removed<String, Stored<ClusterIdentity>> removed ->
                gone(removed.last().value().identity(), batch);
          }
        }
      });
      if (changes.snapshot().isInitialised()) {
        writer.synced(STORE);
      }
      if (!doubtful.isEmpty() && !retryIsSet) {
        retryIsSet = true;
        scheduler.execute(this::retry);
      }
    } finally {
      lock.unlock();
    }
  }

  private void there(ClusterIdentity identity, TableWriter.Batch<Integer, Identity> batch) {
    Held mine = held.get(identity.number());
    stored.computeIfAbsent(identity.labels(), _ -> new TreeSet<>()).add(identity.number());
    if (mine == null) {
      batch.put(identity.number(), identity.identity());
    } else if (identity.unused() || !mine.identity.labels().equals(identity.labels())) {
      doubtful.add(identity.number());
    }
  }

  private void gone(Identity identity, TableWriter.Batch<Integer, Identity> batch) {
    TreeSet<Integer> numbers = stored.get(identity.labels());
    if (numbers != null && numbers.remove(identity.id()) && numbers.isEmpty()) {
      stored.remove(identity.labels());
    }
    if (held.containsKey(identity.id())) {
      doubtful.add(identity.id());
    } else {
      batch.remove(identity.id());
    }
  }

  // ---- keeping what is held ----

  private void retryLater() {
    if (!retryIsSet) {
      retryIsSet = true;
      scheduler.schedule(RETRY, this::retry);
    }
  }

  /** Sees to it that the store has what this node holds. */
  private void retry() {
    boolean wasFailing = isFailing;
    isFailing = false;
    for (Identity identity : takeDoubtful()) {
      boolean done = false;
      try {
        done = search.keep(identity, Deadline.in(RETRY));
      } catch (ClusterStoreException e) {
        // One line for all that fail, and not at each try.
        if (!wasFailing && !isFailing) {
          LOG.warn("identity not confirmed id={} error=\"{}\"", identity.id(), e.getMessage());
        }
        isFailing = true;
      }
      if (!done) {
        lock.lock();
        try {
          if (held.containsKey(identity.id())) {
            doubtful.add(identity.id());
            retryLater();
          }
        } finally {
          lock.unlock();
        }
      }
    }
  }

  private List<Identity> takeDoubtful() {
    lock.lock();
    try {
      retryIsSet = false;
      List<Identity> identities =
          held.values().stream()
              .map(mine -> mine.identity)
              .filter(identity -> doubtful.contains(identity.id()))
              .toList();
      doubtful.clear();
      return identities;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    watch.close();
  }
}
