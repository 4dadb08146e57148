// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.IdentityException;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.StateFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/**
 * The numbers that this node gave to prefixes and names, kept in a file, so that after a restart
 * each means what it meant before. The rows that an earlier run left in the kernel are replaced
 * step by step; a number that were another prefix's by now would let the wrong address in
 * meanwhile.
 *
 * <p>Safe for use by several threads.
 */
public final class LocalIdentities {
  private static final Logger LOG = LoggerFactory.getLogger(LocalIdentities.class);

  /** Raised when the file's form changes; another version's file is damaged to this one. */
  private static final int VERSION = 1;

  private static final JsonFactory JSON = new JsonFactory();

  private final StateFile file;
  private final IdentityAllocator identities;

  /** Those of the earlier run, held until whoever needs one has asked for it. */
  private final List<Integer> held = new ArrayList<>();

  /** What stands in the file, as far as this process wrote it. */
  private final Map<Integer, Identity> kept = new HashMap<>();

  /** Whether the last attempt to write came to nothing. */
  private boolean isOwed;

  /** Takes the numbers of an earlier run again; to be made before anybody asks for others. */
  public LocalIdentities(StateFile file, IdentityAllocator identities) {
    this.file = file;
    this.identities = identities;
    restore();
  }

  private void restore() {
    try {
      Optional<byte[]> content = file.read();
      if (content.isPresent()) {
        read(content.get())
            .forEach((id, labels) -> held.add(identities.restore(new Identity(id, labels)).id()));
      }
    } catch (IOException | JacksonException | IllegalArgumentException | IdentityException e) {
      LOG.warn("numbers of prefixes are lost, others follow error=\"{}\"", reason(e));
      file.setAside();
    }
  }

  private static @Nullable String reason(Exception e) {
    return e instanceof JacksonException json ? json.getOriginalMessage() : e.getMessage();
  }

  /** {@code {"version": 1, "numbers": {"16777217": ["cidr:192.0.2.0/24"]}}}. */
  private static Map<Integer, Labels> read(byte[] content) {
    int version = 0;
    Map<Integer, Labels> numbers = null;
    try (JsonParser json = JSON.createParser(ObjectReadContext.empty(), content)) {
      require(json.nextToken() == JsonToken.START_OBJECT, "no object");
      while (json.nextToken() == JsonToken.PROPERTY_NAME) {
        switch (json.currentName()) {
          case "version" -> {
            require(json.nextToken() == JsonToken.VALUE_NUMBER_INT, "version: wanted a number");
            version = json.getIntValue();
          }
          case "numbers" -> numbers = readNumbers(json);
          default -> {
            json.nextToken();
            json.skipChildren();
          }
        }
      }
    }
    require(
        version == VERSION && numbers != null, "wanted version " + VERSION + " with its numbers");
    return numbers == null ? Map.of() : numbers;
  }

  private static Map<Integer, Labels> readNumbers(JsonParser json) {
    Map<Integer, Labels> numbers = new TreeMap<>();
    require(json.nextToken() == JsonToken.START_OBJECT, "numbers: wanted an object");
    while (json.nextToken() == JsonToken.PROPERTY_NAME) {
      int id = Integer.parseInt(json.currentName());
      List<Label> labels = new ArrayList<>();
      require(json.nextToken() == JsonToken.START_ARRAY, "numbers: wanted lists of labels");
      while (json.nextToken() == JsonToken.VALUE_STRING) {
        labels.add(Label.parse(json.getString()));
      }
      require(Identity.isLocal(id) && !labels.isEmpty(), "no number of a prefix: " + id);
      numbers.put(id, Labels.of(labels));
    }
    return numbers;
  }

  private static void require(boolean isTrue, String problem) {
    if (!isTrue) {
      throw new IllegalArgumentException(problem);
    }
  }

  /**
   * Keeps what is new, before any address has such a number. A full disk stops no policy; it is
   * tried again the next time.
   *
   * @param taken numbers that addresses are about to have, of this node's own or not
   */
  public synchronized void keep(Collection<Integer> taken) {
    Snapshot<Integer, Identity> all = identities.identities().snapshot();
    boolean isNew =
        taken.stream()
            .filter(Identity::isLocal)
            .anyMatch(id -> !all.get(id).equals(Optional.ofNullable(kept.get(id))));
    if (!isNew) {
      return;
    }
    try {
      file.write(write(all));
      kept.clear();
      all.forEach(row -> kept.put(row.key(), row.value()));
      isOwed = false;
    } catch (IOException e) {
      if (!isOwed) {
        LOG.warn("numbers of prefixes are not kept error=\"{}\"", e.getMessage());
      }
      isOwed = true;
    }
  }

  private static byte[] write(Snapshot<Integer, Identity> all) {
    var content = new ByteArrayOutputStream();
    try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), content)) {
      json.writeStartObject().writeNumberProperty("version", VERSION);
      json.writeObjectPropertyStart("numbers");
      for (Row<Integer, Identity> row : all) {
        if (Identity.isLocal(row.key())) {
          json.writeArrayPropertyStart(row.key().toString());
          row.value().labels().forEach(label -> json.writeString(label.toString()));
          json.writeEndArray();
        }
      }
      json.writeEndObject().writeEndObject();
    }
    return content.toByteArray();
  }

  /** Gives back what nobody asked for, once everybody could. */
  public synchronized void settle() {
    held.forEach(identities::release);
    held.clear();
  }
}
