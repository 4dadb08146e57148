// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.cluster.ClusterObject;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/**
 * The files of the objects of one kind, read and written one at a time.
 *
 * <p>A write takes the object's lock, looks at the clock a last time, and renames. So a process
 * that is stopped in between holds up others, and never writes when its time is over and others
 * went on.
 */
final class ObjectFiles<T extends ClusterObject> {

  /** Most files that are looked at. */
  private static final int MAX_FILES = 200_000;

  /** Longest key that stands in a file's name as it is, in characters. */
  private static final int MAX_NAME_CHARS = 200;

  /** How long a listing waits for writers. */
  private static final Duration LIST_PATIENCE = Duration.ofSeconds(5);

  private static final String SUFFIX = ".json";

  /** What a write makes of an object. */
  interface Edit {
    /**
     * The document that is to be written.
     *
     * @param current the object's file; absent if there is none
     * @return nothing to leave it as it is
     */
    @Nullable ObjectNode apply(Optional<ObjectFile> current);
  }

  private final StoreFolder store;
  private final ObjectCodec<T> codec;
  private final Path folder;
  private final ObjectLocks locks;

  ObjectFiles(StoreFolder store, ObjectCodec<T> codec) {
    this.store = store;
    this.codec = codec;
    this.folder = store.kind(codec.plural());
    this.locks = new ObjectLocks(store.locks(), codec.plural());
  }

  ObjectCodec<T> codec() {
    return codec;
  }

  Path folder() {
    return folder;
  }

  static boolean isObject(String file) {
    return file.endsWith(SUFFIX) && !file.startsWith(".");
  }

  /** Namespaces have no dots, so that no two keys have one name; long ones have a hash in it. */
  static String fileName(String key) {
    if (!key.matches("[a-z0-9][-a-z0-9.]*(/[a-z0-9][-a-z0-9.]*)?")) {
      throw new IllegalArgumentException("key \"" + key + "\": no name in Kubernetes");
    }
    String name = key.replace('/', '.');
    if (name.length() > MAX_NAME_CHARS) {
      String hash = ObjectFile.version(key.getBytes(StandardCharsets.UTF_8));
      name = name.substring(0, MAX_NAME_CHARS) + "~" + hash;
    }
    return name + SUFFIX;
  }

