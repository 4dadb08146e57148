// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.json;

import java.util.List;
import java.util.Map;

/**
 * Prints JSON as YAML 1.2 in block style. Every text that could be read as something else is
 * quoted.
 */
public final class YamlWriter {
  private static final String SAFE_START = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/";
  private static final List<String> WORDS =
      List.of("true", "false", "null", "yes", "no", "on", "off", "y", "n");

  private final StringBuilder out = new StringBuilder();

  private YamlWriter() {}

  /** The document, ending with a line break. */
  public static String print(Json value) {
    var writer = new YamlWriter();
    writer.write(value, 0);
    return writer.out.toString();
  }

  /** Writes a value whose first line is begun already at this depth. */
  private void write(Json value, int depth) {
    switch (value) {
      case Json.Obj object when !object.fields().isEmpty() -> {
        String indent = "";
        for (Map.Entry<String, Json> field : object.fields().entrySet()) {
          out.append(indent).append(scalar(field.getKey())).append(':');
          child(field.getValue(), depth);
          indent = "  ".repeat(depth);
        }
      }
      case Json.Arr array when !array.values().isEmpty() -> {
        String indent = "";
        for (Json each : array.values()) {
          out.append(indent).append("- ");
          write(each, depth + 1);
          indent = "  ".repeat(depth);
        }
      }
      case Json.Obj _ -> out.append("{}\n");
      case Json.Arr _ -> out.append("[]\n");
      case Json.Text text -> out.append(scalar(text.value())).append('\n');
      case Json.Num _, Json.Bool _ -> out.append(value.text()).append('\n');
      case Json.Nothing _ -> out.append("null\n");
    }
  }

  /** A field's value: on the same line, or below it. An array stands no deeper than its name. */
  private void child(Json value, int depth) {
    boolean isObject = !value.fields().isEmpty();
    if (isObject || !value.items().isEmpty()) {
      int inner = isObject ? depth + 1 : depth;
      out.append('\n').repeat("  ", inner);
      write(value, inner);
    } else {
      out.append(' ');
      write(value, depth);
    }
  }

  private static String scalar(String text) {
    if (isPlain(text)) {
      return text;
    }
    var quoted = new StringBuilder();
    JsonWriter.quote(text, quoted);
    return quoted.toString();
  }

  private static boolean isPlain(String text) {
    if (text.isEmpty()
        || SAFE_START.indexOf(text.charAt(0)) < 0
        || WORDS.contains(text.toLowerCase(java.util.Locale.ROOT))
        || text.endsWith(" ")
        || text.endsWith(":")
        || text.contains(": ")
        || text.contains(" #")) {
      return false;
    }
    return text.chars().noneMatch(Character::isISOControl);
  }
}
