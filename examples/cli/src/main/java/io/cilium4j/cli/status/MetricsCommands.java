// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** {@code cilium metrics list}: lists the agent's metrics. */
public final class MetricsCommands implements CommandGroup {

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
            "list",
            "list the agent's metrics",
            new Option("--match-pattern", "-p", "REGEX", "only metrics whose name matches"),
            OUTPUT));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    Pattern pattern = pattern(arguments);
    List<Json> metrics = new ArrayList<>();
    for (Json metric : session.agent().get("/metrics/").items()) {
      if (pattern.matcher(metric.get("name").text()).find()) {
        metrics.add(metric);
      }
    }
    metrics.sort(
        Comparator.<Json, String>comparing(each -> each.get("name").text())
            .thenComparing(MetricsCommands::labels));
    return session.show(
        arguments,
        new Json.Arr(metrics),
        () -> {
          var table = new TextTable("Metric", "Labels", "Value");
          for (Json metric : metrics) {
            table.row(metric.get("name").text(), labels(metric), value(metric.get("value")));
          }
          return table.toString();
        });
  }

  private static Pattern pattern(Arguments arguments) {
    try {
      return Pattern.compile(arguments.find("--match-pattern").orElse(""));
    } catch (PatternSyntaxException e) {
      throw arguments.wrong("--match-pattern", "a regular expression (" + e.getDescription() + ")");
    }
  }

  private static String labels(Json metric) {
    var text = new StringBuilder();
    new TreeMap<>(metric.get("labels").fields())
        .forEach((name, value) ->
            text.append(text.isEmpty() ? "" : " ")
                .append(name)
                .append("=\"")
                .append(value.text())
                .append('"'));
    return text.toString();
  }

  /** Whole numbers without a fraction, none with an exponent; an absent value is 0. */
  private static String value(Json value) {
    if (!value.isPresent()) {
      return "0";
    }
    return new BigDecimal(value.text()).stripTrailingZeros().toPlainString();
  }
}
