// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.bpf;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.datapath.bpf.BpfException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * {@code cilium bpf …}: what the kernel has. Each reads the pinned maps itself, with no agent
 * running; only names for identities are asked of the agent, where one answers.
 */
public final class BpfCommands implements CommandGroup {
  /** Chooses among several agents of one machine. */
  static final Option INSTANCE =
      new Option("--instance", "NAME", "read the maps of the agent with --instance NAME");

  private static final String BACKENDS = "--backends";

  private static final List<Option> LB_LIST =
      List.of(
          new Option(BACKENDS, "", "show the backends by number"),
          new Option("--frontends", "", "show the frontends, as without an option"),
          INSTANCE,
          OUTPUT);

  /** Commands for maps that this version's datapath does not have, and those maps. */
  private static final Map<String, String> WITHOUT_MAP =
      Map.ofEntries(
          Map.entry("auth list", "cilium_auth_map"),
          Map.entry("auth flush", "cilium_auth_map"),
          Map.entry("bandwidth list", "cilium_throttle"),
          Map.entry("egress list", "cilium_egress_gw_policy_v4"),
          Map.entry("nat flush", "cilium_snat_v4_external"),
          Map.entry("recorder list", "cilium_capture4_rules"));

  private static final String ONE_PROGRAM =
      "not supported, endpoints share the programs of the node";

  private static final String SHARED =
      "endpoints share compiled entries; change policies with cilium policy";

  /** Commands that would not do what they say here, and why. */
  private static final Map<String, String> REFUSED =
      Map.of(
          "sha list", ONE_PROGRAM,
          "sha get", ONE_PROGRAM,
          "policy add", SHARED,
          "policy delete", SHARED,
          "endpoint delete", "the agent would write it again; use cilium endpoint disconnect");

  @Override
  public List<CommandSpec> commands() {
    List<CommandSpec> specs = new ArrayList<>();
    specs.add(
        new CommandSpec(
            "ct list",
            "(global | endpoint | cluster) [ID]",
            1,
            2,
            "list the tracked connections, of all endpoints or of one",
            List.of(
                new Option("--time-diff", "-d", "", "show the remaining lifetime"),
                new Option("--time-diff-clocksource-mode", "MODE", "ktime, the only one supported"),
                new Option("--time-diff-clocksource-hz", "HZ", "not supported"),
                INSTANCE,
                OUTPUT)));
    specs.add(
        new CommandSpec(
            "ct flush",
            "ENDPOINT | global",
            "remove tracked connections; policy decides their next packets",
            INSTANCE));
    specs.add(new CommandSpec("endpoint list", "list the endpoints by address", INSTANCE, OUTPUT));
    specs.add(
        new CommandSpec(
            "endpoint delete", "ADDRESS", "remove an endpoint from the kernel", INSTANCE));
    specs.add(
        new CommandSpec(
            "ipcache list", "list the prefixes and their identities", INSTANCE, OUTPUT));
    specs.add(
        new CommandSpec(
            "ipcache get", "ADDRESS", "show the identity of an address", INSTANCE, OUTPUT));
    specs.add(
        new CommandSpec(
            "policy get",
            "ENDPOINT | --all",
            0,
            1,
            "list the entries of an endpoint's policy",
            List.of(
                new Option("--all", "", "show all endpoints"),
                new Option("--numeric", "-n", "", "show identities as numbers"),
                INSTANCE,
                OUTPUT)));
    specs.add(
        new CommandSpec("policy list", "list the endpoints and their policies", INSTANCE, OUTPUT));
    specs.add(changed("policy add", "ENDPOINT DIRECTION IDENTITY [PORT/PROTOCOL]", 4));
    specs.add(changed("policy delete", "ENDPOINT IDENTITY [PORT/PROTOCOL]", 3));
    specs.add(
        new CommandSpec(
            "metrics list", "list the counts of forwarded and dropped packets", INSTANCE, OUTPUT));
    specs.add(
        new CommandSpec("config list", "show the configuration of the programs", INSTANCE, OUTPUT));
    specs.add(new CommandSpec("fs show", "show the folder of the maps", INSTANCE, OUTPUT));
    specs.add(
        new CommandSpec(
            "ipmasq list", "list the destinations that are not masqueraded", INSTANCE, OUTPUT));
    specs.add(
        new CommandSpec(
            "nat list",
            "list the connections that the kernel's NAT translates, of all programs",
            INSTANCE,
            OUTPUT));
    specs.add(new CommandSpec("nodeid list", "list the numbers of other nodes", INSTANCE, OUTPUT));
    specs.add(new CommandSpec("tunnel list", "list the tunnels to other nodes", INSTANCE, OUTPUT));
    specs.add(
        new CommandSpec("lb list", "", 0, 0, "list the services and their backends", LB_LIST));
    specs.add(
        new CommandSpec(
            "lb maglev list",
            "list the Maglev tables: the backend of each slot, by frontend",
            INSTANCE,
            OUTPUT));
    specs.add(
        new CommandSpec(
            "lb maglev get", "ID", "show the Maglev table of a frontend", INSTANCE, OUTPUT));
    specs.add(new CommandSpec("sha list", "list the programs by checksum", INSTANCE, OUTPUT));
    specs.add(new CommandSpec("sha get", "SHA", "show a program by checksum", INSTANCE, OUTPUT));
    WITHOUT_MAP.keySet().stream()
        .sorted()
        .forEach(name ->
            specs.add(
                new CommandSpec(
                    name,
                    "[ID]",
                    0,
                    1,
                    "not supported: the datapath has no such map",
                    List.of(INSTANCE, OUTPUT))));
    return specs;
  }

