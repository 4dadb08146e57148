// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.core.cluster.ClusterObject;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStore.WithStatus;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.k8s.store.Json;
import io.cilium4j.k8s.store.ObjectCodec;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * The objects of a kind in an API server. They are followed from the moment on at which somebody
 * asks for their table.
 *
 * <p>News of an object comes twice, as the answer to our own write and from the watch, in any
 * order: the newer version counts, and what we deleted does not come back by older news.
 */
final class ApiObjects<T extends ClusterObject> implements WithStatus<T>, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ApiObjects.class);

  private static final String INPUT = "first list";
  private static final Duration READ_TIME = Duration.ofSeconds(10);

  /** Changes nothing but the version, where a write would change nothing at all. */
  private static final String COUNTER = "cilium4j.io/writes";

  /** Most deletions of ours that are remembered until the watch has them. */
  private static final int MAX_GONE = 65_536;

  private final ApiClient client;
  private final ApiKind<T> kind;
  private final ObjectCodec<T> codec;
  private final TableWriter<String, String> problems;
  private final TableWriter<String, Stored<T>> writer;
  private final Owners<T> owners;
  private final Reflector<T> reflector;

  /** Guards the order of writes to the table. */
  private final ReentrantLock lock = new ReentrantLock();

  /** The versions that we deleted, by key; under the lock. */
  private final Map<String, Long> gone = new HashMap<>();

  /** Keys that cannot be read now; under the lock. */
  private final Set<String> unreadable = new HashSet<>();

  private boolean started;

  ApiObjects(ApiClient client, ApiKind<T> kind, TableWriter<String, String> problems) {
    this.client = client;
    this.kind = kind;
    this.codec = kind.codec();
    this.problems = problems;
    this.writer =
        TableWriter.create(kind.resource().plural(), Comparator.naturalOrder(), Set.of(INPUT));
    this.owners = new Owners<>(client, kind);
    this.reflector =
        new Reflector<>(
            client,
            kind.resource(),
            kind.resource().path(kind.namespace()),
            Map.of(),
            owners::read,
            new Follower());
  }

  // ---- following ----

  @Override
  public Table<String, Stored<T>> table() {
    lock.lock();
    try {
      if (!started) {
        started = true;
        reflector.start();
      }
    } finally {
      lock.unlock();
    }
    return writer.table();
  }

  /** What the reflector tells. */
  private final class Follower implements Reflector.Target<T> {
    @Override
    public void replace(List<Reflector.Item<T>> items, long version) {
      lock.lock();
      try {
        Set<String> present = new HashSet<>();
        unreadable.forEach(key -> problems.remove(at(key)));
        unreadable.clear();
        writer.write(batch -> {
          for (Reflector.Item<T> item : items) {
            present.add(kind.key(item.key()));
            take(batch, item);
          }
          for (Row<String, Stored<T>> row : batch.snapshot()) {
            // What was written since is not in the list.
            if (!present.contains(row.key()) && version(row.value()) <= version) {
              batch.remove(row.key());
            }
          }
        });
        gone.keySet().removeIf(key -> !present.contains(key));
        writer.synced(INPUT);
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void put(Reflector.Item<T> item) {
      lock.lock();
      try {
        writer.write(batch -> take(batch, item));
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void remove(String name, long version) {
      String key = kind.key(name);
      lock.lock();
      try {
        if (gone.getOrDefault(key, 0L) < version) {
          gone.remove(key);
        }
        if (unreadable.remove(key)) {
          problems.remove(at(key));
        }
        if (writer.table().get(key).filter(row -> version(row) < version).isPresent()) {
          writer.remove(key);
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public boolean hasObjects() {
      return writer.table().snapshot().size() > 0;
    }

    @Override
    public void problem(String what) {
      String where = kind.resource().plural();
      Optional<String> last = problems.table().get(where);
      if (what.isEmpty()) {
        if (last.isPresent()) {
          problems.remove(where);
          LOG.info("objects followed again resource={}", where);
        }
      } else if (!last.equals(Optional.of(what))) {
        // One line where all kinds have the same; they share the table.
        String reason = what.substring(what.indexOf(':') + 1);
        boolean isTold;
        synchronized (problems) {
          isTold =
              problems.table().snapshot().stream().anyMatch(row -> row.value().endsWith(reason));
          problems.put(where, what);
        }
        if (!isTold) {
          LOG.warn("objects not followed error=\"{}\"", what);
        }
      }
    }
  }

  private void take(TableWriter.Batch<String, Stored<T>> batch, Reflector.Item<T> item) {
    String key = kind.key(item.key());
    if (item.value().isEmpty()) {
      if (unreadable.add(key)) {
        LOG.warn("object not readable object={} error=\"{}\"", at(key), item.problem());
      }
      problems.put(at(key), item.problem());
      return;
    }
    if (unreadable.remove(key)) {
      problems.remove(at(key));
    }
    var stored = new Stored<>(item.value().get(), Long.toString(item.version()));
    if (gone.getOrDefault(key, 0L) < item.version()
        && batch.get(key).filter(row -> version(row) >= item.version()).isEmpty()) {
      batch.put(key, stored);
    }
  }

  private static long version(Stored<?> stored) {
    return Reflector.version(stored.version());
  }

  private String at(String key) {
    return kind.resource().plural() + "/" + key;
  }

  /** What we wrote is in the table at once. */
  private Stored<T> written(Stored<T> stored) {
    String key = stored.value().key();
    long version = version(stored);
    lock.lock();
    try {
      if (gone.getOrDefault(key, 0L) < version) {
        gone.remove(key);
        if (writer.table().get(key).filter(row -> version(row) >= version).isEmpty()) {
          writer.put(key, stored);
        }
      }
    } finally {
      lock.unlock();
    }
    return stored;
  }

  // ---- asking ----

  @Override
  public Optional<Stored<T>> read(String key) {
    try {
      return client
          .get(kind.path(key), Deadline.in(READ_TIME))
          .map(object -> stored(key, Json.parse(object)));
    } catch (ApiException | IllegalArgumentException e) {
      throw failed(key, e);
    }
  }

  @Override
  public List<Stored<T>> list() {
    var all = new ArrayList<Stored<T>>();
    String where = kind.resource().plural();
    try {
      Listing.readLatest(
          client, kind.resource().path(kind.namespace()), object -> all.add(stored(where, object)));
    } catch (ApiException e) {
      if (!e.isNotFound()) {
        throw failed("", e);
      }
      throw new ClusterStoreException(where + ": not served yet", e);
    } catch (IOException e) {
      throw failed("", e);
    }
    all.sort(Comparator.comparing(each -> each.value().key()));
    return List.copyOf(all);
  }

  private Stored<T> stored(String where, ObjectNode object) {
    try {
      return new Stored<>(
          owners.read(object), Json.text(object, "metadata.resourceVersion").orElse(""));
    } catch (IllegalArgumentException e) {
      throw failed(where, e);
    }
  }

  // ---- writing ----

  @Override
  public Optional<Stored<T>> create(T value, Deadline deadline) {
    ObjectNode object = document(value);
    try {
      owners.own(value.key(), object, deadline);
      byte[] created = client.post(kind.collection(value.key()), Json.write(object), deadline);
      Stored<T> stored = stored(value.key(), Json.parse(created));
      return Optional.of(written(withStatus(stored, value, deadline)));
    } catch (ApiException e) {
      if (e.isConflict()) {
        return Optional.empty();
      }
      throw failed(value.key(), e);
    }
  }

  private ObjectNode document(T value) {
    ObjectNode object = Json.object();
    object.put("apiVersion", kind.resource().apiVersion());
    object.put("kind", kind.resource().kind());
    kind.prepare(value.key(), object);
    codec.write(value, object);
    return object;
  }

  @Override
  public Optional<Stored<T>> replace(Stored<T> before, T value, Deadline deadline) {
    String key = value.key();
    if (!before.value().key().equals(key)) {
      throw new IllegalArgumentException(
          "replace " + before.value().key() + " by " + key + ": wanted the same key");
    }
    // What differs and no more, since fields that we do not know stay as they are.
    ObjectNode patch = Json.mergePatch(document(before.value()), document(value));
    try {
      Stored<T> stored = patched(before, patch, deadline);
      if (stored.version().equals(before.version()) && stored.value().equals(value)) {
        // The server does not store what is there already; every write has a version of its own.
        Json.objectAt(patch, "metadata.annotations").put(COUNTER, before.version());
        stored = patched(before, patch, deadline);
      }
      return Optional.of(written(withStatus(stored, value, deadline)));
    } catch (ApiException e) {
      if (e.isConflict() || e.isNotFound()) {
        return Optional.empty();
      }
      throw failed(key, e);
    }
  }

  /** Where the object has still the version that is named; a conflict else. */
  private Stored<T> patched(Stored<T> before, ObjectNode patch, Deadline deadline)
      throws ApiException {
    String key = before.value().key();
    Json.objectAt(patch, "metadata").put("resourceVersion", before.version());
    byte[] patched = client.mergePatch(kind.path(key), Json.write(patch), deadline);
    return stored(key, Json.parse(patched));
  }

  /** A status that the server keeps apart is written apart, after the rest. */
  private Stored<T> withStatus(Stored<T> stored, T value, Deadline deadline) throws ApiException {
    return kind.hasOwnStatus() && !stored.value().equals(value) ? patched(value, deadline) : stored;
  }

  @Override
  public Optional<Stored<T>> patchStatus(T value, Deadline deadline) {
    try {
      return Optional.of(written(patched(value, deadline)));
    } catch (ApiException e) {
      if (e.isNotFound()) {
        return Optional.empty();
      }
      throw failed(value.key(), e);
    }
  }

  private Stored<T> patched(T value, Deadline deadline) throws ApiException {
    ObjectNode status = Json.objectAt(document(value), "status");
    kind.clear(status);
    ObjectNode patch = Json.object();
    patch.set("status", status);
    byte[] patched = client.mergePatch(kind.statusPath(value.key()), Json.write(patch), deadline);
    return stored(value.key(), Json.parse(patched));
  }

  @Override
  public boolean delete(Stored<T> before, Deadline deadline) {
    String key = before.value().key();
    ObjectNode conditions = Json.object();
    conditions.put("apiVersion", "v1");
    conditions.put("kind", "DeleteOptions");
    conditions.putObject("preconditions").put("resourceVersion", before.version());
    try {
      client.delete(kind.path(key), Json.write(conditions), deadline);
    } catch (ApiException e) {
      if (e.isConflict() || e.isNotFound()) {
        return false;
      }
      throw failed(key, e);
    }
    lock.lock();
    try {
      if (started && gone.size() < MAX_GONE) {
        gone.put(key, version(before));
      }
      if (writer.table().get(key).filter(row -> version(row) <= version(before)).isPresent()) {
        writer.remove(key);
      }
    } finally {
      lock.unlock();
    }
    return true;
  }

  private ClusterStoreException failed(String key, Exception e) {
    String where = key.isEmpty() ? kind.resource().plural() : at(key);
    return new ClusterStoreException(where + ": " + e.getMessage(), e);
  }

  /** Follows no more, soon. */
  void end() {
    reflector.end();
  }

  /** Follows no more. */
  @Override
  public void close() {
    reflector.close();
  }
}
