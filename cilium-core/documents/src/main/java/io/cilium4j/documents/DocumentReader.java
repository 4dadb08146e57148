// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.documents;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
 * Reads YAML and JSON as {@link Trees}. The rules are the same for whoever reads:
 *
 * <ul>
 *   <li>A key that stands twice in one map is refused: readers disagree on which one counts.
 *   <li>An alias stands for its anchor, as for {@code kubectl}. What it stands for is counted each
 *       time, which is what a "billion laughs" document blows up.
 *   <li>Text comes from users, so everything is bounded: its length, the nesting, the number of
 *       nodes. JSON that this program wrote itself is bounded by whoever reads its file.
 * </ul>
 */
public final class DocumentReader {
  /** Longest text, in characters. The API server takes objects of at most 1.5 MiB. */
  static final int MAX_TEXT_CHARS = 32 << 20;

  /** Longest text that is read as YAML where it begins like JSON and is not. */
  private static final int MAX_RETRY_CHARS = 1 << 20;

  /** Deepest nesting; policies need about twelve levels, schemas of resources some fifty. */
  static final int MAX_DEPTH = 100;

  /** How much deeper it may be in a file that holds a document amid other things. */
  private static final int KEPT_DEPTH = MAX_DEPTH + 20;

  /** Most nodes of one text, aliases expanded. */
  static final int MAX_NODES = 4_000_000;

  /** Longest key that is kept once for all documents, in characters: fields are shorter. */
  private static final int SHARED_KEY_CHARS = 64;

  private static final StreamReadConstraints LIMITS =
      StreamReadConstraints.builder()
          .maxNestingDepth(KEPT_DEPTH)
          .maxStringLength(2 << 20)
          .maxNameLength(4096)
          .maxNumberLength(40)
          .build();

  private static final JsonFactory JSON =
      JsonFactory.builder().streamReadConstraints(LIMITS).build();

  /** Where YAML's parser found something. */
  private static final Pattern PLACE = Pattern.compile("line ([0-9]{1,9}), column");

  /** A program that reads JSON alone does without the classes of the other. */
  private static final class Yaml {
    static final YAMLFactory FACTORY = YAMLFactory.builder().streamReadConstraints(LIMITS).build();
  }

  private final JsonParser parser;
  private final int maxDepth;
  private final int maxNodes;
  private final Map<String, Anchored> anchors = new HashMap<>();
  private int nodes;

  /** A node that has an anchor, and how many nodes it stands for. */
  private record Anchored(@Nullable Object node, int size) {}

  private DocumentReader(JsonParser parser, int maxDepth, int maxNodes) {
    this.parser = parser;
    this.maxDepth = maxDepth;
    this.maxNodes = maxNodes;
  }

  /**
   * Reads every document of a text.
   *
   * @return their trees in order; null for a document that is empty
   * @throws DocumentException if it is neither YAML nor JSON, or over a bound
   */
  public static List<@Nullable Object> read(String text) {
    checkLength(text);
    // JSON has its own reader since YAML's is an order of magnitude slower.
    String start = text.stripLeading();
    if (!start.startsWith("{") && !start.startsWith("[")) {
      return read(text, Yaml.FACTORY);
    }
    try {
      return read(text, JSON);
    } catch (DocumentException json) {
      // What begins so may be YAML all the same; it is tried where that cannot take long.
      if (text.length() > MAX_RETRY_CHARS || !json.isSyntax()) {
        throw json;
      }
      try {
        return read(text, Yaml.FACTORY);
      } catch (DocumentException yaml) {
        yaml.addSuppressed(json);
        // Of a text with bare keys the JSON reader says no more than that it has bare keys.
        throw yaml.isSyntax() ? json : yaml;
      }
    }
  }

