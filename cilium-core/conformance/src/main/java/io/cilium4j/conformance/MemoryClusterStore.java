// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterObject;
import io.cilium4j.core.cluster.Lease;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BinaryOperator;
import java.util.function.Supplier;

/**
 * The store named {@code memory}: a cluster in this process's memory, for tests of what stands on
 * the seam. All that happens in it happens on the threads of its callers, tables included; so a
 * test with one thread is repeatable, and can make faults happen ({@link Faults}).
 *
 * <p>Safe for use by several threads.
 */
public final class MemoryClusterStore implements ClusterStore {

  /** What can go wrong between a store and who uses it. */
  public interface Faults {

    /** Nothing goes wrong. */
    Faults NONE = new Faults() {};

    /**
     * Carries out a write.
     *
     * @param deadline by when it has to be done
     * @param write does it, with the conditions that it has then. Not called, the write is lost;
     *     called before this throws, its answer is lost; called later, but before the deadline, it
     *     is late
     * @throws ClusterStoreException what the writer is told in place of the result
     */
    default void write(Deadline deadline, Runnable write) {
      write.run();
    }

    /**
     * Before the store is asked for objects.
     *
     * @throws ClusterStoreException what the asker is told in place of them
     */
    default void read() {}

    /** Whether the store says of an object that there is none, wrongly. */
    default boolean misses(String key) {
      return false;
    }
  }

  /** A cluster: what the stores that are opened on it share. */
  public static final class Cluster {
    private final Kind<ClusterNode> nodes =
        new Kind<>((node, status) -> node.withAllocationError(status.allocationError()));
    private final Kind<PublishedEndpoint> endpoints = new Kind<>((endpoint, status) -> status);
    private final Kind<ClusterIdentity> identities = new Kind<>((identity, status) -> identity);
    private final Kind<Lease> leases = new Kind<>((lease, status) -> lease);
    private final Kind<PodIpPool> pools = new Kind<>((pool, status) -> pool);

    /** An empty cluster. */
    public Cluster() {}

    /** A store of this cluster in which nothing goes wrong. */
    public MemoryClusterStore open() {
      return open(Faults.NONE);
    }

    /** A store of this cluster. */
    public MemoryClusterStore open(Faults faults) {
      return new MemoryClusterStore(this, faults);
    }
  }

  /** The objects of a kind, and the stores that follow them. */
  private static final class Kind<T extends ClusterObject> {
    private final BinaryOperator<T> withStatus;
    private final TreeMap<String, Stored<T>> objects = new TreeMap<>();
    private final List<Client<T>> clients = new ArrayList<>();
    private long versions;

    Kind(BinaryOperator<T> withStatus) {
      this.withStatus = withStatus;
    }

    synchronized Client<T> open(String name, Faults faults) {
      var client = new Client<>(this, name, faults);
      objects.values().forEach(stored -> client.writer.put(stored.value().key(), stored));
      clients.add(client);
      return client;
    }

    synchronized void close(Client<T> client) {
      clients.remove(client);
    }

    synchronized Optional<Stored<T>> get(String key) {
      return Optional.ofNullable(objects.get(key));
    }

    synchronized List<Stored<T>> all() {
      return List.copyOf(objects.values());
    }

    synchronized Optional<Stored<T>> create(T value) {
      return objects.containsKey(value.key()) ? Optional.empty() : Optional.of(put(value));
    }

    synchronized Optional<Stored<T>> replace(Stored<T> before, T value) {
      return has(before) ? Optional.of(put(value)) : Optional.empty();
    }

    synchronized Optional<Stored<T>> patchStatus(T value) {
      return get(value.key()).map(stored -> put(withStatus.apply(stored.value(), value)));
    }

    synchronized boolean delete(Stored<T> before) {
      if (!has(before)) {
        return false;
      }
      String key = before.value().key();
      objects.remove(key);
      clients.forEach(client -> client.follow(() -> client.writer.remove(key)));
      return true;
    }

    private boolean has(Stored<T> before) {
      return get(before.value().key())
          .filter(now -> now.version().equals(before.version()))
          .isPresent();
    }

    private Stored<T> put(T value) {
      var stored = new Stored<>(value, Long.toString(++versions));
      objects.put(value.key(), stored);
      clients.forEach(client -> client.follow(() -> client.writer.put(value.key(), stored)));
      return stored;
    }
  }

