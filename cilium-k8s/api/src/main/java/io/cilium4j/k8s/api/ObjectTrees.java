// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonParser;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Objects out of a stream of JSON, one tree after the other, within bounds. */
final class ObjectTrees {
  private static final StreamReadConstraints LIMITS =
      StreamReadConstraints.builder()
          .maxNestingDepth(100)
          .maxStringLength(2 << 20)
          .maxNameLength(4096)
          .maxNumberLength(40)
          .build();

  private static final JsonMapper MAPPER =
      JsonMapper.builder(JsonFactory.builder().streamReadConstraints(LIMITS).build())
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          // Behind an object comes the next one.
          .disable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private ObjectTrees() {}

  static JsonParser parser(InputStream in) {
    return MAPPER.createParser(in);
  }

  /**
   * The object that begins at the parser's token, without what nobody reads of it: who wrote which
   * field is often more than the object itself.
   */
  static ObjectNode object(JsonParser parser) throws IOException {
    JsonNode read = MAPPER.readTree(parser);
    if (!(read instanceof ObjectNode object)) {
      throw new IOException("not a JSON object");
    }
    if (object.path("metadata") instanceof ObjectNode metadata) {
      metadata.remove("managedFields");
    }
    return object;
  }

  /** The same as a tree of plain values. */
  static @Nullable Object plain(JsonNode node) {
    return switch (node.getNodeType()) {
      case OBJECT -> {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        node.properties().forEach(each -> map.put(each.getKey(), plain(each.getValue())));
        yield map;
      }
      case ARRAY -> {
        List<@Nullable Object> list = new ArrayList<>(node.size());
        node.forEach(item -> list.add(plain(item)));
        yield list;
      }
      case STRING -> node.asString();
      case BOOLEAN -> node.asBoolean();
      case NUMBER -> number(node);
      default -> null;
    };
  }

  private static Number number(JsonNode node) {
    if (!node.isIntegralNumber()) {
      return node.decimalValue();
    }
    BigInteger value = node.bigIntegerValue();
    return value.bitLength() < Integer.SIZE
        ? (Number) value.intValueExact()
        : value.bitLength() < Long.SIZE ? (Number) value.longValueExact() : value;
  }
}
