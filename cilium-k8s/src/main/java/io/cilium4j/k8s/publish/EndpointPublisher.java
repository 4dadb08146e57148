// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.publish;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.cluster.PublishedEndpoint.Details;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a node's endpoints in the cluster's store, from which the other nodes know whose address is
 * whose.
 *
 * <p>An endpoint is published once it has an identity, under its pod's name; of several of one pod
 * it is the one with the highest id. One that is gone is deleted, if it is still this node's: a pod
 * of the same name may run elsewhere by now. So an endpoint whose pod Kubernetes does not have any
 * more is not published, though it may live on, and what is published of another endpoint of that
 * name is deleted first: it may be owned by a pod that is gone, with which it would go. What an
 * earlier run left is deleted once the table of endpoints is initialised. However fast an endpoint
 * changes, it is written again only when the write before has ended.
 *
 * <p>All happens on the scheduler's thread.
 */
public final class EndpointPublisher implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(EndpointPublisher.class);

  private static final Duration WRITE_TIME = Duration.ofSeconds(2);

  /** How often details are looked at again. */
  private static final Duration REFRESH = Duration.ofSeconds(5);

  /** How long to wait before what failed is tried again. */
  private static final Duration RETRY = Duration.ofSeconds(2);

  private final ClusterStore.WithStatus<PublishedEndpoint> store;
  private final Table<Integer, Endpoint> endpoints;

  /** Where others reach this node now. */
  private IpAddress node;

  /** Where they did before; what is published with these may be ours still. */
  private final Set<IpAddress> formerly = new HashSet<>();

  private final Function<Endpoint, Optional<Details>> details;
  private final Scheduler scheduler;

  /** By key, and of one key by id. */
  private final Map<String, TreeMap<Integer, PublishedEndpoint>> wanted = new TreeMap<>();

  private final Map<Integer, String> keys = new TreeMap<>();

  /** Ids of endpoints that are not to be published now. */
  private final Set<Integer> withheld = new HashSet<>();

  /** Keys to look at. */
  private final Set<String> due = new LinkedHashSet<>();

  private final Follower follower;
  private boolean retryIsSet;
  private boolean isFailing;
  private volatile boolean closed;

  /**
   * A publisher that is not started.
   *
   * @param endpoints those of this node
   * @param node where others reach this node
   * @param details what else is told of an endpoint; absent where nothing is to be told of it at
   *     all; asked again now and then
   * @param scheduler its clock and thread; stays the caller's to close
   */
  public EndpointPublisher(
      ClusterStore store,
      Table<Integer, Endpoint> endpoints,
      IpAddress node,
      Function<Endpoint, Optional<Details>> details,
      Scheduler scheduler) {
    this.details = details;
    this.store = store.endpoints();
    this.endpoints = endpoints;
    this.node = node;
    this.scheduler = scheduler;
    this.follower =
        new Follower(scheduler, Duration.ZERO, List.of(endpoints, this.store.table()), this::work);
  }

  /** Begins. */
  public void start() {
    follower.start();
    scheduler.schedule(REFRESH, this::refresh);
  }

  /** Others reach this node at another address from now on; may be called from any thread. */
  public void nodeMoved(IpAddress address) {
    scheduler.execute(() -> {
      formerly.add(node);
      formerly.remove(address);
      node = address;
      endpoints
          .snapshot()
          .forEach(row -> {
            if (published(row.key()) != null) {
              forget(row.key());
              want(row.value());
            }
          });
      follower.wake();
    });
  }

  /** Details change without a change of the endpoint. */
  private void refresh() {
    if (closed) {
      return;
    }
    endpoints
        .snapshot()
        .forEach(row -> {
          PublishedEndpoint known = published(row.key());
          boolean isKnown = known != null || withheld.contains(row.key());
          Optional<Details> before = Optional.ofNullable(known).map(PublishedEndpoint::details);
          if (isKnown && !before.equals(details.apply(row.value()))) {
            forget(row.key());
            want(row.value());
          }
        });
    if (!due.isEmpty()) {
      follower.wake();
    }
    scheduler.schedule(REFRESH, this::refresh);
  }

  private @Nullable PublishedEndpoint published(int id) {
    String key = keys.get(id);
    TreeMap<Integer, PublishedEndpoint> byId = key == null ? null : wanted.get(key);
    return byId == null ? null : byId.get(id);
  }

  private void work(Follower.Look look) {
    Changes<Integer, Endpoint> here = look.of(endpoints);
    Changes<String, Stored<PublishedEndpoint>> there = look.of(store.table());
    follow(here);
    followStore(there);
    // As of these looks: the tables may have more by now.
    if (!here.snapshot().isInitialised() || !there.snapshot().isInitialised()) {
      return; // What is not restored yet is not gone.
    }
    var now = new ArrayList<>(due);
    due.clear();
    int failed = 0;
    for (String key : now) {
      try {
        publish(key);
      } catch (ClusterStoreException e) {
        // One line for all that fail, and not at each try.
        if (failed++ == 0 && !isFailing) {
          LOG.warn("endpoint not published endpoint={} error=\"{}\"", key, e.getMessage());
        }
        due.add(key);
      }
    }
    isFailing = failed > 0;
    if (!due.isEmpty()) {
      retryLater();
    }
  }

  private void follow(Changes<Integer, Endpoint> changes) {
    for (Change<Integer, Endpoint> change : changes.list()) {
      forget(change.key());
      if (change instanceof Change.Put<Integer, Endpoint> put) {
        want(put.value());
      }
    }
  }

  private void want(Endpoint endpoint) {
    if (endpoint.identity() == 0) {
      return; // Nobody can say yet who it is.
    }
    Optional<Details> told = details.apply(endpoint);
    if (told.isEmpty()) {
      withheld.add(endpoint.id());
      return;
    }
    try {
      var published =
          new PublishedEndpoint(
              endpoint.namespace(),
              endpoint.name(),
              endpoint.id(),
              Optional.of(new Identity(endpoint.identity(), endpoint.labels())),
              endpoint.addresses(),
              Optional.of(node),
              endpoint.namedPorts(),
              endpoint.state(),
              told.get());
      keys.put(endpoint.id(), published.key());
      wanted.computeIfAbsent(published.key(), _ -> new TreeMap<>()).put(endpoint.id(), published);
      due.add(published.key());
    } catch (IllegalArgumentException e) {
      // Not a pod's name, so no pod of the cluster.
      LOG.warn("endpoint not published id={} error=\"{}\"", endpoint.id(), e.getMessage());
    }
  }

  private void forget(int id) {
    withheld.remove(id);
    String key = keys.remove(id);
    if (key != null) {
      wanted.computeIfPresent(
          key,
          (_, byId) -> {
            byId.remove(id);
            return byId.isEmpty() ? null : byId;
          });
      due.add(key);
    }
  }

  private void followStore(Changes<String, Stored<PublishedEndpoint>> changes) {
    for (Change<String, Stored<PublishedEndpoint>> change : changes.list()) {
      PublishedEndpoint value =
          switch (change) {
            case Change.Put<String, Stored<PublishedEndpoint>> put -> put.value().value();
            case Change.Removed<String, Stored<PublishedEndpoint>> gone -> gone.last().value();
          };
      if (wanted.containsKey(change.key()) || isOurs(value)) {
        due.add(change.key());
      }
    }
  }

  private boolean isOurs(PublishedEndpoint endpoint) {
    return endpoint.node().filter(node::equals).isPresent();
  }

  private void publish(String key) {
    TreeMap<Integer, PublishedEndpoint> byId = wanted.get(key);
    Optional<Stored<PublishedEndpoint>> row = store.table().get(key);
    if (byId == null) {
      if (row.isPresent() && isOurs(row.get().value())) {
        delete(key, this::isOurs);
      }
      return;
    }
    PublishedEndpoint value = byId.lastEntry().getValue();
    if (row.isPresent() && row.get().value().equals(value)) {
      return;
    }
    if (row.isPresent() && isAnother(row.get().value(), value)) {
      delete(key, each -> isAnother(each, value));
    }
    boolean done =
        store.patchStatus(value, deadline()).isPresent()
            || store.create(value, deadline()).isPresent();
    if (!done) {
      due.add(key);
    }
  }

  /**
   * Whether it is of another endpoint. One with a former address of this node is its own, and is
   * not taken from the other nodes for a moment; where no endpoint here is published, such an
   * address counts for nothing: it may be another node's by now.
   */
  private boolean isAnother(PublishedEndpoint there, PublishedEndpoint wanted) {
    boolean isOurs = isOurs(there) || there.node().filter(formerly::contains).isPresent();
    return there.id() != wanted.id() || !isOurs;
  }

  /** The row may be old: what is deleted is what the store has. */
  private void delete(String key, Predicate<PublishedEndpoint> condition) {
    Optional<Stored<PublishedEndpoint>> now = store.read(key);
    if (now.isPresent()
        && condition.test(now.get().value())
        && !store.delete(now.get(), deadline())) {
      due.add(key);
    }
  }

  private static Deadline deadline() {
    return Deadline.in(WRITE_TIME);
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

  /** Ends; what is published stays, since the endpoints do. */
  @Override
  public void close() {
    closed = true;
    follower.stop();
  }
}
