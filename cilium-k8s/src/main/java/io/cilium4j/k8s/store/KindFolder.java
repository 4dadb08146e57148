// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.cluster.ClusterObject;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStore.WithStatus;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * The objects of one kind, with the table that follows their files.
 *
 * <p>The follower's reads and our own writes take turns, so that the table never goes back to what
 * a read saw before a write.
 */
final class KindFolder<T extends ClusterObject> implements WithStatus<T> {
  private static final Logger LOG = LoggerFactory.getLogger(KindFolder.class);

  /** The one input that a table waits for: the first look at all files. */
  private static final String FIRST_LOOK = "folder";

  /** Files that are read in one turn: writers wait no longer than that takes. */
  private static final int FILES_A_TURN = 256;

  /** Longest line about what is wrong with a file, in characters. */
  private static final int MAX_LINE_CHARS = 300;

  /** What is known of a file: how it looked when it was read, and which object it holds. */
  private record Known(ObjectFile.@Nullable Stamp stamp, @Nullable String key) {}

  private final StoreFolder store;
  private final ObjectFiles<T> files;
  private final TableWriter<String, String> problems;
  private final TableWriter<String, Stored<T>> writer;
  private final ReentrantLock turn = new ReentrantLock();

  /** By name of the file. */
  private final Map<String, Known> known = new HashMap<>();

  KindFolder(StoreFolder store, ObjectCodec<T> codec, TableWriter<String, String> problems) {
    this.store = store;
    this.files = new ObjectFiles<>(store, codec);
    this.problems = problems;
    this.writer = TableWriter.create(codec.plural(), Comparator.naturalOrder(), Set.of(FIRST_LOOK));
  }

  Path folder() {
    return files.folder();
  }

  // ---- following ----

  /** Looks at every file. */
  void scan() throws IOException {
    Set<String> present = files.names();
    var all = new ArrayList<>(present);
    turn.lock();
    try {
      known.keySet().stream().filter(file -> !present.contains(file)).forEach(all::add);
    } finally {
      turn.unlock();
    }
    for (int from = 0; from < all.size(); from += FILES_A_TURN) {
      look(all.subList(from, Math.min(all.size(), from + FILES_A_TURN)), false);
    }
    writer.synced(FIRST_LOOK);
  }

  /** Reads these files anew, whatever they look like. */
  void refresh(Collection<String> names) throws IOException {
    look(names.stream().filter(ObjectFiles::isObject).toList(), true);
  }

  private void look(List<String> names, boolean readAll) throws IOException {
    turn.lock();
    try {
      var puts = new ArrayList<Stored<T>>();
      var gone = new ArrayList<String>();
      for (String file : names) {
        look(file, readAll, puts, gone);
      }
      writer.write(batch -> puts.forEach(stored -> batch.put(stored.value().key(), stored)));
      if (!gone.isEmpty()) {
        remove(gone);
      }
    } finally {
      turn.unlock();
    }
  }

  private void look(String file, boolean readAll, List<Stored<T>> puts, List<String> gone) {
    Known before = known.get(file);
    ObjectFile.Stamp stamp = null;
    try {
      stamp = ObjectFile.stamp(folder().resolve(file)).orElse(null);
      if (stamp != null && !readAll && before != null && stamp.equals(before.stamp())) {
        return;
      }
      Optional<ObjectFile> content = stamp == null ? Optional.empty() : files.content(file);
      if (content.isEmpty()) {
        gone.add(file);
        return;
      }
      Stored<T> stored = files.stored(file, content.get());
      known.put(file, new Known(content.get().stamp(), stored.value().key()));
      puts.add(stored);
      solved(file);
    } catch (IOException e) {
      unreadable(file, stamp, before, Reasons.of(e));
    } catch (IllegalArgumentException e) {
      unreadable(file, stamp, before, String.valueOf(e.getMessage()));
    }
  }

