// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/** Reads the fields of a document; whatever is there and of the wrong type is an error by path. */
final class Fields {

  /** RFC 1123: what a namespace is called. */
  private static final Pattern LABEL_NAME = Pattern.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");

  /** What other objects are called; some kinds allow colons. */
  private static final Pattern OBJECT_NAME =
      Pattern.compile("[a-z0-9]([-a-z0-9.:]{0,251}[a-z0-9])?");

  private static final Pattern QUALIFIED_NAME =
      Pattern.compile(
          "([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?");

  private static final Pattern LABEL_VALUE =
      Pattern.compile("([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?");

  private Fields() {}

  /** A field of an object that is absent, null, or text. */
  static Optional<String> text(JsonNode object, String path, String field)
      throws ManifestException {
    JsonNode value = object.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return Optional.empty();
    }
    if (!value.isString()) {
      throw wanted(path.isEmpty() ? field : path + "." + field, "text", value);
    }
    return Optional.of(value.asString());
  }

  /** A field of an object that is absent, null, or true or false; absent reads as false. */
  static boolean flag(JsonNode object, String path, String field) throws ManifestException {
    JsonNode value = object.path(field);
    if (!value.isMissingNode() && !value.isNull() && !value.isBoolean()) {
      throw wanted(path + "." + field, "true or false", value);
    }
    return value.isBoolean() && value.booleanValue();
  }

  /** A field of an object that is absent, null, or an object; absent reads as an empty one. */
  static JsonNode object(JsonNode parent, String path, String field) throws ManifestException {
    JsonNode value = parent.path(field);
    if (!value.isMissingNode() && !value.isNull() && !value.isObject()) {
      throw wanted(path.isEmpty() ? field : path + "." + field, "an object", value);
    }
    return value;
  }

  /** A field that is absent, null, or a list; absent reads as an empty one. */
  static Iterable<JsonNode> list(JsonNode parent, String path, String field)
      throws ManifestException {
    JsonNode value = parent.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return List.of();
    }
    if (!value.isArray()) {
      throw wanted(path + "." + field, "a list", value);
    }
    return value;
  }

  static ManifestException wanted(String path, String what, JsonNode value) {
    return new ManifestException(path + ": wanted " + what + ", not " + value);
  }

  /** The labels of a document, each of a form that Kubernetes would take. */
  static Map<String, String> labels(JsonNode metadata) throws ManifestException {
    var labels = new LinkedHashMap<String, String>();
    for (Map.Entry<String, JsonNode> label : object(metadata, "metadata", "labels").properties()) {
      String path = "metadata.labels[" + label.getKey() + "]";
      if (!QUALIFIED_NAME.matcher(label.getKey()).matches()) {
        throw new ManifestException(path + ": not a label's key");
      }
      if (!label.getValue().isString()
          || !LABEL_VALUE.matcher(label.getValue().asString()).matches()) {
        throw wanted(path, "a label's value", label.getValue());
      }
      labels.put(label.getKey(), label.getValue().asString());
    }
    return labels;
  }

  /** The name of a document. */
  static String name(JsonNode metadata) throws ManifestException {
    String name =
        text(metadata, "metadata", "name")
            .orElseThrow(() -> new ManifestException("metadata.name: missing"));
    return checked(OBJECT_NAME, "metadata.name", name);
  }

  /** The namespace of a document: without one it is {@code default}, as for {@code kubectl}. */
  static String namespace(JsonNode metadata) throws ManifestException {
    String namespace =
        text(metadata, "metadata", "namespace").filter(n -> !n.isEmpty()).orElse("default");
    return checked(LABEL_NAME, "metadata.namespace", namespace);
  }

  private static String checked(Pattern form, String path, String name) throws ManifestException {
    if (!form.matcher(name).matches()) {
      throw new ManifestException(path + " \"" + name + "\": not a name in Kubernetes");
    }
    return name;
  }
}