  /** The names of all files that should be objects. */
  Set<String> names() throws IOException {
    var names = new HashSet<String>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
      for (Path entry : entries) {
        String name = String.valueOf(entry.getFileName());
        if (isObject(name)) {
          names.add(name);
          if (names.size() > MAX_FILES) {
            throw new IOException("more than " + MAX_FILES + " files");
          }
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return names;
  }

  Optional<ObjectFile> content(String file) throws IOException {
    return ObjectFile.read(folder.resolve(file));
  }

  /**
   * The object in a file.
   *
   * @throws IllegalArgumentException if there is none, or another than the name says
   */
  Stored<T> stored(String file, ObjectFile content) {
    ObjectNode document = Json.parse(content.content());
    String kind = Json.text(document, "kind").orElse("");
    String apiVersion = Json.text(document, "apiVersion").orElse("");
    if (!kind.equals(codec.kind()) || !apiVersion.equals(codec.apiVersion())) {
      throw new IllegalArgumentException(
          "kind \""
              + kind
              + "\" of \""
              + apiVersion
              + "\": wanted "
              + codec.kind()
              + " of "
              + codec.apiVersion());
    }
    T value = codec.read(document);
    if (!fileName(value.key()).equals(file)) {
      throw new IllegalArgumentException(
          "holds " + value.key() + ", whose file is " + fileName(value.key()));
    }
    return new Stored<>(value, content.version());
  }

  /** The object as it is now. */
  Optional<Stored<T>> read(String key) {
    String file = fileName(key);
    store.require();
    Optional<Stored<T>> found = readOrThrow(file);
    if (found.isEmpty()) {
      store.require();
    }
    return found;
  }

  /** All objects as they are now, in the order of their keys. */
  List<Stored<T>> list() {
    store.require();
    var all = new TreeMap<String, Stored<T>>();
    try {
      locks.awaitWriters(Deadline.in(LIST_PATIENCE));
      for (String file : names()) {
        readOrThrow(file).ifPresent(stored -> all.put(stored.value().key(), stored));
      }
    } catch (IOException e) {
      throw failed("list", folder, Reasons.of(e), e);
    }
    store.require();
    return List.copyOf(all.values());
  }

  private Optional<Stored<T>> readOrThrow(String file) {
    try {
      return content(file).filter(there -> !there.isEmpty()).map(there -> stored(file, there));
    } catch (IOException e) {
      throw failed("read", folder.resolve(file), Reasons.of(e), e);
    } catch (IllegalArgumentException e) {
      throw failed("read", folder.resolve(file), String.valueOf(e.getMessage()), e);
    }
  }

  /**
   * Writes an object.
   *
   * @return the object as it is now; absent if the edit left it alone
   */
  Optional<Stored<T>> write(String key, Deadline deadline, Edit edit) {
    String file = fileName(key);
    Path place = folder.resolve(file);
    store.require();
    try (ObjectLocks.Held _ = locks.take(key, deadline)) {
      Optional<ObjectFile> current = content(file);
      ObjectNode document = edit.apply(current.filter(there -> !there.isEmpty()));
      if (document == null) {
        return Optional.empty();
      }
      byte[] content = Json.write(count(document));
      if (content.length > ObjectFile.MAX_BYTES) {
        throw new IOException(content.length + " bytes: at most " + ObjectFile.MAX_BYTES);
      }
      T value = codec.read(document);
      putInPlace(store.write(content, codec.isDurable()), place, current.isPresent(), deadline);
      if (codec.isDurable()) {
        StoreFolder.flush(folder);
      }
      return Optional.of(new Stored<>(value, ObjectFile.version(content)));
    } catch (IOException e) {
      throw failed("write", place, Reasons.of(e), e);
    } catch (IllegalArgumentException e) {
      throw failed("write", place, String.valueOf(e.getMessage()), e);
    }
  }

  /** Each write is another content, even if it says the same. */
  private static ObjectNode count(ObjectNode document) {
    ObjectNode metadata = Json.objectAt(document, "metadata");
    if (!metadata.path("uid").isString()) {
      metadata.put("uid", UUID.randomUUID().toString());
    }
    metadata.put("generation", metadata.path("generation").asLong(0) + 1);
    return document;
  }

  private static void putInPlace(Path file, Path place, boolean isThere, Deadline deadline)
      throws IOException {
    try {
      requireTime(place, deadline);
      if (isThere) {
        Files.move(file, place, StandardCopyOption.ATOMIC_MOVE);
        return;
      }
      // Refuses what somebody put there who takes no locks.
      Files.createLink(place, file);
    } catch (FileAlreadyExistsException e) {
      throw new IOException("written meanwhile by somebody who takes no lock", e);
    } finally {
      Files.deleteIfExists(file);
    }
  }

  /** Deletes an object if it has this version; returns whether it did. */
  boolean delete(String key, String version, Deadline deadline) {
    String file = fileName(key);
    Path place = folder.resolve(file);
    store.require();
    try (ObjectLocks.Held _ = locks.take(key, deadline)) {
      Optional<ObjectFile> current = content(file);
      if (current.isEmpty() || !current.get().version().equals(version)) {
        return false;
      }
      requireTime(place, deadline);
      Files.delete(place);
      if (codec.isDurable()) {
        StoreFolder.flush(folder);
      }
      return true;
    } catch (IOException e) {
      throw failed("delete", place, Reasons.of(e), e);
    }
  }

  private static void requireTime(Path place, Deadline deadline) {
    if (deadline.isOver()) {
      throw failed("write", place, "its time was over", null);
    }
  }

  private static ClusterStoreException failed(
      String what, Path file, String why, @Nullable Exception cause) {
    String line = what + " " + file + ": " + why;
    return cause == null ? new ClusterStoreException(line) : new ClusterStoreException(line, cause);
  }
}
