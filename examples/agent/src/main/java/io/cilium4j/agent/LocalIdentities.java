// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.api.ApiJson;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.IdentityException;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Row;
import io.cilium4j.identity.IdentityAllocator;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The numbers that this node gave to prefixes and names, kept in a file, so that after a restart
 * each means what it meant before. The rows that an earlier run left in the kernel are replaced
 * step by step; a number that were another prefix's by now would let the wrong address in
 * meanwhile.
 *
 * <p>Used by one thread, that of the rounds.
 */
final class LocalIdentities {
  private static final Logger LOG = LoggerFactory.getLogger(LocalIdentities.class);

  /** Raised when the file's form changes; another version's file is damaged to this one. */
  private static final int VERSION = 1;

  /** Largest file, in bytes: some 200,000 prefixes. */
  private static final long MAX_BYTES = 32 << 20;

  private final StateFolder folder;
  private final IdentityAllocator identities;

  /** Those of the earlier run, held until whoever needs one has asked for it. */
  private final List<Integer> held = new ArrayList<>();

  /** Whether the last attempt to write came to nothing. */
  private boolean isOwed;

  /** Takes the numbers of an earlier run again; to be made before anybody asks for others. */
  LocalIdentities(StateFolder folder, IdentityAllocator identities) {
    this.folder = folder;
    this.identities = identities;
    restore();
  }

  private void restore() {
    try {
      JsonNode root =
          ApiJson.mapper().readTree(StateFolder.read(folder.localIdentities(), MAX_BYTES));
      if (root.path("version").asInt(0) != VERSION || !root.path("numbers").isObject()) {
        throw new IllegalArgumentException("wanted version " + VERSION + " with its numbers");
      }
      for (Map.Entry<String, JsonNode> entry : root.path("numbers").properties()) {
        int id = Integer.parseInt(entry.getKey());
        List<Label> labels = new ArrayList<>();
        entry.getValue().forEach(label -> labels.add(Label.parse(label.asString())));
        if (!Identity.isLocal(id) || labels.isEmpty()) {
          throw new IllegalArgumentException("no number of a prefix: " + entry);
        }
        held.add(identities.restore(new Identity(id, Labels.of(labels))).id());
      }
    } catch (NoSuchFileException _) {
      // The first run, or one without prefixes.
    } catch (IOException | JacksonException | IllegalArgumentException | IdentityException e) {
      LOG.warn("numbers of prefixes are lost, others follow error=\"{}\"", reason(e));
      StateFolder.setAside(folder.localIdentities());
    }
  }

  private static @Nullable String reason(Exception e) {
    return e instanceof JacksonException json ? json.getOriginalMessage() : e.getMessage();
  }

  /** Keeps what is new, before the datapath hears of it. A full disk stops no policy. */
  void keep(Changes<Integer, Identity> changes) {
    boolean isNew =
        changes.list().stream()
            .anyMatch(change ->
                change instanceof Change.Put<Integer, Identity> && Identity.isLocal(change.key()));
    if (!isNew && !isOwed) {
      return;
    }
    ObjectNode root = ApiJson.mapper().createObjectNode().put("version", VERSION);
    ObjectNode numbers = root.putObject("numbers");
    for (Row<Integer, Identity> row : changes.snapshot()) {
      if (Identity.isLocal(row.key())) {
        ArrayNode labels = numbers.putArray(row.key().toString());
        row.value().labels().forEach(label -> labels.add(label.toString()));
      }
    }
    byte[] content = ApiJson.mapper().writeValueAsBytes(root);
    try {
      if (content.length > MAX_BYTES) {
        throw new IOException(content.length + " bytes: at most " + MAX_BYTES);
      }
      folder.write(folder.localIdentities(), content);
      isOwed = false;
    } catch (IOException e) {
      if (!isOwed) {
        LOG.warn("numbers of prefixes are not kept error=\"{}\"", e.getMessage());
      }
      isOwed = true;
    }
  }

  /** Gives back what nobody asked for, once everybody could. */
  void settle() {
    held.forEach(identities::release);
    held.clear();
  }
}
