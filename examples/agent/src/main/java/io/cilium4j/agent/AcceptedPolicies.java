// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.api.ApiJson;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The policy objects as they were last accepted, kept in a file: a policy whose present version is
 * refused stays in force as it was, also when it was changed while no agent ran. They are written
 * some seconds after they changed, all at once; a crash in between leaves versions that are a
 * little older.
 *
 * <p>Safe for use by several threads.
 */
final class AcceptedPolicies implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(AcceptedPolicies.class);

  /** Raised when the file's form changes; another version's file is damaged to this one. */
  private static final int VERSION = 1;

  /** Largest file, in bytes: as many policies as any cluster has. */
  private static final long MAX_BYTES = 256L << 20;

  private final StateFolder folder;

  /** Those of the earlier run, of objects that this one has not seen yet. */
  private final Map<ResourceKey, RawResource> earlier = new TreeMap<>();

  private final Map<ResourceKey, RawResource> accepted = new TreeMap<>();
  private final boolean isLost;
  private boolean isOwed;

  /** Reads what an earlier run kept. */
  AcceptedPolicies(StateFolder folder) {
    this.folder = folder;
    this.isLost = !restore();
  }

  private boolean restore() {
    try {
      JsonNode root = ApiJson.mapper().readTree(StateFolder.read(folder.policies(), MAX_BYTES));
      if (root.path("version").asInt(0) != VERSION) {
        throw new IllegalArgumentException("wanted version " + VERSION);
      }
      for (JsonNode each : root.path("objects")) {
        var key =
            new ResourceKey(
                each.path("kind").asString(""),
                each.path("namespace").asString(""),
                each.path("name").asString(""));
        earlier.put(
            key,
            new RawResource(
                key,
                each.path("apiVersion").asString(""),
                each.path("object").toString(),
                each.path("origin").asString("")));
      }
      return true;
    } catch (NoSuchFileException _) {
      return !folder.hasEndpoints();
    } catch (IOException | JacksonException | IllegalArgumentException e) {
      LOG.error("accepted policies of an earlier run are lost error=\"{}\"", e.getMessage());
      StateFolder.setAside(folder.policies());
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
  synchronized void keep(boolean isComplete) throws IOException {
    if (isComplete) {
      isOwed |= !earlier.isEmpty();
      earlier.clear();
    }
    if (!isOwed) {
      return;
    }
    var all = new TreeMap<>(earlier);
    all.putAll(accepted);
    ObjectNode root = ApiJson.mapper().createObjectNode().put("version", VERSION);
    ArrayNode objects = root.putArray("objects");
    all.forEach((key, raw) ->
        objects
            .addObject()
            .put("kind", key.kind())
            .put("namespace", key.namespace())
            .put("name", key.name())
            .put("apiVersion", raw.apiVersion())
            .put("origin", raw.origin())
            .set("object", ApiJson.mapper().readTree(raw.json())));
    folder.write(folder.policies(), ApiJson.mapper().writeValueAsBytes(root));
    isOwed = false;
  }
}