  /** The object stays as it was last good. */
  private void unreadable(
      String file, ObjectFile.@Nullable Stamp stamp, @Nullable Known before, String what) {
    known.put(file, new Known(stamp, before == null ? null : before.key()));
    String line = what.length() > MAX_LINE_CHARS ? what.substring(0, MAX_LINE_CHARS) + "…" : what;
    if (problems.table().get(problemKey(file)).filter(line::equals).isEmpty()) {
      LOG.warn("object not read file={} error=\"{}\"", folder().resolve(file), line);
      problems.put(problemKey(file), line);
    }
  }

  private void solved(String file) {
    problems.remove(problemKey(file));
  }

  private String problemKey(String file) {
    return files.codec().plural() + "/" + file;
  }

  /** Files that were not found are gone, as long as the folder that they were in is there. */
  private void remove(List<String> gone) throws IOException {
    store.require();
    if (!Files.isDirectory(folder())) {
      throw new NoSuchFileException(folder().toString());
    }
    writer.write(batch -> {
      for (String file : gone) {
        Known last = known.remove(file);
        if (last != null && last.key() != null) {
          batch.remove(last.key());
        }
      }
    });
    gone.forEach(this::solved);
  }

  // ---- what others call ----

  @Override
  public Table<String, Stored<T>> table() {
    return writer.table();
  }

  @Override
  public Optional<Stored<T>> read(String key) {
    return files.read(key);
  }

  @Override
  public List<Stored<T>> list() {
    return files.list();
  }

  @Override
  public Optional<Stored<T>> create(T value, Deadline deadline) {
    return write(
        value.key(),
        deadline,
        current -> {
          if (current.isPresent()) {
            return null;
          }
          ObjectNode document = Json.object();
          document.put("apiVersion", files.codec().apiVersion());
          document.put("kind", files.codec().kind());
          files.codec().write(value, document);
          return document;
        });
  }

  @Override
  public Optional<Stored<T>> replace(Stored<T> before, T value, Deadline deadline) {
    requireSameKey(before, value);
    return write(
        value.key(),
        deadline,
        current -> {
          if (current.filter(file -> file.version().equals(before.version())).isEmpty()) {
            return null;
          }
          ObjectNode document = Json.parse(current.get().content());
          files.codec().write(value, document);
          return document;
        });
  }

  @Override
  public Optional<Stored<T>> patchStatus(T value, Deadline deadline) {
    ObjectCodec<T> codec = files.codec();
    return write(
        value.key(),
        deadline,
        current -> {
          if (current.isEmpty()) {
            return null;
          }
          ObjectNode document = Json.parse(current.get().content());
          T object = files.stored(ObjectFiles.fileName(value.key()), current.get()).value();
          codec.write(codec.withStatus(object, value), document);
          return document;
        });
  }

  private Optional<Stored<T>> write(String key, Deadline deadline, ObjectFiles.Edit edit) {
    takeTurn(deadline);
    try {
      Optional<Stored<T>> written = files.write(key, deadline, edit);
      written.ifPresent(stored -> {
        // Without a stamp: the next look reads the file.
        known.put(ObjectFiles.fileName(key), new Known(null, key));
        writer.put(key, stored);
      });
      return written;
    } finally {
      turn.unlock();
    }
  }

  @Override
  public boolean delete(Stored<T> before, Deadline deadline) {
    String key = before.value().key();
    takeTurn(deadline);
    try {
      boolean done = files.delete(key, before.version(), deadline);
      if (done) {
        known.remove(ObjectFiles.fileName(key));
        writer.remove(key);
      }
      return done;
    } finally {
      turn.unlock();
    }
  }

  private void takeTurn(Deadline deadline) {
    try {
      if (turn.tryLock(deadline.left().toNanos(), TimeUnit.NANOSECONDS)) {
        return;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    throw new ClusterStoreException("cluster store " + store.root() + ": busy");
  }

  private static void requireSameKey(Stored<?> before, ClusterObject value) {
    if (!before.value().key().equals(value.key())) {
      throw new IllegalArgumentException(
          "replace " + before.value().key() + " by " + value.key() + ": wanted the same key");
    }
  }
}
