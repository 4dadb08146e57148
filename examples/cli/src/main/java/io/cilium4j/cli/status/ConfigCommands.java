// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.OptionChanges;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** {@code cilium config …}: the agent's options. */
public final class ConfigCommands implements CommandGroup {
  private static final String ENFORCEMENT = "PolicyEnforcement";

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
            "",
            "[OPTION=(enable|disable)…]",
            0,
            Integer.MAX_VALUE,
            "show or change the agent's options",
            List.of(
                new Option("--all", "-a", "", "show read-only options too"),
                new Option("--read-only", "-r", "", "show read-only options alone"),
                new Option("--list-options", "", "list the options that can be changed"),
                new Option(
                    "--num-pages",
                    "-n",
                    "PAGES",
                    "set the number of pages of the monitor's buffer"),
                OUTPUT)),
        new CommandSpec("get", "OPTION", "show one option", OUTPUT));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    if (command.equals("get")) {
      return get(arguments, session);
    }
    if (!arguments.operands().isEmpty() || arguments.has("--num-pages")) {
      return change(arguments, session);
    }
    Json status = session.agent().get("/config").get("status");
    if (arguments.has("--list-options")) {
      session.console().print(OptionChanges.explain(status.get("realized", "options")));
      return 0;
    }
    boolean fixed = arguments.has("--read-only") || arguments.has("--all");
    boolean mutable = !arguments.has("--read-only");
    Json shown = Json.object("realized", mutable ? status.get("realized") : Json.absent());
    if (!mutable) {
      shown = status.get("daemonConfigurationMap");
    } else if (fixed) {
      shown = shown.with("daemonConfigurationMap", status.get("daemonConfigurationMap"));
    } else {
      shown = status.get("realized", "options");
    }
    return session.show(
        arguments,
        shown,
        () -> (fixed ? readOnly(status) : "") + (mutable ? readWrite(status) : ""));
  }

  private static String readOnly(Json status) {
    var text = new StringBuilder("#### Read-only configurations ####\n");
    Map<String, Json> options = new TreeMap<>(status.get("daemonConfigurationMap").fields());
    options.forEach((name, value) -> {
      if (value.fields().isEmpty()) {
        OptionChanges.line(name, value.text(String.join(",", value.texts())), text);
      } else {
        text.append(name).append('\n');
        new TreeMap<>(value.fields())
            .forEach((key, inner) -> OptionChanges.line("  " + key, inner.text(), text));
      }
    });
    OptionChanges.line("k8s-configuration", status.get("k8s-configuration").text(), text);
    OptionChanges.line("k8s-endpoint", status.get("k8s-endpoint").text(), text);
    return text.append(OptionChanges.print(status.get("immutable"))).toString();
  }

  private static String readWrite(Json status) {
    var text = new StringBuilder("##### Read-write configurations #####\n");
    text.append(OptionChanges.print(status.get("realized", "options")));
    Json pages = status.get("nodeMonitor", "npages");
    if (pages.isPresent()) {
      OptionChanges.line("MonitorNumPages", pages.text(), text);
    }
    OptionChanges.line(ENFORCEMENT, status.get("realized", "policy-enforcement").text(), text);
    return text.toString();
  }

  private static int change(Arguments arguments, Session session) throws IOException {
    Json options = OptionChanges.parse(arguments.operands());
    if (arguments.has("--num-pages")) {
      long pages = arguments.number("--num-pages", 0);
      options = options.with("MonitorNumPages", Json.of(Long.toString(pages)));
    }
    Json change = Json.object("options", options.with(ENFORCEMENT, Json.absent()));
    Json enforcement = options.get(ENFORCEMENT);
    if (enforcement.isPresent()) {
      change = change.with("policy-enforcement", enforcement);
    }
    session.agent().call("PATCH", "/config", change);
    return 0;
  }

  /** An option by any of its spellings: {@code enable-ipv4}, {@code EnableIPv4}. */
  private static int get(Arguments arguments, Session session) throws IOException {
    Json status = session.agent().get("/config").get("status");
    String wanted = plain(arguments.operand());
    for (Json from :
        List.of(
            status.get("realized", "options"),
            status.get("realized"),
            status.get("daemonConfigurationMap"),
            status.get("immutable"),
            status)) {
      for (Map.Entry<String, Json> option : from.fields().entrySet()) {
        if (plain(option.getKey()).equals(wanted)) {
          Json value = option.getValue();
          return session.show(
              arguments, value, () -> value.text(String.join(",", value.texts())) + "\n");
        }
      }
    }
    throw new CommandException("config " + arguments.operand() + ": no such option");
  }

  private static String plain(String name) {
    return name.replace("-", "").replace("_", "").toLowerCase(java.util.Locale.ROOT);
  }
}
