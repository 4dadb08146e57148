// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonPath;
import io.cilium4j.cli.json.JsonWriter;
import io.cilium4j.cli.json.YamlWriter;
import java.util.function.Supplier;

/** How an answer is printed: as {@code -o} says, or as text for people. */
public final class Output {
  /** {@code -o}. */
  public static final Option OPTION =
      new Option("--output", "-o", "FORMAT", "json, yaml or jsonpath=TEMPLATE");

  private static final String JSONPATH = "jsonpath=";

  private final String format;

  private Output(String format) {
    this.format = format;
  }

  /** What {@code -o} of these arguments asks for; refused before anything is asked or changed. */
  public static Output of(Arguments arguments) {
    String option = OPTION.name();
    String format = arguments.find(option).orElse("");
    if (!format.isEmpty()
        && !format.equals("json")
        && !format.equals("yaml")
        && !format.startsWith(JSONPATH)) {
      throw arguments.wrong(option, "json, yaml or jsonpath=TEMPLATE");
    }
    return new Output(format);
  }

  /** Whether people are to read it. */
  public boolean isText() {
    return format.isEmpty();
  }

  /** The answer, ending with a line break unless the user's own template says otherwise. */
  public String print(Json value, Supplier<String> text) {
    if (isText()) {
      return text.get();
    }
    return switch (format) {
      case "json" -> JsonWriter.indented(value) + "\n";
      case "yaml" -> YamlWriter.print(value);
      default -> jsonPath(value);
    };
  }

  private String jsonPath(Json value) {
    try {
      String printed = JsonPath.parse(unquoted(format.substring(JSONPATH.length()))).print(value);
      return printed.endsWith("\n") ? printed : printed + "\n";
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  /** Quotes that a shell left standing, as in {@code -o "jsonpath='{.id}'"}. */
  private static String unquoted(String template) {
    return template.length() > 1
            && template.startsWith("'")
            && template.endsWith("'")
            // Only if they are a pair: 'a' … 'b' are two texts.
            && template.indexOf('\'', 1) >= template.indexOf('{')
        ? template.substring(1, template.length() - 1)
        : template;
  }
}
