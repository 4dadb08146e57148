// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Database;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.core.state.Watch;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Gives a number to any label set: a reserved one, a cluster-wide one from the backend, or one of
 * this node's own; and shows every identity that this node knows, in one table.
 *
 * <p>Numbers are held by reference: who allocates releases, once for each time. Safe for use by
 * several threads.
 */
public final class IdentityAllocator implements AutoCloseable {

  /** The input that the table of identities waits for. */
  private static final String BACKEND = "backend";

  /** Last number of a node's own scope, counted from the scope's first bit. */
  private static final int SCOPE_NUMBERS = (1 << 24) - 1;

  private final IdentityBackend backend;
  private final Scheduler scheduler;
  private final Duration rest;
  private final ExpiryTimer timer;
  private final ReentrantLock lock = new ReentrantLock();
  private final Database database;
  private final TableWriter<Integer, Identity> writer;
  private final Watch<Integer, Identity> watch;
  private final LabelNumbers local;
  private final LabelNumbers remoteNodes;

  /** Cluster-wide numbers that this node holds: they stay listed whatever the backend lists yet. */
  private final Map<Integer, Integer> held = new HashMap<>();

  private Labels hostLabels = ReservedIdentity.HOST.identity().labels();
  private boolean hostIsApiServer;

  /**
   * An allocator over an open backend, which stays the caller's to close.
   *
   * @param database has the table of identities
   * @param scheduler its clock and thread; stays the caller's to close
   */
  public IdentityAllocator(Database database, IdentityBackend backend, Scheduler scheduler) {
    this(database, backend, scheduler, MemoryIdentityBackendProvider.DEFAULT_REST);
  }

  IdentityAllocator(
      Database database, IdentityBackend backend, Scheduler scheduler, Duration rest) {
    this.database = database;
    this.backend = backend;
    this.scheduler = scheduler;
    this.rest = rest;
    this.timer = new ExpiryTimer(scheduler, this::expireLocal);
    this.local = numbers("node-local", Identity.LOCAL_SCOPE, rest);
    this.remoteNodes = numbers("remote-node", Identity.REMOTE_NODE_SCOPE, rest);
    this.writer = database.table("identities", Comparator.naturalOrder(), Set.of(BACKEND));
    for (ReservedIdentity reserved : ReservedIdentity.values()) {
      if (reserved != ReservedIdentity.UNKNOWN && !reserved.isAggregate()) {
        writer.put(reserved.id(), reserved.identity());
      }
    }
    this.watch = backend.identities().watch(() -> scheduler.execute(this::follow));
    follow();
  }

  private static LabelNumbers numbers(String name, int scope, Duration rest) {
    return new LabelNumbers(name, scope | 1, scope | SCOPE_NUMBERS, rest);
  }

  /**
   * The identity of a label set, with one more reference on it.
   *
   * @throws io.cilium4j.core.spi.IdentityException if there is no number left, or the backend
   *     cannot be reached
   */
  public Identity allocate(Labels labels) {
    return obtain(labels, Optional.empty());
  }

  /**
   * As {@link #allocate}, and with the former number if that is still free: what a restarted agent
   * calls for each identity it knew, before it allocates any other.
   */
  public Identity restore(Identity former) {
    return obtain(former.labels(), Optional.of(former));
  }

