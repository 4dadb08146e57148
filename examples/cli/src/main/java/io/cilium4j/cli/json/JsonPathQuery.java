// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.json;

import java.util.ArrayList;
import java.util.List;

/** One expression of a {@link JsonPath}: steps, each of which turns values into values. */
final class JsonPathQuery {
  private static final List<String> COMPARISONS = List.of("==", "!=", "<=", ">=", "<", ">");

  private final List<Step> steps = new ArrayList<>();
  private final String text;
  private int at;

  private JsonPathQuery(String text) {
    this.text = text;
  }

  /** Appends what a value leads to. */
  @FunctionalInterface
  private interface Step {
    void walk(Json from, List<Json> to);
  }

  static JsonPathQuery parse(String text) {
    var query = new JsonPathQuery(text);
    query.readSteps();
    return query;
  }

  List<Json> apply(Json value) {
    List<Json> present = List.of(value);
    for (Step step : steps) {
      List<Json> next = new ArrayList<>();
      present.forEach(each -> step.walk(each, next));
      present = next;
    }
    return present;
  }

  private void readSteps() {
    while (at < text.length()) {
      char c = text.charAt(at);
      if ((c == '$' || c == '@') && at == 0) {
        at++;
      } else if (text.startsWith("..", at)) {
        at += 2;
        String name = name();
        steps.add((from, to) -> descend(from, name, to));
      } else if (c == '.') {
        at++;
        if (at < text.length() && text.charAt(at) != '[') {
          steps.add(field(name()));
        }
      } else if (c == '[') {
        steps.add(subscript(brackets()));
      } else if (at == 0) {
        steps.add(field(name()));
      } else {
        throw wrong("unexpected '" + c + "'");
      }
    }
  }

  private String name() {
    var name = new StringBuilder();
    while (at < text.length() && ".[]".indexOf(text.charAt(at)) < 0) {
      char c = text.charAt(at++);
      // A dot that belongs to the name stands behind a backslash.
      name.append(c == '\\' && at < text.length() ? text.charAt(at++) : c);
    }
    if (name.isEmpty()) {
      throw wrong("a name is missing");
    }
    return name.toString();
  }

  /** What stands between the bracket here and its end. */
  private String brackets() {
    int from = ++at;
    char quote = 0;
    int depth = 1;
    while (at < text.length()) {
      char c = text.charAt(at++);
      if (quote != 0) {
        if (c == '\\') {
          at++;
        } else if (c == quote) {
          quote = 0;
        }
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '[') {
        depth++;
      } else if (c == ']' && --depth == 0) {
        return text.substring(from, at - 1).strip();
      }
    }
    throw wrong("'[' without ']'");
  }

  private static Step field(String name) {
    if (name.equals("*")) {
      return JsonPathQuery::children;
    }
    return (from, to) -> {
      Json value = from.get(name);
      if (!value.isAbsent()) {
        to.add(value);
      }
    };
  }

  private static void children(Json from, List<Json> to) {
    to.addAll(from.items());
    to.addAll(from.fields().values());
  }

  private static void descend(Json from, String name, List<Json> to) {
    field(name).walk(from, to);
    List<Json> children = new ArrayList<>();
    children(from, children);
    children.forEach(child -> descend(child, name, to));
  }

  private Step subscript(String inner) {
    if (inner.equals("*")) {
      return JsonPathQuery::children;
    }
    if (inner.startsWith("?(") && inner.endsWith(")")) {
      return filter(inner.substring(2, inner.length() - 1).strip());
    }
    if (inner.startsWith("'") || inner.startsWith("\"")) {
      return field(quoted(inner));
    }
    if (!inner.matches("-?[0-9]{0,9}(:-?[0-9]{0,9})?") || inner.isEmpty()) {
      throw wrong("[" + inner + "]");
    }
    int colon = inner.indexOf(':');
    if (colon < 0) {
      int index = Integer.parseInt(inner);
      return (from, to) -> slice(from, index, index == -1 ? Integer.MAX_VALUE : index + 1, to);
    }
    int first = colon == 0 ? 0 : Integer.parseInt(inner.substring(0, colon));
    String end = inner.substring(colon + 1);
    int last = end.isEmpty() ? Integer.MAX_VALUE : Integer.parseInt(end);
    return (from, to) -> slice(from, first, last, to);
  }

