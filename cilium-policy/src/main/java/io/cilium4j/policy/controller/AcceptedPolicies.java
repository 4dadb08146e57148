// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.state.StateFile;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.documents.Trees;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The policy objects as they were last accepted, kept in a file: a policy whose present version is
 * refused stays in force as it was, also when it was changed while no agent ran. They are written
 * some seconds after they changed, all at once; a crash in between leaves versions that are a
 * little older.
 *
 * <p>Safe for use by several threads.
 */
public final class AcceptedPolicies implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(AcceptedPolicies.class);

  /** Raised when the file's form changes; another version's file is damaged to this one. */
  private static final int VERSION = 1;

  private final StateFile file;

  /** Those of the earlier run, of objects that this one has not seen yet. */
  private final Map<ResourceKey, RawResource> earlier = new TreeMap<>();

  private final Map<ResourceKey, RawResource> accepted = new TreeMap<>();
  private final boolean isLost;
  private boolean isOwed;

  /**
   * Reads what an earlier run kept.
   *
   * @param file fails to be read where it should be there and is not
   */
  public AcceptedPolicies(StateFile file) {
    this.file = file;
    this.isLost = !restore();
  }

  private boolean restore() {
    try {
      Optional<byte[]> content = file.read();
      if (content.isEmpty()) {
        return true;
      }
      Object root = DocumentReader.readKept(content.get());
      if (!Objects.equals(Trees.at(root, "version"), VERSION)) {
        throw new IllegalArgumentException("wanted version " + VERSION);
      }
      for (Object each : Trees.items(root, "objects")) {
        var key =
            new ResourceKey(
                Trees.text(each, "kind"), Trees.text(each, "namespace"), Trees.text(each, "name"));
        earlier.put(
            key,
            new RawResource(
                key,
                Trees.text(each, "apiVersion"),
                Trees.map(Trees.at(each, "object")),
                Trees.text(each, "origin")));
      }
      return true;
    } catch (NoSuchFileException _) {
      return false;
    } catch (IOException | IllegalArgumentException e) {
      LOG.error("accepted policies of an earlier run are lost error=\"{}\"", e.getMessage());
      file.setAside();
      return false;
    }
  }

  /** Whether something was in force that nobody knows of any more. */
  boolean isLost() {
    return isLost;
  }

  /** An object as it was accepted by an earlier run; absent if this one has accepted another. */
  synchronized Optional<RawResource> ofEarlierRun(ResourceKey key) {
    return Optional.ofNullable(earlier.get(key));
  }

  synchronized void accept(RawResource object) {
    earlier.remove(object.key());
    isOwed |= !object.equals(accepted.put(object.key(), object));
  }

  synchronized void forget(ResourceKey key) {
    earlier.remove(key);
    isOwed |= accepted.remove(key) != null;
  }

  /** Keeps what changed a moment ago. */
  @Override
  public void close() {
    try {
      keep(false);
    } catch (IOException e) {
      LOG.warn("accepted policies are not kept error=\"{}\"", e.getMessage());
    }
  }

  /**
   * Keeps what changed.
   *
   * @param isComplete whether every object has been seen that there is: until then one of the
   *     earlier run counts that was not
   * @throws IOException if it cannot be kept; tried again at the next call
   */
  public synchronized void keep(boolean isComplete) throws IOException {
    if (isComplete) {
      isOwed |= !earlier.isEmpty();
      earlier.clear();
    }
    if (!isOwed) {
      return;
    }
    var all = new TreeMap<>(earlier);
    all.putAll(accepted);
    List<Object> objects = new ArrayList<>();
    all.forEach((key, raw) ->
        objects.add(
            Map.of(
                "kind", key.kind(),
                "namespace", key.namespace(),
                "name", key.name(),
                "apiVersion", raw.apiVersion(),
                "origin", raw.origin(),
                "object", raw.object())));
    file.write(JsonWriter.writeBytes(Map.of("version", VERSION, "objects", objects)));
    isOwed = false;
  }
}