  private Identity obtain(Labels labels, Optional<Identity> former) {
    Optional<ReservedIdentity> fixed = Scope.fixed(labels);
    if (fixed.isPresent()) {
      return fixed.get().identity();
    }
    Scope scope = Scope.of(labels);
    if (scope == Scope.CLUSTER_WIDE) {
      // Not under the lock: a backend may have to ask other machines.
      Identity identity =
          former.isEmpty() ? backend.allocate(labels) : backend.restore(former.get());
      lock.lock();
      try {
        held.merge(identity.id(), 1, Integer::sum);
        writer.put(identity.id(), identity);
      } finally {
        lock.unlock();
      }
      return identity;
    }
    lock.lock();
    try {
      LabelNumbers numbers = numbersOf(scope);
      expire(numbers);
      Identity identity = former.isEmpty() ? numbers.take(labels) : numbers.restore(former.get());
      writer.put(identity.id(), identity);
      return identity;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives this node's own identity these labels.
   *
   * @param labels with {@code reserved:host}
   */
  public void labelHost(Labels labels) {
    if (!Scope.has(labels, ReservedIdentity.HOST)) {
      throw new IllegalArgumentException("labels " + labels + ": not the host's");
    }
    lock.lock();
    try {
      hostLabels = labels;
      putHost();
    } finally {
      lock.unlock();
    }
  }

  /** Says whether the API server is asked at an address of this node, whose identity stays one. */
  void hostIsApiServer(boolean isThere) {
    lock.lock();
    try {
      hostIsApiServer = isThere;
      putHost();
    } finally {
      lock.unlock();
    }
  }

  private void putHost() {
    Labels labels = hostIsApiServer ? hostLabels.with(Scope.API_SERVER) : hostLabels;
    writer.put(ReservedIdentity.HOST.id(), new Identity(ReservedIdentity.HOST.id(), labels));
  }

  /** Gives one reference back; no error for a reserved number or one that is not held. */
  public void release(int id) {
    Scope scope = Scope.of(id);
    lock.lock();
    try {
      if (scope != Scope.CLUSTER_WIDE) {
        releaseLocal(numbersOf(scope), id);
        return;
      }
      if (!held.containsKey(id)) {
        return;
      }
      held.computeIfPresent(id, (key, count) -> count == 1 ? null : count - 1);
    } finally {
      lock.unlock();
    }
    backend.release(id);
    follow();
  }

  private void releaseLocal(LabelNumbers numbers, int id) {
    if (numbers.release(id, scheduler.nanoTime())) {
      timer.rests(rest);
    }
  }

  /** In both books of this node's own; gives how long until the next rest there ends. */
  private Optional<Duration> expireLocal() {
    lock.lock();
    try {
      List<LabelNumbers> books = List.of(local, remoteNodes);
      books.forEach(this::expire);
      return books.stream()
          .flatMap(book -> book.nextEnd(scheduler.nanoTime()).stream())
          .min(Comparator.naturalOrder());
    } finally {
      lock.unlock();
    }
  }

  private void expire(LabelNumbers numbers) {
    for (Identity gone : numbers.expire(scheduler.nanoTime())) {
      writer.remove(gone.id());
    }
  }

  private LabelNumbers numbersOf(Scope scope) {
    return scope == Scope.REMOTE_NODE ? remoteNodes : local;
  }

  /**
   * Every identity that this node knows: reserved, cluster-wide, its own; for the length of its
   * rest also one that was given back. Initialised once the backend is.
   */
  public Table<Integer, Identity> identities() {
    return writer.table();
  }

  /** Has the table of identities. */
  Database database() {
    return database;
  }

  /** Takes over what changed in the backend. */
  private void follow() {
    lock.lock();
    try {
      Changes<Integer, Identity> changes = watch.poll();
      writer.write(batch -> {
        for (Change<Integer, Identity> change : changes.list()) {
          switch (change) {
            case Change.Put<Integer, Identity> put -> batch.put(put.key(), put.value());
            case Change.Removed<Integer, Identity> removed -> {
              if (isForeign(removed.key())) {
                batch.remove(removed.key());
              }
            }
          }
        }
      });
      if (changes.snapshot().isInitialised()) {
        writer.synced(BACKEND);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Whether the number is the backend's and this node holds none of it. */
  private boolean isForeign(int id) {
    return id >= Identity.MIN_CLUSTER_WIDE && !Identity.isLocal(id) && !held.containsKey(id);
  }

  /** Stops following the backend. */
  @Override
  public void close() {
    watch.close();
  }
}
