// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.json;

import java.util.Iterator;
import java.util.Map;

/** Prints JSON, on one line or indented by two. Absent values are left out. */
public final class JsonWriter {
  private static final String HEX = "0123456789abcdef";

  private final StringBuilder out = new StringBuilder();
  private final boolean indented;

  private JsonWriter(boolean indented) {
    this.indented = indented;
  }

  /** On one line. */
  public static String compact(Json value) {
    var writer = new JsonWriter(false);
    writer.write(value, 0);
    return writer.out.toString();
  }

  /** One value a line. */
  public static String indented(Json value) {
    var writer = new JsonWriter(true);
    writer.write(value, 0);
    return writer.out.toString();
  }

  private void write(Json value, int depth) {
    switch (value) {
      case Json.Obj object -> {
        if (object.fields().isEmpty()) {
          out.append("{}");
          return;
        }
        out.append('{');
        Iterator<Map.Entry<String, Json>> fields = object.fields().entrySet().iterator();
        while (fields.hasNext()) {
          Map.Entry<String, Json> field = fields.next();
          newLine(depth + 1);
          quote(field.getKey(), out);
          out.append(indented ? ": " : ":");
          write(field.getValue(), depth + 1);
          out.append(fields.hasNext() ? "," : "");
        }
        newLine(depth);
        out.append('}');
      }
      case Json.Arr array -> {
        if (array.values().isEmpty()) {
          out.append("[]");
          return;
        }
        out.append('[');
        for (int i = 0; i < array.values().size(); i++) {
          newLine(depth + 1);
          write(array.values().get(i), depth + 1);
          out.append(i + 1 < array.values().size() ? "," : "");
        }
        newLine(depth);
        out.append(']');
      }
      case Json.Text text -> quote(text.value(), out);
      case Json.Num _, Json.Bool _ -> out.append(value.text());
      case Json.Nothing _ -> out.append("null");
    }
  }

  private void newLine(int depth) {
    if (indented) {
      out.append('\n').repeat("  ", depth);
    }
  }

  /** Appends a text as a JSON string. Control characters are escaped, also the C1 ones. */
  static void quote(String text, StringBuilder out) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (Character.isISOControl(c)) {
            out.append("\\u00").append(HEX.charAt(c >> 4)).append(HEX.charAt(c & 0xf));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