  /** One store's side of a kind. */
  private static final class Client<T extends ClusterObject> implements WithStatus<T> {
    private final Kind<T> kind;
    private final Faults faults;
    private final TableWriter<String, Stored<T>> writer;

    /** What the table has not been told yet; guarded by the kind. */
    private final Deque<Runnable> behind = new ArrayDeque<>();

    private boolean lags;

    Client(Kind<T> kind, String name, Faults faults) {
      this.kind = kind;
      this.faults = faults;
      this.writer = TableWriter.create(name);
    }

    void follow(Runnable change) {
      if (lags) {
        behind.add(change);
      } else {
        change.run();
      }
    }

    void setLagging(boolean on) {
      synchronized (kind) {
        lags = on;
        while (!lags && !behind.isEmpty()) {
          behind.remove().run();
        }
      }
    }

    @Override
    public Table<String, Stored<T>> table() {
      return writer.table();
    }

    @Override
    public Optional<Stored<T>> read(String key) {
      faults.read();
      return faults.misses(key) ? Optional.empty() : kind.get(key);
    }

    @Override
    public List<Stored<T>> list() {
      faults.read();
      return kind.all();
    }

    @Override
    public Optional<Stored<T>> create(T value, Deadline deadline) {
      return write(deadline, () -> kind.create(value));
    }

    @Override
    public Optional<Stored<T>> replace(Stored<T> before, T value, Deadline deadline) {
      if (!before.value().key().equals(value.key())) {
        throw new IllegalArgumentException(
            "replace " + before.value().key() + " by " + value.key() + ": wanted the same key");
      }
      return write(deadline, () -> kind.replace(before, value));
    }

    @Override
    public boolean delete(Stored<T> before, Deadline deadline) {
      return write(deadline, () -> kind.delete(before) ? Optional.of(true) : Optional.empty())
          .isPresent();
    }

    @Override
    public Optional<Stored<T>> patchStatus(T value, Deadline deadline) {
      return write(deadline, () -> kind.patchStatus(value));
    }

    private <R> Optional<R> write(Deadline deadline, Supplier<Optional<R>> change) {
      if (deadline.isOver()) {
        throw new ClusterStoreException("write: its time was over");
      }
      var answer = new Answer<R>();
      faults.write(deadline, () -> answer.value = change.get());
      return answer.value;
    }
  }

  private static final class Answer<R> {
    private Optional<R> value = Optional.empty();
  }

  private final TableWriter<String, String> problems = TableWriter.create("cluster-store-problems");
  private final Client<ClusterNode> nodes;
  private final Client<PublishedEndpoint> endpoints;
  private final Client<ClusterIdentity> identities;
  private final Client<Lease> leases;
  private final Client<PodIpPool> pools;

  private MemoryClusterStore(Cluster cluster, Faults faults) {
    this.nodes = cluster.nodes.open("ciliumnodes", faults);
    this.endpoints = cluster.endpoints.open("ciliumendpoints", faults);
    this.identities = cluster.identities.open("ciliumidentities", faults);
    this.leases = cluster.leases.open("leases", faults);
    this.pools = cluster.pools.open("ciliumpodippools", faults);
  }

  private List<Client<?>> all() {
    return List.of(nodes, endpoints, identities, leases, pools);
  }

  /** From now on the tables stay as they are, or, with false, catch up and follow again. */
  public void setLagging(boolean lagging) {
    all().forEach(client -> client.setLagging(lagging));
  }

  @Override
  public String name() {
    return MemoryClusterStoreProvider.NAME;
  }

  @Override
  public WithStatus<ClusterNode> nodes() {
    return nodes;
  }

  @Override
  public WithStatus<PublishedEndpoint> endpoints() {
    return endpoints;
  }

  @Override
  public Objects<ClusterIdentity> identities() {
    return identities;
  }

  @Override
  public Objects<Lease> leases() {
    return leases;
  }

  @Override
  public Objects<PodIpPool> pools() {
    return pools;
  }

  @Override
  public Table<String, String> problems() {
    return problems.table();
  }

  /** Follows no more. */
  @Override
  public void close() {
    close(nodes);
    close(endpoints);
    close(identities);
    close(leases);
    close(pools);
  }

  private static <T extends ClusterObject> void close(Client<T> client) {
    client.kind.close(client);
  }
}