  /** Values from one index up to another; negative ones count from the end. */
  private static void slice(Json from, int first, int last, List<Json> to) {
    int size = from.items().size();
    int begin = Math.clamp(first < 0 ? first + size : first, 0, size);
    int end = Math.clamp(last < 0 ? last + size : last, begin, size);
    to.addAll(from.items().subList(begin, end));
  }

  private Step filter(String condition) {
    int at = unquotedComparison(condition);
    for (String comparison : COMPARISONS) {
      if (at > 0 && condition.startsWith(comparison, at)) {
        int found = at;
        var left = parse(condition.substring(0, found).strip());
        Json right = literal(condition.substring(found + comparison.length()).strip());
        return (from, to) -> keep(from, to, each -> holds(left.apply(each), comparison, right));
      }
    }
    var present = parse(condition);
    return (from, to) -> keep(from, to, each -> !present.apply(each).isEmpty());
  }

  /** Where the comparison begins; 0 where there is none outside of quotes and brackets. */
  private static int unquotedComparison(String condition) {
    char quote = 0;
    for (int i = 0; i < condition.length(); i++) {
      char c = condition.charAt(i);
      if (quote != 0) {
        if (c == '\\') {
          i++;
        } else if (c == quote) {
          quote = 0;
        }
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if ("=!<>".indexOf(c) >= 0) {
        return i;
      }
    }
    return 0;
  }

  /** A text in quotes, double or single, with the escapes of JSON. */
  static String quoted(String word) {
    char quote = word.charAt(0);
    if (word.length() < 2 || word.charAt(word.length() - 1) != quote) {
      throw new IllegalArgumentException("jsonpath: " + word + ": a quote is missing");
    }
    var text = new StringBuilder("\"");
    for (int i = 1; i < word.length() - 1; i++) {
      char c = word.charAt(i);
      if (c == '\\' && i + 1 < word.length() - 1) {
        char escaped = word.charAt(++i);
        text.append(escaped == '\'' ? "'" : "\\" + escaped);
      } else {
        text.append(c == '"' ? "\\\"" : Character.toString(c));
      }
    }
    try {
      return JsonReader.parse(text.append('"').toString()).text();
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("jsonpath: " + word + ": no text in quotes", e);
    }
  }

  private static void keep(Json from, List<Json> to, java.util.function.Predicate<Json> kept) {
    List<Json> children = new ArrayList<>();
    children(from, children);
    children.stream().filter(kept).forEach(to::add);
  }

  private Json literal(String word) {
    if (word.startsWith("'") || word.startsWith("\"")) {
      return Json.of(quoted(word));
    }
    try {
      return JsonReader.parse(word);
    } catch (IllegalArgumentException e) {
      throw wrong("no value: " + word);
    }
  }

  private static boolean holds(List<Json> left, String comparison, Json right) {
    return left.stream()
        .anyMatch(each -> {
          int order =
              each instanceof Json.Num && right instanceof Json.Num
                  ? Double.compare(each.decimal(), right.decimal())
                  : each.text().compareTo(right.text());
          return switch (comparison) {
            case "==" -> order == 0;
            case "!=" -> order != 0;
            case "<" -> order < 0;
            case "<=" -> order <= 0;
            case ">" -> order > 0;
            default -> order >= 0;
          };
        });
  }

  private IllegalArgumentException wrong(String what) {
    return new IllegalArgumentException("jsonpath {" + text + "}: " + what);
  }
}
