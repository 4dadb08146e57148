// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

import io.cilium4j.cli.json.Json;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Changes of options as they are typed: {@code Debug=enable}. */
public final class OptionChanges {

  /** What each option does; the API tells their names only. */
  private static final Map<String, String> MEANINGS =
      Map.of(
          "DropNotification", "report each packet that is dropped",
          "PolicyAuditMode", "let through what policy denies, and report it",
          "PolicyVerdictNotification", "report each verdict of policy",
          "TraceNotification", "report the packets with which a flow begins, is answered and ends");

  private OptionChanges() {}

  /** The map of options for the agent; words for yes and no in the agent's own spelling. */
  public static Json parse(List<String> words) {
    Map<String, Json> options = new LinkedHashMap<>();
    for (String word : words) {
      int equals = word.indexOf('=');
      if (equals <= 0) {
        throw new UsageException(word + ": wanted OPTION=(enable|disable)");
      }
      options.put(word.substring(0, equals), Json.of(spelled(word.substring(equals + 1))));
    }
    return new Json.Obj(options);
  }

  private static String spelled(String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "true", "on", "enable", "enabled", "1" -> "Enabled";
      case "false", "off", "disable", "disabled", "0" -> "Disabled";
      default -> value;
    };
  }

  /** One option a line, by name. */
  public static String print(Json options) {
    var text = new StringBuilder();
    options.fields().keySet().stream()
        .sorted()
        .forEach(name -> line(name, options.get(name).text(), text));
    return text.toString();
  }

  /** What the options do that can be changed, one a line, by name. */
  public static String explain(Json options) {
    var text = new StringBuilder();
    options.fields().keySet().stream()
        .sorted()
        .forEach(name ->
            text.append(
                "%-25s %s%n"
                    .formatted(TextTable.clean(name), MEANINGS.getOrDefault(name, "").strip())));
    return text.toString();
  }

  /** One line of a list of options. */
  public static void line(String name, String value, StringBuilder text) {
    text.append("%-34s: %s%n".formatted(TextTable.clean(name), TextTable.clean(value)));
  }
}
