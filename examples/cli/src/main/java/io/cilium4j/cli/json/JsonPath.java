// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.json;

import java.util.ArrayList;
import java.util.List;

/**
 * A template of text and expressions in braces, as kubectl's {@code -o jsonpath} takes it.
 *
 * <p>Expressions: {@code {.a.b}}, {@code {['a.b']}}, {@code {[0]}} and {@code {[-1]}}, {@code
 * {[1:3]}}, {@code {[*]}} and {@code {.*}}, {@code {..name}} at any depth, {@code {[?(@.a=="x")]}}
 * with {@code == != < <= > >=} or none for mere presence, {@code {"text"}}, and {@code {range
 * .items[*]}…{end}}. Without braces the whole template is one expression. Several results of one
 * expression are separated by a blank; objects and arrays are printed as JSON.
 */
public final class JsonPath {
  private final List<Part> parts;

  private JsonPath(List<Part> parts) {
    this.parts = parts;
  }

  private sealed interface Part {}

  private record Literal(String text) implements Part {}

  private record Expression(JsonPathQuery query) implements Part {}

  private record Range(JsonPathQuery query, List<Part> body) implements Part {}

  /**
   * Reads a template.
   *
   * @throws IllegalArgumentException if it is none, in one line
   */
  public static JsonPath parse(String template) {
    String whole = template.indexOf('{') < 0 ? "{" + template + "}" : template;
    var parser = new Parser(whole);
    List<Part> parts = parser.parts(false);
    return new JsonPath(parts);
  }

  /** What the template gives for a value. */
  public String print(Json value) {
    var out = new StringBuilder();
    print(parts, value, out);
    return out.toString();
  }

  private static void print(List<Part> parts, Json value, StringBuilder out) {
    for (Part part : parts) {
      switch (part) {
        case Literal literal -> out.append(literal.text);
        case Expression expression -> {
          List<String> results = new ArrayList<>();
          for (Json each : expression.query.apply(value)) {
            boolean nested = each instanceof Json.Obj || each instanceof Json.Arr;
            results.add(nested ? JsonWriter.compact(each) : each.text());
          }
          out.append(String.join(" ", results));
        }
        case Range range -> {
          for (Json each : range.query.apply(value)) {
            print(range.body, each, out);
          }
        }
      }
    }
  }

  private static final class Parser {
    private final String template;
    private int at;

    Parser(String template) {
      this.template = template;
    }

    List<Part> parts(boolean inRange) {
      List<Part> parts = new ArrayList<>();
      while (at < template.length()) {
        if (template.charAt(at) != '{') {
          int brace = template.indexOf('{', at);
          int end = brace < 0 ? template.length() : brace;
          parts.add(new Literal(template.substring(at, end)));
          at = end;
          continue;
        }
        String inner = braces();
        if (inner.equals("end")) {
          if (inRange) {
            return parts;
          }
          throw new IllegalArgumentException("jsonpath: {end} without {range}");
        } else if (inner.startsWith("range ")) {
          var query = JsonPathQuery.parse(inner.substring("range ".length()).strip());
          parts.add(new Range(query, parts(true)));
        } else if (inner.startsWith("\"") || inner.startsWith("'")) {
          parts.add(new Literal(JsonPathQuery.quoted(inner)));
        } else {
          parts.add(new Expression(JsonPathQuery.parse(inner)));
        }
      }
      if (inRange) {
        throw new IllegalArgumentException("jsonpath: {range} without {end}");
      }
      return parts;
    }

    /** What stands between the brace here and its end; a quoted brace ends nothing. */
    private String braces() {
      int from = ++at;
      char quote = 0;
      while (at < template.length()) {
        char c = template.charAt(at++);
        if (quote != 0) {
          if (c == '\\') {
            at++;
          } else if (c == quote) {
            quote = 0;
          }
        } else if (c == '"' || c == '\'') {
          quote = c;
        } else if (c == '}') {
          return template.substring(from, at - 1).strip();
        }
      }
      throw new IllegalArgumentException("jsonpath: '{' without '}'");
    }
  }
}
