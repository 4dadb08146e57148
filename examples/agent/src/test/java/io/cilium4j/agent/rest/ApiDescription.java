// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/** What an API's description says, from a resource; {@code api-v1.txt} tells its form. */
final class ApiDescription {

  /** A field of a schema. */
  private record Field(String type, boolean required) {}

  /** By {@code METHOD PATH}, then by status: the type of the body, empty for none. */
  private final Map<String, Map<Integer, String>> operations = new LinkedHashMap<>();

  private final Map<String, Map<String, Field>> schemas = new LinkedHashMap<>();

  static ApiDescription load(String name) throws IOException {
    var description = new ApiDescription();
    try (InputStream resource = ApiDescription.class.getResourceAsStream(name)) {
      String text =
          new String(Objects.requireNonNull(resource).readAllBytes(), StandardCharsets.UTF_8);
      text.lines()
          .filter(line -> !line.startsWith("#") && !line.isBlank())
          .forEach(description::read);
    }
    return description;
  }

  private void read(String line) {
    List<String> words = Arrays.asList(line.split(" ", -1));
    if (words.size() > 1 && words.get(1).startsWith("/")) {
      Map<Integer, String> answers = new LinkedHashMap<>();
      for (String answer : words.subList(2, words.size())) {
        int equals = answer.indexOf('=');
        answers.put(
            Integer.valueOf(equals < 0 ? answer : answer.substring(0, equals)),
            equals < 0 ? "" : answer.substring(equals + 1));
      }
      operations.put(words.get(0) + " " + words.get(1), answers);
      return;
    }
    Map<String, Field> fields = new LinkedHashMap<>();
    for (String field : words.subList(1, words.size())) {
      int colon = field.indexOf(':');
      String name = field.substring(0, colon);
      boolean required = name.endsWith("!");
      fields.put(
          required ? name.substring(0, name.length() - 1) : name,
          new Field(field.substring(colon + 1), required));
    }
    schemas.put(words.get(0), fields);
  }

  /** Every operation with its answers. */
  Map<String, Map<Integer, String>> operations() {
    return operations;
  }

  /** The type of an answer's body, empty for none; absent if the operation never answers so. */
  Optional<String> answer(String operation, int status) {
    return Optional.ofNullable(operations.getOrDefault(operation, Map.of()).get(status));
  }

  /** What is wrong with a value of a type, one line each. */
  List<String> problems(JsonNode value, String type) {
    List<String> problems = new ArrayList<>();
    check("", value, type, problems);
    return problems;
  }

  private void check(String path, JsonNode value, String type, List<String> problems) {
    if (type.startsWith("[")) {
      need(value.isArray(), path, "a list", value, problems);
      String item = type.substring(1, type.length() - 1);
      for (int i = 0; i < value.size() && value.isArray(); i++) {
        check(path + "[" + i + "]", value.get(i), item, problems);
      }
    } else if (type.startsWith("{")) {
      need(value.isObject(), path, "a map", value, problems);
      String item = type.substring(1, type.length() - 1);
      value.properties().forEach(e -> check(path + "." + e.getKey(), e.getValue(), item, problems));
    } else if (type.startsWith("<")) {
      String words = "|" + type.substring(1, type.length() - 1).replace('_', ' ') + "|";
      need(
          value.isString() && words.contains("|" + value.stringValue() + "|"),
          path,
          type,
          value,
          problems);
    } else {
      switch (type) {
        case "string" -> need(value.isString(), path, type, value, problems);
        case "integer" -> need(value.isIntegralNumber(), path, type, value, problems);
        case "number" -> need(value.isNumber(), path, type, value, problems);
        case "boolean" -> need(value.isBoolean(), path, type, value, problems);
        case "object" -> need(!value.isNull(), path, type, value, problems);
        default -> checkFields(path, value, type, problems);
      }
    }
  }

  private void checkFields(String path, JsonNode value, String schema, List<String> problems) {
    Map<String, Field> fields =
        Objects.requireNonNull(schemas.get(schema), () -> "schema " + schema + " is not described");
    need(value.isObject(), path, schema, value, problems);
    fields.forEach((name, field) -> {
      if (value.has(name)) {
        check(path + "." + name, value.get(name), field.type(), problems);
      } else {
        need(!field.required(), path + "." + name, "there", value, problems);
      }
    });
    value
        .properties()
        .forEach(entry -> {
          if (!fields.containsKey(entry.getKey())) {
            problems.add(path + "." + entry.getKey() + ": not in schema " + schema);
          }
        });
  }

  private static void need(
      boolean good, String path, String wanted, JsonNode found, List<String> problems) {
    if (!good) {
      problems.add(path + ": wanted " + wanted + ", found " + found);
    }
  }
}
