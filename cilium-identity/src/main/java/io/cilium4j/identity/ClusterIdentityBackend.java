// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
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
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Snapshot;
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
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The numbers of a cluster's label sets, kept in the cluster's store. To create an object of a
 * number is to take it: the store lets only one do so.
 *
 * <p>A label set that is new here goes through its {@link NumberSequence}: where the store has its
 * labels, that is its number; where it has other labels, the next is tried; the first that is free
 * is created. Two nodes with the same new labels meet at the same number, and the one that comes
 * second finds what the first created.
 *
 * <p>What this node holds stays: a number that somebody deletes is created again, and the mark of
 * an unused one is taken away. A restarted agent has its numbers back while the store is away; they
 * are seen to once it is there.
 */
final class ClusterIdentityBackend implements IdentityBackend {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterIdentityBackend.class);

  /**
   * The time that a search has, from its first look to its last write. A number that it saw taken
   * must be taken at its end: this is less than the time between a number's mark and its deletion.
   */
  static final Duration SEARCH_TIME = Duration.ofSeconds(20);

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

  ClusterIdentityBackend(int clusterId, Scheduler scheduler, ClusterStore store) {
    this.clusterId = clusterId;
    this.scheduler = scheduler;
    this.store = store.identities();
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
    return mine.isPresent() ? mine.get() : hold(find(labels), true);
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
      return hold(findAgain(former), true);
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

  // ---- searching ----

  private Identity find(Labels labels) {
    Deadline deadline = Deadline.in(SEARCH_TIME);
    try {
      Optional<Identity> known = findKnown(labels, deadline);
      return known.isPresent() ? known.get() : search(labels, deadline);
    } catch (ClusterStoreException e) {
      throw new IdentityException("no identity for " + labels + ": " + e.getMessage(), e);
    }
  }

  /** By our table, which may lag; so the store is asked for the one number. */
  private Optional<Identity> findKnown(Labels labels, Deadline deadline) {
    for (int number : numbers(labels)) {
      if (use(number, labels, deadline) == Use.OURS) {
        return Optional.of(new Identity(number, labels));
      }
    }
    return Optional.empty();
  }

  private List<Integer> numbers(Labels labels) {
    lock.lock();
    try {
      return List.copyOf(stored.getOrDefault(labels, new TreeSet<>()));
    } finally {
      lock.unlock();
    }
  }

  private Identity search(Labels labels, Deadline deadline) {
    NumberSequence sequence = NumberSequence.of(labels, clusterId);
    if (!isFull(sequence)) {
      for (int position = 0; position < sequence.size(); position++) {
        int number = sequence.at(position);
        Use use = use(number, labels, deadline);
        while (use == Use.FREE) {
          use =
              store.create(new ClusterIdentity(number, labels), deadline).isPresent()
                  ? Use.OURS
                  : use(number, labels, deadline); // Somebody was quicker.
        }
        if (use == Use.OURS) {
          return new Identity(number, labels);
        }
      }
    }
    throw new IdentityException("no identity for " + labels + ": " + full());
  }

  /** As the former number, unless the labels have another by now. */
  private Identity findAgain(Identity former) {
    Deadline deadline = Deadline.in(SEARCH_TIME);
    Labels labels = former.labels();
    try {
      Optional<Identity> known = findKnown(labels, deadline);
      if (known.isPresent()) {
        return known.get();
      }
      // Whoever searched while the former number was not there has one that stands before it.
      NumberSequence sequence = NumberSequence.of(labels, clusterId);
      Use use = Use.OTHERS;
      for (int position = 0; position < sequence.size() && use == Use.OTHERS; position++) {
        int number = sequence.at(position);
        use = use(number, labels, deadline);
        if (use == Use.OURS) {
          return new Identity(number, labels);
        }
      }
      boolean isOurs =
          store.create(new ClusterIdentity(former.id(), labels), deadline).isPresent()
              || use(former.id(), labels, deadline) == Use.OURS;
      return isOurs ? former : search(labels, deadline);
    } catch (ClusterStoreException e) {
      throw new IdentityException("no identity for " + labels + ": " + e.getMessage(), e);
    }
  }

  private enum Use {
    /** The number has these labels, and no mark. */
    OURS,
    /** It has other labels, and no mark: it will be there for longer than a search takes. */
    OTHERS,
    FREE
  }

  /** Whose a number is, after its mark is gone: no one that was seen here is deleted soon. */
  private Use use(int number, Labels labels, Deadline deadline) {
    while (true) {
      Optional<Stored<ClusterIdentity>> now = store.read(Integer.toString(number));
      if (now.isEmpty()) {
        return Use.FREE;
      }
      ClusterIdentity identity = now.get().value();
      if (!identity.unused()
          || store.replace(now.get(), identity.withUnused(false), deadline).isPresent()) {
        return identity.labels().equals(labels) ? Use.OURS : Use.OTHERS;
      }
    }
  }

  /** By our table: a search of all numbers takes its time, and those who wait try again. */
  private boolean isFull(NumberSequence sequence) {
    Snapshot<String, Stored<ClusterIdentity>> now = store.table().snapshot();
    return now.size() >= sequence.size()
        && now.stream()
                .filter(row -> NumberSequence.isOf(clusterId, row.value().value().number()))
                .count()
            >= sequence.size();
  }

  /** Most often one label has a value for each pod, and should not count. */
  private String full() {
    Map<String, Set<String>> values = new TreeMap<>();
    for (Row<String, Stored<ClusterIdentity>> row : store.table().snapshot()) {
      for (Label label : row.value().value().labels()) {
        values
            .computeIfAbsent(label.source() + ":" + label.key(), _ -> new HashSet<>())
            .add(label.value());
      }
    }
    return values.entrySet().stream()
        .max(Comparator.comparingInt(entry -> entry.getValue().size()))
        .map(most ->
            "no number free: label " + most.getKey() + " has " + most.getValue().size() + " values")
        .orElse("no number free");
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
    for (Identity identity : takeDoubtful()) {
      boolean done = false;
      try {
        done = keep(identity);
      } catch (ClusterStoreException e) {
        LOG.debug("identity not confirmed id={} reason=\"{}\"", identity.id(), e.getMessage());
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

  private boolean keep(Identity identity) {
    Deadline deadline = Deadline.in(RETRY);
    return switch (use(identity.id(), identity.labels(), deadline)) {
      case OURS -> true;
      case FREE -> {
        boolean done =
            store
                .create(new ClusterIdentity(identity.id(), identity.labels()), deadline)
                .isPresent();
        if (done) {
          LOG.info("identity created again id={}", identity.id());
        }
        yield done;
      }
      case OTHERS -> {
        LOG.error(
            "identity has other labels in the store id={} ours=\"{}\"",
            identity.id(),
            identity.labels());
        yield true;
      }
    };
  }

  @Override
  public void close() {
    watch.close();
  }
}
