// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.json;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A JSON value, or the absence of one. */
public sealed interface Json {

  /** An object; its fields in the order in which they came. */
  record Obj(Map<String, Json> fields) implements Json {
    public Obj {
      fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
    }
  }

  /** An array. */
  record Arr(List<Json> values) implements Json {
    public Arr {
      values = List.copyOf(values);
    }
  }

  /** A string. */
  record Text(String value) implements Json {
    @Override
    public String text() {
      return value;
    }
  }

  /** A number, as it was written: 64 bits of an id survive. */
  record Num(String digits) implements Json {
    @Override
    public String text() {
      return digits;
    }
  }

  /** A truth. */
  record Bool(boolean value) implements Json {
    @Override
    public String text() {
      return Boolean.toString(value);
    }
  }

  /** The two values without one. */
  enum Nothing implements Json {
    ABSENT,
    NULL
  }

  // ---- making ----

  /** What stands where nothing does. */
  static Json absent() {
    return Nothing.ABSENT;
  }

  /** A string. */
  static Json of(String value) {
    return new Text(value);
  }

  /** A whole number. */
  static Json of(long value) {
    return new Num(Long.toString(value));
  }

  /** A truth. */
  static Json of(boolean value) {
    return new Bool(value);
  }

  /** An array of strings. */
  static Json ofTexts(List<String> values) {
    return new Arr(values.stream().map(Json::of).toList());
  }

  /** An object with one field. */
  static Json object(String name, Json value) {
    return new Obj(Map.of(name, value));
  }

  /** This object with a field more, or with another value of it; absent values are left out. */
  default Json with(String name, Json value) {
    Map<String, Json> fields = new LinkedHashMap<>(fields());
    if (value.isAbsent()) {
      fields.remove(name);
    } else {
      fields.put(name, value);
    }
    return new Obj(fields);
  }

  /** A document that was read as a tree. */
  static Json ofTree(@Nullable Object tree) {
    return switch (tree) {
      case null -> Nothing.NULL;
      case Map<?, ?> map -> {
        Map<String, Json> fields = new LinkedHashMap<>();
        map.forEach((key, value) -> fields.put(String.valueOf(key), ofTree(value)));
        yield new Obj(fields);
      }
      case List<?> list -> new Arr(list.stream().map(Json::ofTree).toList());
      case Boolean truth -> new Bool(truth);
      case Number number -> new Num(number.toString());
      default -> new Text(tree.toString());
    };
  }

  // ---- walking ----

  /** What stands at the end of a path of field names. */
  default Json get(String... path) {
    Json at = this;
    for (String name : path) {
      at = at.fields().getOrDefault(name, absent());
    }
    return at;
  }

  /** The fields of an object; none of anything else. */
  default Map<String, Json> fields() {
    return Map.of();
  }

  /** The values of an array; none of anything else. */
  default List<Json> items() {
    return this instanceof Arr array ? array.values : List.of();
  }

  /** An array's values as texts. */
  default List<String> texts() {
    List<String> texts = new ArrayList<>();
    items().forEach(each -> texts.add(each.text()));
    return texts;
  }

  /** A scalar as text; of anything else, and of nothing, the empty text. */
  default String text() {
    return "";
  }

  /** As {@link #text()}, with something to say where that is empty. */
  default String text(String otherwise) {
    String text = text();
    return text.isEmpty() ? otherwise : text;
  }

  /** A whole number; 0 of anything else. */
  default long number() {
    try {
      return this instanceof Num number ? Long.parseLong(number.digits) : 0;
    } catch (NumberFormatException e) {
      return (long) decimal();
    }
  }

  /** A number; 0 of anything else. */
  default double decimal() {
    return this instanceof Num number ? Double.parseDouble(number.digits) : 0;
  }

  /** Whether this is {@code true}. */
  default boolean isTrue() {
    return this instanceof Bool truth && truth.value;
  }

  /** Whether nothing stands here; {@code null} is something. */
  default boolean isAbsent() {
    return this == Nothing.ABSENT;
  }

  /** Whether there is a value here; {@code null} is none. */
  default boolean isPresent() {
    return !(this instanceof Nothing);
  }
}
