// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.documents.JsonWriter;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A value of an object's tree together with where it stands, so that whatever is wrong with it can
 * be said in one line. A field that is null counts as absent, as it does for the API server.
 */
final class Field {
  private final Document document;

  /** What it is part of; null for a whole document, whose path is its name. */
  private final @Nullable Field parent;

  private final String name;

  /** Its place in a list; -1 in a map. */
  private final int index;

  private final Object value;

  /**
   * What a tree is part of.
   *
   * @param source the file
   * @param object the object, as messages name it
   * @param lenient whether unknown fields are passed over
   * @param problems where to note what is wrong with an item of a list, before the next one is
   *     read; null to stop at once
   */
  record Document(
      String source,
      String object,
      boolean lenient,
      @Nullable List<PolicyParseException> problems) {
    /** A document whose reading stops at the first problem. */
    Document(String source, String object, boolean lenient) {
      this(source, object, lenient, null);
    }
  }

  /** A whole document; {@code path} says where that stands. */
  Field(Document document, String path, Object value) {
    this(document, null, path, -1, value);
  }

  private Field(Document document, @Nullable Field parent, String name, int index, Object value) {
    this.document = document;
    this.parent = parent;
    this.name = name;
    this.index = index;
    this.value = value;
  }

  /** Where it stands. Put together when it is asked for: of most fields nobody asks. */
  String path() {
    if (parent == null) {
      return name;
    }
    return index < 0 ? join(parent.path(), name) : parent.path() + "[" + index + "]";
  }

  Document document() {
    return document;
  }

  /** The raw tree below. */
  Object value() {
    return value;
  }

  /** What is wrong here: the value as found, and what was wanted. */
  PolicyParseException wanted(String allowed) {
    return error(shown(), allowed);
  }

  PolicyParseException error(String found, String allowed) {
    return new PolicyParseException(document.source, document.object, path(), found, allowed);
  }

  private String shown() {
    return switch (value) {
      case String text -> "\"" + text + "\"";
      case List<?> list -> "a list of " + list.size();
      case Map<?, ?> map -> map.isEmpty() ? "an empty map" : "a map";
      default -> value.toString();
    };
  }

  /** This map, after a check that it has no other fields than these. */
  Field only(Set<String> allowed) {
    for (String key : map().keySet()) {
      if (!allowed.contains(key) && !document.lenient) {
        throw new PolicyParseException(
            document.source,
            document.object,
            join(path(), key),
            "an unknown field",
            allowed.isEmpty() ? "no field" : "one of " + String.join(", ", new TreeSet<>(allowed)));
      }
    }
    return this;
  }

  private static String join(String path, String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  Map<String, ?> map() {
    if (!(value instanceof Map<?, ?> map)) {
      throw wanted("a map");
    }
    // Maps of trees have texts as keys.
    @SuppressWarnings("unchecked")
    Map<String, ?> result = (Map<String, ?>) map;
    return result;
  }

  /** The field of this name, or null where it is absent. */
  @Nullable Field find(String name) {
    Object child = map().get(name);
    return child == null ? null : new Field(document, this, name, -1, child);
  }

  /** The field of this name, which must be there. */
  Field need(String name) {
    Field child = find(name);
    if (child == null) {
      throw new PolicyParseException(
          document.source, document.object, join(path(), name), "nothing", "this field");
    }
    return child;
  }

  /** The items of the list of this name; none where it is absent. */
  List<Field> items(String name) {
    Field child = find(name);
    return child == null ? List.of() : child.list();
  }

  /** Reads each item of the list of this name; none where it is absent. */
  <T> List<T> each(String name, Function<Field, T> reader) {
    Field child = find(name);
    return child == null ? List.of() : child.each(reader);
  }

  /** Reads each item of this list. */
  <T> List<T> each(Function<Field, T> reader) {
    var read = new ArrayList<T>();
    for (Field item : list()) {
      try {
        read.add(reader.apply(item));
      } catch (PolicyParseException e) {
        if (document.problems == null) {
          throw e;
        }
        document.problems.add(e);
      }
    }
    return List.copyOf(read);
  }

  List<Field> list() {
    if (!(value instanceof List<?> list)) {
      throw wanted("a list");
    }
    var fields = new ArrayList<Field>(list.size());
    for (int i = 0; i < list.size(); i++) {
      Object item = list.get(i);
      if (item == null) {
        throw new PolicyParseException(
            document.source, document.object, path() + "[" + i + "]", "null", "a value");
      }
      fields.add(new Field(document, this, "", i, item));
    }
    return fields;
  }

  String text() {
    if (!(value instanceof String text)) {
      throw wanted("a text");
    }
    return text;
  }

  /** The text of this name; empty where it is absent. */
  String text(String name) {
    Field child = find(name);
    return child == null ? "" : child.text();
  }

  /** The truth value of this name; null where it is absent. */
  @Nullable Boolean truth(String name) {
    Field child = find(name);
    if (child == null) {
      return null;
    }
    if (!(child.value instanceof Boolean truth)) {
      throw child.wanted("true or false");
    }
    return truth;
  }

  /** A whole number in these bounds. */
  int integer(int min, int max) {
    boolean whole =
        value instanceof Integer || value instanceof Long || value instanceof BigInteger;
    long number = value instanceof Number any ? any.longValue() : 0;
    if (!whole || value instanceof BigInteger || number < min || number > max) {
      throw wanted(min + " to " + max);
    }
    return (int) number;
  }

  /** What {@code parser} makes of the text, with its refusal told as this field's. */
  <T> T parse(Function<String, T> parser, String allowed) {
    try {
      return parser.apply(text());
    } catch (IllegalArgumentException e) {
      PolicyParseException told = wanted(allowed);
      told.initCause(e);
      throw told;
    }
  }

  /** The member of a closed set that the text names. */
  <T> T choose(Function<String, Optional<T>> parser, T[] all) {
    return parser
        .apply(text())
        .orElseThrow(() ->
            wanted(
                "one of "
                    + List.of(all).stream()
                        .map(Object::toString)
                        .collect(Collectors.joining(", "))));
  }

  /** The tree below as JSON with sorted keys: equal trees have equal text. */
  String canonicalJson() {
    return JsonWriter.write(sorted(value));
  }

  private static Object sorted(Object tree) {
    return switch (tree) {
      case Map<?, ?> map -> {
        var sorted = new TreeMap<String, Object>();
        map.forEach((key, item) -> {
          if (item != null) {
            sorted.put(String.valueOf(key), sorted(item));
          }
        });
        yield sorted;
      }
      case List<?> list -> list.stream().map(Field::sorted).toList();
      default -> tree;
    };
  }
}
