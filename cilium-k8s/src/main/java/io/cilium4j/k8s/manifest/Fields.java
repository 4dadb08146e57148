// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.manifest;

import io.cilium4j.documents.JsonWriter;
import io.cilium4j.documents.Trees;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

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
  static Optional<String> text(Object object, String path, String field) throws ManifestException {
    Object value = Trees.at(object, field);
    if (value == null) {
      return Optional.empty();
    }
    if (!(value instanceof String text)) {
      throw wanted(path.isEmpty() ? field : path + "." + field, "text", value);
    }
    return Optional.of(text);
  }

  /** A field of an object that is absent, null, or true or false; absent reads as false. */
  static boolean flag(Object object, String path, String field) throws ManifestException {
    Object value = Trees.at(object, field);
    if (value == null) {
      return false;
    }
    if (!(value instanceof Boolean flag)) {
      throw wanted(path + "." + field, "true or false", value);
    }
    return flag;
  }

  /** A field of an object that is absent, null, or an object; absent reads as an empty one. */
  static Map<String, @Nullable Object> object(Object parent, String path, String field)
      throws ManifestException {
    Object value = Trees.at(parent, field);
    if (value == null) {
      return Map.of();
    }
    if (!(value instanceof Map<?, ?>)) {
      throw wanted(path.isEmpty() ? field : path + "." + field, "an object", value);
    }
    return Trees.map(value);
  }

  /**
   * A field that is absent, null, or a list; absent reads as an empty one, and so do null items.
   */
  static List<Object> list(Object parent, String path, String field) throws ManifestException {
    Object value = Trees.at(parent, field);
    if (value == null) {
      return List.of();
    }
    if (!(value instanceof List<?> list)) {
      throw wanted(path.isEmpty() ? field : path + "." + field, "a list", value);
    }
    return list.stream().<Object>map(item -> item == null ? Map.of() : item).toList();
  }

  static ManifestException wanted(String path, String what, @Nullable Object value) {
    return new ManifestException(
        path
            + ": wanted "
            + what
            + ", not "
            + (value == null ? "nothing" : JsonWriter.write(value)));
  }

  /** The labels of a document, each of a form that Kubernetes would take. */
  static Map<String, String> labels(Map<String, @Nullable Object> metadata)
      throws ManifestException {
    return labels(metadata, "metadata", "labels");
  }

  /** As {@link #labels(Map)}, in another field. */
  static Map<String, String> labels(
      Map<String, @Nullable Object> parent, String parentPath, String field)
      throws ManifestException {
    var labels = new LinkedHashMap<String, String>();
    for (Map.Entry<String, @Nullable Object> label : object(parent, parentPath, field).entrySet()) {
      String path = parentPath + "." + field + "[" + label.getKey() + "]";
      if (!QUALIFIED_NAME.matcher(label.getKey()).matches()) {
        throw new ManifestException(path + ": not a label's key");
      }
      if (!(label.getValue() instanceof String value) || !LABEL_VALUE.matcher(value).matches()) {
        throw wanted(path, "a label's value", label.getValue());
      }
      labels.put(label.getKey(), value);
    }
    return labels;
  }

  /** The name of a document. */
  static String name(Object metadata) throws ManifestException {
    String name =
        text(metadata, "metadata", "name")
            .orElseThrow(() -> new ManifestException("metadata.name: missing"));
    return checked(OBJECT_NAME, "metadata.name", name);
  }

  /** The namespace of a document: without one it is {@code default}, as for {@code kubectl}. */
  static String namespace(Object metadata) throws ManifestException {
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
