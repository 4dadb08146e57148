// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.json;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads JSON (RFC 8259); what is none is refused with the place where it ceases to be. */
public final class JsonReader {
  /** Deepest nesting: the agent's own answers have about ten levels. */
  private static final int MAX_DEPTH = 200;

  private final String text;
  private int at;
  private int depth;

  private JsonReader(String text) {
    this.text = text;
  }

  /**
   * The value that a text is; white space may stand around it.
   *
   * @throws IllegalArgumentException if it is none, in one line
   */
  public static Json parse(String text) {
    var reader = new JsonReader(text);
    Json value = reader.value();
    reader.skipSpace();
    if (reader.at < text.length()) {
      throw reader.wrong("nothing more");
    }
    return value;
  }

  /** The values that stand one behind the other in a text. */
  public static List<Json> parseAll(String text) {
    var reader = new JsonReader(text);
    List<Json> values = new ArrayList<>();
    reader.skipSpace();
    while (reader.at < text.length()) {
      values.add(reader.value());
      reader.skipSpace();
    }
    return values;
  }

  private Json value() {
    skipSpace();
    return switch (peek()) {
      case '{' -> object();
      case '[' -> array();
      case '"' -> new Json.Text(string());
      case 't' -> word("true", new Json.Bool(true));
      case 'f' -> word("false", new Json.Bool(false));
      case 'n' -> word("null", Json.Nothing.NULL);
      default -> number();
    };
  }

  private Json object() {
    enter();
    Map<String, Json> fields = new LinkedHashMap<>();
    boolean more = !closes('}');
    while (more) {
      skipSpace();
      String name = string();
      skipSpace();
      take(':');
      fields.put(name, value());
      more = goesOn('}');
    }
    depth--;
    return new Json.Obj(fields);
  }

  private Json array() {
    enter();
    List<Json> values = new ArrayList<>();
    boolean more = !closes(']');
    while (more) {
      values.add(value());
      more = goesOn(']');
    }
    depth--;
    return new Json.Arr(values);
  }

  private void enter() {
    at++;
    if (++depth > MAX_DEPTH) {
      throw wrong("at most " + MAX_DEPTH + " levels");
    }
  }

  /** Whether the object or array that was just opened is empty. */
  private boolean closes(char end) {
    skipSpace();
    if (peek() == end) {
      at++;
      return true;
    }
    return false;
  }

  /** Whether there is another value before the end. */
  private boolean goesOn(char end) {
    skipSpace();
    if (peek() == end) {
      at++;
      return false;
    }
    take(',');
    return true;
  }

  private String string() {
    take('"');
    int from = at;
    while (at < text.length()) {
      char c = text.charAt(at);
      if (c == '"') {
        return text.substring(from, at++);
      }
      if (c == '\\') {
        return escapedString(from);
      }
      if (c < ' ') {
        throw wrong("no control character in a string");
      }
      at++;
    }
    throw wrong("the end of a string");
  }

  /** The rest of a string from its first escape on. */
  private String escapedString(int from) {
    var string = new StringBuilder(text.substring(from, at));
    while (at < text.length()) {
      char c = text.charAt(at++);
      if (c == '"') {
        return string.toString();
      }
      if (c < ' ') {
        throw wrong("no control character in a string");
      }
      string.append(c == '\\' ? escape() : c);
    }
    throw wrong("the end of a string");
  }

  private char escape() {
    char c = peek();
    at++;
    return switch (c) {
      case '"', '\\', '/' -> c;
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'u' -> unicode();
      default -> throw wrong("an escape that JSON knows");
    };
  }

  private char unicode() {
    int value = 0;
    for (int end = at + 4; at < end; at++) {
      int digit = Character.digit(peek(), 16);
      if (digit < 0) {
        throw wrong("four hexadecimal digits");
      }
      value = value << 4 | digit;
    }
    return (char) value;
  }

  private Json word(String word, Json value) {
    if (!text.startsWith(word, at)) {
      throw wrong("a value");
    }
    at += word.length();
    return value;
  }

  private Json number() {
    int from = at;
    if (at < text.length() && text.charAt(at) == '-') {
      at++;
    }
    digits();
    if (at < text.length() && text.charAt(at) == '.') {
      at++;
      digits();
    }
    if (at < text.length() && (text.charAt(at) | 0x20) == 'e') {
      at++;
      if (at < text.length() && (text.charAt(at) == '+' || text.charAt(at) == '-')) {
        at++;
      }
      digits();
    }
    return new Json.Num(text.substring(from, at));
  }

  private void digits() {
    int from = at;
    while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
      at++;
    }
    if (at == from) {
      throw wrong("a value");
    }
  }

  private void skipSpace() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  private char peek() {
    if (at >= text.length()) {
      throw wrong("more text");
    }
    return text.charAt(at);
  }

  private void take(char wanted) {
    if (peek() != wanted) {
      throw wrong("'" + wanted + "'");
    }
    at++;
  }

  private IllegalArgumentException wrong(String wanted) {
    return new IllegalArgumentException("JSON, character " + (at + 1) + ": wanted " + wanted);
  }
}
