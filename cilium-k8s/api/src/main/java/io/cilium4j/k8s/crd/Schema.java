// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.crd;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A structural schema of OpenAPI v3, as definitions of custom resources have them. Schemas are made
 * of one another and never change.
 *
 * @param tree as it is written
 */
record Schema(Map<String, Object> tree) {

  /** A field of an object. */
  record Field(String name, Schema schema, boolean isRequired) {}

  Schema {
    tree = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(tree));
  }

  private static Schema of(String type) {
    return new Schema(Map.of("type", type));
  }

  /** This schema with one more property. */
  Schema with(String property, Object value) {
    var more = new LinkedHashMap<>(tree);
    more.put(property, value);
    return new Schema(more);
  }

  /** This schema with a sentence about it. */
  Schema about(String description) {
    return with("description", description);
  }

  static Field field(String name, Schema schema) {
    return new Field(name, schema, false);
  }

  static Field required(String name, Schema schema) {
    return new Field(name, schema, true);
  }

  static Schema object(Field... fields) {
    var properties = new LinkedHashMap<String, Object>();
    var needed = new ArrayList<String>();
    for (Field field : fields) {
      properties.put(field.name(), field.schema().tree());
      if (field.isRequired()) {
        needed.add(field.name());
      }
    }
    Schema made = of("object").with("properties", properties);
    return needed.isEmpty() ? made : made.with("required", List.copyOf(needed));
  }

  /** Any keys, with values of one schema. */
  static Schema map(Schema values) {
    return of("object").with("additionalProperties", values.tree());
  }

  static Schema list(Schema items) {
    return of("array").with("items", items.tree());
  }

  static Schema text() {
    return of("string");
  }

  static Schema text(String pattern) {
    return text().with("pattern", pattern);
  }

  static Schema oneOf(String... values) {
    return text().with("enum", List.of(values));
  }

  static Schema cidr() {
    return text().with("format", "cidr");
  }

  static Schema flag() {
    return of("boolean");
  }

  static Schema number() {
    return of("integer");
  }

  static Schema longNumber() {
    return number().with("format", "int64");
  }

  static Schema number(int least, int most) {
    return number().with("minimum", least).with("maximum", most);
  }

  static Schema atLeast(int least) {
    return number().with("minimum", least);
  }

  /** A moment. */
  static Schema time() {
    return text().with("format", "date-time");
  }

  /** A number or a text of this pattern. */
  static Schema numberOrText(String pattern) {
    return new Schema(Map.of("x-kubernetes-int-or-string", true))
        .with("anyOf", List.of(Map.of("type", "integer"), Map.of("type", "string")))
        .with("pattern", pattern);
  }

  /** An object that others write and that is kept as it is. */
  static Schema kept() {
    return of("object").with("x-kubernetes-preserve-unknown-fields", true);
  }

  /** At most so many items. */
  Schema atMostItems(int most) {
    return with("maxItems", most);
  }

  /** At least so many items. */
  Schema atLeastItems(int least) {
    return with("minItems", least);
  }

  /** At most so many characters. */
  Schema atMostChars(int most) {
    return with("maxLength", most);
  }

  /** Cannot be changed once it is there. */
  Schema fixed() {
    return with("x-kubernetes-validations", List.of(Map.of("rule", "self == oldSelf")));
  }
}
