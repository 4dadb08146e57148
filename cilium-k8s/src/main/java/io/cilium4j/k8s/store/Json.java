// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.IpAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Reads and writes fields; what is of the wrong type is an error that names its path. */
public final class Json {

  /** Most elements of a list or map that are read: a bound on hostile input. */
  private static final int MAX_ITEMS = 1024;

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private Json() {}

  public static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /** Reads a document, which must be an object. */
  public static ObjectNode parse(byte[] content) {
    try {
      if (MAPPER.readTree(content) instanceof ObjectNode object) {
        return object;
      }
      throw new IllegalArgumentException("not a JSON object");
    } catch (JacksonException e) {
      TokenStreamLocation at = e.getLocation();
      throw new IllegalArgumentException(
          "not JSON: "
              + (at == null ? "" : "line " + at.getLineNr() + ": ")
              + String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse(""),
          e);
    }
  }

  public static byte[] write(ObjectNode document) {
    return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsBytes(document);
  }

  /** The value at a path such as {@code spec.ipam}; missing where a part of it is. */
  public static JsonNode at(JsonNode document, String path) {
    JsonNode value = document;
    for (String field : path.split("\\.", -1)) {
      if (!value.isMissingNode() && !value.isNull() && !value.isObject()) {
        throw wanted(path, "an object above it", value);
      }
      value = value.path(field);
    }
    return value;
  }

  private static boolean isAbsent(JsonNode value) {
    return value.isMissingNode() || value.isNull();
  }

  public static Optional<String> text(JsonNode document, String path) {
    JsonNode value = at(document, path);
    if (isAbsent(value)) {
      return Optional.empty();
    }
    if (!value.isString()) {
      throw wanted(path, "text", value);
    }
    return Optional.of(value.asString());
  }

  public static Optional<Integer> number(JsonNode document, String path) {
    JsonNode value = at(document, path);
    if (isAbsent(value)) {
      return Optional.empty();
    }
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw wanted(path, "a number of 32 bits", value);
    }
    return Optional.of(value.intValue());
  }

  /** A truth; absent reads as false. */
  public static boolean flag(JsonNode document, String path) {
    JsonNode value = at(document, path);
    if (isAbsent(value)) {
      return false;
    }
    if (!value.isBoolean()) {
      throw wanted(path, "true or false", value);
    }
    return value.asBoolean();
  }

  /** The elements of a list that may be absent, each read by {@code read}. */
  public static <E> List<E> list(JsonNode document, String path, Function<JsonNode, E> read) {
    JsonNode value = at(document, path);
    if (isAbsent(value)) {
      return List.of();
    }
    if (!value.isArray()) {
      throw wanted(path, "a list", value);
    }
    bound(path, value);
    var items = new ArrayList<E>();
    for (JsonNode item : value) {
      items.add(read.apply(item));
    }
    return items;
  }

  public static List<String> texts(JsonNode document, String path) {
    return list(
        document,
        path,
        item -> {
          if (!item.isString()) {
            throw wanted(path + "[]", "text", item);
          }
          return item.asString();
        });
  }

  public static Map<String, String> map(JsonNode document, String path) {
    JsonNode value = at(document, path);
    if (isAbsent(value)) {
      return Map.of();
    }
    if (!value.isObject()) {
      throw wanted(path, "an object", value);
    }
    bound(path, value);
    var map = new TreeMap<String, String>();
    for (Map.Entry<String, JsonNode> entry : value.properties()) {
      if (!entry.getValue().isString()) {
        throw wanted(path + "[" + entry.getKey() + "]", "text", entry.getValue());
      }
      map.put(entry.getKey(), entry.getValue().asString());
    }
    return map;
  }

  public static Optional<IpAddress> address(JsonNode document, String path) {
    return text(document, path).filter(text -> !text.isEmpty()).map(IpAddress::parse);
  }

  private static void bound(String path, JsonNode value) {
    if (value.size() > MAX_ITEMS) {
      throw new IllegalArgumentException(
          path + ": " + value.size() + " elements: at most " + MAX_ITEMS);
    }
  }

  static IllegalArgumentException wanted(String path, String what, JsonNode value) {
    return new IllegalArgumentException(
        path + ": wanted " + what + ", not " + value.getNodeType().name().toLowerCase(Locale.ROOT));
  }

  // ---- writing ----

  /** The object at a path, made where it is missing. */
  public static ObjectNode objectAt(ObjectNode document, String path) {
    ObjectNode value = document;
    for (String field : path.split("\\.", -1)) {
      value = value.get(field) instanceof ObjectNode inner ? inner : value.putObject(field);
    }
    return value;
  }

  /**
   * What makes one document out of another as a JSON merge patch (RFC 7386): the fields that
   * differ, null for those that are gone; empty where nothing differs.
   */
  public static ObjectNode mergePatch(ObjectNode before, ObjectNode after) {
    ObjectNode patch = object();
    for (String field : before.propertyNames()) {
      if (!after.has(field)) {
        patch.putNull(field);
      }
    }
    after.forEachEntry((field, value) -> {
      JsonNode former = before.get(field);
      if (former instanceof ObjectNode inner && value instanceof ObjectNode wanted) {
        ObjectNode change = mergePatch(inner, wanted);
        if (!change.isEmpty()) {
          patch.set(field, change);
        }
      } else if (!value.equals(former)) {
        patch.set(field, value);
      }
    });
    return patch;
  }

  public static void putTexts(ObjectNode parent, String field, List<?> values) {
    if (values.isEmpty()) {
      parent.remove(field);
      return;
    }
    ArrayNode array = parent.putArray(field);
    values.forEach(value -> array.add(value.toString()));
  }

  public static void putMap(ObjectNode parent, String field, Map<String, String> values) {
    if (values.isEmpty()) {
      parent.remove(field);
      return;
    }
    ObjectNode object = parent.putObject(field);
    new TreeMap<>(values).forEach(object::put);
  }

  /** Puts a text; an empty one is left out. */
  public static void putText(ObjectNode parent, String field, String value) {
    if (value.isEmpty()) {
      parent.remove(field);
    } else {
      parent.put(field, value);
    }
  }
}
