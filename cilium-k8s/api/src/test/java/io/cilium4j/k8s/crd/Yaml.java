// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.crd;

import io.cilium4j.documents.JsonWriter;
import java.util.List;
import java.util.Map;

/** Writes trees as YAML in the form that people write it in: one field a line. */
final class Yaml {
  private Yaml() {}

  static String write(Map<?, ?> tree) {
    var text = new StringBuilder();
    map(tree, "", text);
    return text.toString();
  }

  private static void map(Map<?, ?> tree, String indent, StringBuilder text) {
    tree.forEach((key, value) -> {
      text.append(indent).append(scalar(String.valueOf(key))).append(':');
      value(value, indent, text);
    });
  }

  private static void value(Object value, String indent, StringBuilder text) {
    switch (value) {
      case Map<?, ?> map when !map.isEmpty() -> {
        text.append('\n');
        map(map, indent + "  ", text);
      }
      case List<?> list when list.stream().anyMatch(Map.class::isInstance) -> {
        text.append('\n');
        for (Object item : list) {
          var inner = new StringBuilder();
          map((Map<?, ?>) item, indent + "  ", inner);
          text.append(indent).append("- ").append(inner.substring(indent.length() + 2));
        }
      }
      case String string -> text.append(' ').append(scalar(string)).append('\n');
      default -> text.append(' ').append(JsonWriter.write(value)).append('\n');
    }
  }

  /** Plain where no reader can take it for anything but a text. */
  private static String scalar(String text) {
    boolean isPlain =
        text.matches("[A-Za-z][A-Za-z0-9/.-]*( [A-Za-z0-9/.-]+)*")
            && !text.matches("(?i)true|false|null|yes|no|on|off|y|n");
    return isPlain ? text : JsonWriter.write(text);
  }
}