  private static CommandSpec changed(String name, String operands, int most) {
    return new CommandSpec(
        name,
        operands,
        2,
        most,
        "not supported: endpoints share entries, and only the agent writes them",
        List.of(new Option("--deny", "", "deny instead of allow"), INSTANCE));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    String instance = arguments.find(INSTANCE.name()).orElse("cilium4j");
    if (!instance.matches("[a-z0-9]{1,8}")) {
      throw arguments.wrong(INSTANCE.name(), "1 to 8 of a-z and 0-9");
    }
    String missing = WITHOUT_MAP.get(command);
    if (missing != null) {
      throw new CommandException(
          "bpf " + command + ": " + missing + ": not supported, the datapath has no such map");
    }
    String refused = REFUSED.get(command);
    if (refused != null) {
      throw new CommandException("bpf " + command + ": " + refused);
    }
    try {
      if (command.startsWith("ct ")) {
        var flows = new ConntrackTables(instance, arguments, session);
        return command.equals("ct list") ? flows.conntrack() : flows.flushConntrack();
      }
      if (command.startsWith("policy ")) {
        var policies = new PolicyTables(instance, arguments, session);
        return command.equals("policy get") ? policies.policyEntries() : policies.policies();
      }
      if (command.equals("ipmasq list")) {
        return new NatTables(instance, arguments, session).exclusions();
      }
      if (command.startsWith("lb maglev ")) {
        return new NatTables(instance, arguments, session).maglev(command);
      }
      if (command.equals("nat list")) {
        return new NatTables(instance, arguments, session).translations();
      }
      var tables = new BpfTables(instance, arguments, session);
      return switch (command) {
        case "lb list" -> arguments.has(BACKENDS) ? tables.backends() : tables.frontends();
        case "endpoint list" -> tables.endpoints();
        case "ipcache list" -> tables.ipcache();
        case "ipcache get" -> tables.ipcacheEntry();
        case "metrics list" -> tables.metrics();
        case "config list" -> tables.config();
        case "fs show" -> tables.fileSystem();
        case "nodeid list" -> tables.nodeIds();
        case "tunnel list" -> tables.tunnels();
        default -> throw new IllegalArgumentException(command);
      };
    } catch (BpfException e) {
      throw new CommandException(e.getMessage() == null ? e.toString() : e.getMessage(), e);
    }
  }
}