  /**
   * Reads a text that is one JSON document.
   *
   * @throws DocumentException if it is not, or over a bound
   */
  public static @Nullable Object readJson(String text) {
    checkLength(text);
    try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), text)) {
      return new DocumentReader(parser, MAX_DEPTH, MAX_NODES).only();
    } catch (JacksonException e) {
      throw syntax(e, JSON);
    }
  }

  /**
   * Reads a file that {@link JsonWriter} wrote. Its length is bounded by whoever read it.
   *
   * @param utf8 one JSON document
   * @throws DocumentException if it is none
   */
  public static @Nullable Object readKept(byte[] utf8) {
    try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), utf8)) {
      return new DocumentReader(parser, KEPT_DEPTH, Integer.MAX_VALUE).only();
    } catch (JacksonException e) {
      throw syntax(e, JSON);
    }
  }

  private static void checkLength(String text) {
    if (text.length() > MAX_TEXT_CHARS) {
      throw new DocumentException(0, text.length() + " characters", "at most " + MAX_TEXT_CHARS);
    }
  }

  private static List<@Nullable Object> read(String text, TokenStreamFactory format) {
    try (JsonParser parser = format.createParser(ObjectReadContext.empty(), text)) {
      var reader = new DocumentReader(parser, MAX_DEPTH, MAX_NODES);
      var documents = new ArrayList<@Nullable Object>();
      while (parser.nextToken() != null) {
        reader.anchors.clear();
        documents.add(reader.node(0));
      }
      return documents;
    } catch (JacksonException e) {
      throw syntax(e, format);
    }
  }

  private @Nullable Object only() {
    if (parser.nextToken() == null) {
      throw error("nothing", "a JSON document");
    }
    Object document = node(0);
    if (parser.nextToken() != null) {
      throw error("more than one document", "one");
    }
    return document;
  }

  private static DocumentException syntax(JacksonException e, TokenStreamFactory format) {
    String message = String.valueOf(e.getOriginalMessage());
    int line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
    // YAML's parser is a token further than its location, and says so in its message.
    for (Matcher place = PLACE.matcher(message); place.find(); ) {
      line = Integer.parseInt(place.group(1));
    }
    return new DocumentException(Math.max(line, 0), plain(message), format.getFormatName(), e);
  }

  /**
   * YAML's parser tells its context and its place before what is wrong, in words of its own; places
   * and excerpts stand in lines that begin with a blank.
   */
  private static String plain(String message) {
    String problem = message;
    for (String line : message.split("\n", -1)) {
      if (!line.isBlank() && !line.startsWith(" ")) {
        problem = line;
      }
    }
    return problem
        .replaceAll("'?<(stream|document) end>'?", "the end of the $1")
        .replaceAll("'?<([a-z ]+)>'?", "the $1")
        .replaceAll("\\(code [0-9]+\\)|\\(0x[0-9a-fA-F]+\\)", "")
        .replaceAll("[\\p{Cntrl}\\s]+", " ")
        .strip();
  }

  private @Nullable Object node(int depth) {
    if (depth > maxDepth) {
      throw error("nesting of more than " + maxDepth + " levels", "at most " + maxDepth);
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
      case VALUE_NUMBER_INT -> parser.getNumberValue();
      case VALUE_NUMBER_FLOAT -> decimal();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NULL -> null;
      case NOT_AVAILABLE, END_OBJECT, END_ARRAY, PROPERTY_NAME, VALUE_EMBEDDED_OBJECT ->
          throw error(token.toString(), "a value");
    };
  }

  /** As written, not the nearest binary fraction. */
  private Object decimal() {
    if (parser.isNaN()) {
      throw error(parser.getString(), "a number");
    }
    return parser.getDecimalValue();
  }

  private Map<String, @Nullable Object> map(int depth) {
    @Nullable Object[] pairs = new @Nullable Object[8];
    int used = 0;
    Map<String, @Nullable Object> large = null;
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String key = parser.currentName();
      if (key.length() <= SHARED_KEY_CHARS && parser instanceof YAMLParser) {
        key = key.intern(); // The JSON reader keeps one of each of its own.
      }
      parser.nextToken();
      Object value = node(depth + 1);
      if (large == null && used == 2 * FlatMap.MAX_ENTRIES) {
        large = new LinkedHashMap<>(new FlatMap(pairs));
      }
      if (large != null ? large.containsKey(key) : FlatMap.find(pairs, used, key) >= 0) {
        throw error("\"" + key + "\" twice in one map", "each key once");
      }
      if (large != null) {
        large.put(key, value);
        continue;
      }
      if (used == pairs.length) {
        pairs = Arrays.copyOf(pairs, 2 * used);
      }
      pairs[used++] = key;
      pairs[used++] = value;
    }
    return large != null
        ? Collections.unmodifiableMap(large)
        : new FlatMap(Arrays.copyOf(pairs, used));
  }

  private List<@Nullable Object> list(int depth) {
    var list = new ArrayList<@Nullable Object>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      list.add(node(depth + 1));
    }
    return Trees.list(list);
  }

  private void count(int more) {
    nodes += more;
    if (nodes > maxNodes) {
      throw error("more than " + maxNodes + " nodes", "at most " + maxNodes);
    }
  }

  private DocumentException error(String problem, String wanted) {
    return new DocumentException(
        Math.max(parser.currentTokenLocation().getLineNr(), 0), problem, wanted);
  }
}
