// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.api.ApiJson;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.exc.InputCoercionException;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.databind.JavaType;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.exc.MismatchedInputException;

/**
 * A request, as an operation reads it. What cannot be read is refused with 400.
 *
 * @param method for example {@code GET}
 * @param segments of the path, decoded
 * @param query the values of each query parameter, decoded
 * @param headers by name in lower case
 * @param body what came with it; empty where nothing did
 * @param named the segments that stand for a parameter, by its name
 */
@SuppressWarnings("ArrayRecordComponent") // Read once and compared by nobody.
record Request(
    String method,
    List<String> segments,
    Map<String, List<String>> query,
    Map<String, String> headers,
    byte[] body,
    Map<String, String> named) {

  Request withNamed(Map<String, String> parameters) {
    return new Request(method, segments, query, headers, body, parameters);
  }

  /** A parameter of the path. */
  String path(String name) {
    return named.getOrDefault(name, "");
  }

  /** A parameter of the path that is a number. */
  long pathNumber(String name) {
    return number(name, path(name));
  }

  /** A parameter of the query; absent also when it is empty. */
  Optional<String> query(String name) {
    return query.getOrDefault(name, List.of()).stream().findFirst().filter(v -> !v.isEmpty());
  }

  /** A parameter of the query that must be there. */
  String needQuery(String name) {
    return query(name)
        .orElseThrow(() -> Refusal.invalid("query parameter " + name + ": it is missing"));
  }

  /** A parameter of the query that is true or false; false when it is absent. */
  boolean queryFlag(String name) {
    return query(name).map(value -> truth("query parameter " + name, value)).orElse(false);
  }

  /** A header that is true or false; false when it is absent. */
  boolean headerFlag(String name) {
    String value = headers.getOrDefault(name, "");
    return !value.isEmpty() && truth("header " + name, value);
  }

  /** A header that is a number; absent when it is. */
  Optional<Long> headerNumber(String name) {
    return Optional.ofNullable(headers.get(name))
        .filter(value -> !value.isEmpty())
        .map(value -> number("header " + name, value));
  }

  /** As Cilium's clients write and read it. */
  private static boolean truth(String what, String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "true", "1", "t", "yes", "on", "ok", "y" -> true;
      case "false", "0", "f", "no", "off", "n" -> false;
      default -> throw Refusal.invalid(what + ": wanted true or false");
    };
  }

  private static long number(String what, String value) {
    try {
      return Long.parseLong(value);
    } catch (NumberFormatException _) {
      throw Refusal.invalid(what + ": wanted a number");
    }
  }

  /** The body, which must be there. */
  <T> T body(Class<T> type) {
    return type.cast(read(ApiJson.mapper().constructType(type)));
  }

  /** The body as a tree, which must be there. */
  JsonNode bodyTree() {
    return body(JsonNode.class);
  }

  /** The body as a list of texts; no body and {@code null} are the empty list. */
  List<String> bodyTexts() {
    if (body.length == 0 || isNullLiteral()) {
      return List.of();
    }
    String[] texts = body(String[].class);
    if (Arrays.stream(texts).anyMatch(Objects::isNull)) {
      throw Refusal.invalid("body: wanted a list of texts, found null in it");
    }
    return List.of(texts);
  }

  /** Clients that write JSON line by line end it with a line break. */
  private boolean isNullLiteral() {
    return body.length <= MAX_NULL_BYTES
        && new String(body, StandardCharsets.US_ASCII).strip().equals("null");
  }

  /** Longest body that is looked at for {@code null} with blanks around it, in bytes. */
  private static final int MAX_NULL_BYTES = 8;

  private Object read(JavaType type) {
    if (body.length == 0) {
      throw Refusal.invalid("body: it is missing");
    }
    Object value;
    try {
      value = ApiJson.mapper().readValue(body, type);
    } catch (JacksonException e) {
      throw Refusal.invalid("body: " + reason(e));
    }
    if (value == null) {
      throw Refusal.invalid("body: wanted a value, found null");
    }
    return value;
  }

  /** One line that says where, and what is wanted there; nothing of the body is repeated. */
  private static String reason(JacksonException e) {
    String where =
        e.getPath().stream()
            .map(each -> each.getPropertyName() == null ? "[]" : each.getPropertyName())
            .reduce((a, b) -> a + "." + b)
            .map(path -> path + ": ")
            .orElse("");
    String message = String.valueOf(e.getOriginalMessage());
    if (message.startsWith("Trailing token")) {
      return where + "wanted one JSON value, found more";
    }
    if (message.startsWith("Duplicate")) {
      return where + "wanted each key once, found one twice" + place(e);
    }
    return switch (e) {
      case MismatchedInputException mismatch -> where + "wanted " + word(mismatch.getTargetType());
      case InputCoercionException overflow -> where + "wanted " + word(overflow.getTargetType());
      case StreamReadException _ -> where + "wanted JSON, found something else" + place(e);
      default -> where + "wanted another value";
    };
  }

  private static String place(JacksonException e) {
    var at = e.getLocation();
    return at == null || at.getLineNr() < 1
        ? ""
        : " in line " + at.getLineNr() + ", column " + at.getColumnNr();
  }

  private static String word(@Nullable Class<?> type) {
    if (type == null) {
      return "another value";
    }
    if (type == boolean.class || type == Boolean.class) {
      return "true or false";
    }
    if (type.isPrimitive() || Number.class.isAssignableFrom(type)) {
      return "a number of its range";
    }
    if (CharSequence.class.isAssignableFrom(type) || type.isEnum()) {
      return "text";
    }
    return type.isArray() || Collection.class.isAssignableFrom(type) ? "a list" : "an object";
  }
}
