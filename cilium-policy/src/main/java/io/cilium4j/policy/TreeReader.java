// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.dataformat.yaml.YAMLFactory;
import tools.jackson.dataformat.yaml.YAMLParser;

/**
 * Turns YAML or JSON text into plain trees of {@link Map}, {@link List}, {@link String}, {@link
 * Number}, {@link Boolean} and null, one for each document.
 *
 * <p>The text comes from users, so everything is bounded: its length, the nesting, and the number
 * of nodes after aliases are expanded, which is what a "billion laughs" document blows up. A key
 * that stands twice in one map is an error, since readers disagree on which one counts.
 */
final class TreeReader {
  /** Longest text, in characters. The API server takes objects of at most 1.5 MiB. */
  static final int MAX_TEXT_CHARS = 32 << 20;

  /** Longest text that is read as YAML where it begins like JSON and is not. */
  private static final int MAX_RETRY_CHARS = 1 << 20;

  /** Deepest nesting; policies need about twelve levels. */
  static final int MAX_DEPTH = 64;

  /** Most nodes of one text, aliases expanded. */
  static final int MAX_NODES = 4_000_000;

  private static final StreamReadConstraints LIMITS =
      StreamReadConstraints.builder()
          .maxNestingDepth(MAX_DEPTH)
          .maxStringLength(1 << 20)
          .maxNameLength(4096)
          .maxNumberLength(40)
          .build();

  private static final JsonFactory JSON =
      JsonFactory.builder().streamReadConstraints(LIMITS).build();

  private static final YAMLFactory YAML =
      YAMLFactory.builder().streamReadConstraints(LIMITS).build();

  private final JsonParser parser;
  private final String source;
  private final Map<String, Anchored> anchors = new HashMap<>();
  private int nodes;

  /** A node that has an anchor, and how many nodes it stands for. */
  private record Anchored(@Nullable Object node, int size) {}

  private TreeReader(JsonParser parser, String source) {
    this.parser = parser;
    this.source = source;
  }

  /**
   * Reads every document of a text. Empty documents are left out.
   *
   * @throws PolicyParseException if it is neither YAML nor JSON, or over a bound
   */
  static List<Object> read(String text, String source) {
    if (text.length() > MAX_TEXT_CHARS) {
      throw new PolicyParseException(
          source, "", "", text.length() + " characters", "at most " + MAX_TEXT_CHARS);
    }
    // JSON has its own reader since YAML's is an order of magnitude slower.
    String start = text.stripLeading();
    if (!start.startsWith("{") && !start.startsWith("[")) {
      return read(text, source, YAML);
    }
    try {
      return read(text, source, JSON);
    } catch (PolicyParseException json) {
      // What begins so may be YAML all the same; it is tried where that cannot take long.
      if (text.length() > MAX_RETRY_CHARS || json.getCause() == null) {
        throw json;
      }
      try {
        return read(text, source, YAML);
      } catch (PolicyParseException yaml) {
        yaml.addSuppressed(json);
        throw json;
      }
    }
  }

  private static List<Object> read(String text, String source, TokenStreamFactory format) {
    try (JsonParser parser = format.createParser(ObjectReadContext.empty(), text)) {
      var reader = new TreeReader(parser, source);
      var documents = new ArrayList<Object>();
      while (parser.nextToken() != null) {
        reader.anchors.clear();
        Object document = reader.node(0);
        if (document != null) {
          documents.add(document);
        }
      }
      return documents;
    } catch (JacksonException e) {
      var where = e.getLocation();
      String line = where == null ? "" : "line " + where.getLineNr();
      String wanted = format.getFormatName();
      var told =
          new PolicyParseException(source, "", line, "\"" + e.getOriginalMessage() + "\"", wanted);
      told.initCause(e);
      throw told;
    }
  }

  private @Nullable Object node(int depth) {
    if (depth > MAX_DEPTH) {
      throw error("nesting of more than " + MAX_DEPTH + " levels", "at most " + MAX_DEPTH);
    }
    int before = nodes;
    count(1);
    String anchor = null;
    if (parser instanceof YAMLParser yaml) {
      if (yaml.isCurrentAlias()) {
        Anchored target = anchors.get(yaml.getString());
        if (target == null) {
          throw error("alias *" + yaml.getString(), "an anchor of this document");
        }
        count(target.size);
        return target.node;
      }
      Object id = yaml.getObjectId();
      anchor = id == null ? null : id.toString();
    }
    Object node = content(depth);
    if (anchor != null) {
      anchors.put(anchor, new Anchored(node, nodes - before));
    }
    return node;
  }

  private @Nullable Object content(int depth) {
    JsonToken token = parser.currentToken();
    return switch (token) {
      case START_OBJECT -> map(depth);
      case START_ARRAY -> list(depth);
      case VALUE_STRING -> parser.getString();
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> parser.getNumberValue();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NULL -> null;
      case NOT_AVAILABLE, END_OBJECT, END_ARRAY, PROPERTY_NAME, VALUE_EMBEDDED_OBJECT ->
          throw error(token.toString(), "a value");
    };
  }

  private Map<String, @Nullable Object> map(int depth) {
    var map = new LinkedHashMap<String, @Nullable Object>();
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String key = parser.currentName();
      parser.nextToken();
      Object value = node(depth + 1);
      if (map.containsKey(key)) {
        throw error("\"" + key + "\" twice in one map", "each key once");
      }
      map.put(key, value);
    }
    return Collections.unmodifiableMap(map);
  }

  private List<@Nullable Object> list(int depth) {
    var list = new ArrayList<@Nullable Object>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      list.add(node(depth + 1));
    }
    return Collections.unmodifiableList(list);
  }

  private void count(int more) {
    nodes += more;
    if (nodes > MAX_NODES) {
      throw error("more than " + MAX_NODES + " nodes", "at most " + MAX_NODES);
    }
  }

  private PolicyParseException error(String found, String allowed) {
    return new PolicyParseException(
        source, "", "line " + parser.currentTokenLocation().getLineNr(), found, allowed);
  }
}
