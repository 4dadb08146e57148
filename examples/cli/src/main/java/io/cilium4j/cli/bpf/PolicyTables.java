// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.bpf;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.datapath.ebpf.MapDump.EndpointRow;
import io.cilium4j.datapath.ebpf.MapDump.PolicyRow;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The policies of endpoints, as the kernel has them. */
final class PolicyTables extends MapTables {
  PolicyTables(String instance, Arguments arguments, Session session) {
    super(instance, arguments, session);
  }

  int policies() {
    var table = new TextTable("ENDPOINT", "IDENTITY", "POLICY", "ENTRIES");
    List<Json> rows = new ArrayList<>();
    Map<Integer, List<PolicyRow>> entries = maps.policies();
    for (EndpointRow row : maps.endpoints()) {
      int count = entries.getOrDefault(row.policy(), List.of()).size();
      table.row(row.id(), row.identity(), row.policy(), count);
      rows.add(
          Json.object("endpoint", Json.of(row.id()))
              .with("identity", Json.of(row.identity()))
              .with("policy", Json.of(row.policy()))
              .with("entries", Json.of(count)));
    }
    return show(rows, table);
  }

  int policyEntries() {
    boolean all = arguments.has("--all");
    if (all != arguments.operands().isEmpty()) {
      throw arguments.wrong("wanted either an endpoint's number or --all");
    }
    List<EndpointRow> endpoints =
        maps.endpoints().stream()
            .filter(row -> all || row.id() == endpointNumber(arguments.operand()))
            .toList();
    if (endpoints.isEmpty() && !all) {
      throw new CommandException("endpoint " + arguments.operand() + ": not in the kernel");
    }
    boolean asText = Output.of(arguments).isText();
    Map<Integer, String> names =
        asText && !arguments.has("--numeric") ? identityNames(session) : Map.of();
    Map<Integer, List<PolicyRow>> entries = maps.policies();
    var text = new StringBuilder();
    List<Json> rows = new ArrayList<>();
    for (EndpointRow endpoint : endpoints) {
      List<PolicyRow> own =
          entries.getOrDefault(endpoint.policy(), List.of()).stream()
              .sorted(
                  Comparator.<PolicyRow>comparingInt(row -> row.key().direction().code())
                      .thenComparingInt(row -> row.key().identity())
                      .thenComparingInt(row -> row.key().protocol())
                      .thenComparingInt(row -> row.key().port()))
              .toList();
      if (all) {
        text.append("Endpoint ID: ").append(endpoint.id()).append("\n\n");
      }
      text.append(table(own, names)).append(all ? "\n" : "");
      own.forEach(row -> rows.add(json(endpoint.id(), row)));
    }
    return session.show(arguments, new Json.Arr(rows), text::toString);
  }

  private static TextTable table(List<PolicyRow> rows, Map<Integer, String> names) {
    var table =
        new TextTable(
            "POLICY",
            "DIRECTION",
            names.isEmpty() ? "IDENTITY" : "LABELS (source:key[=value])",
            "PORT/PROTO",
            "PROXY PORT",
            "AUTH TYPE",
            "BYTES",
            "PACKETS",
            "PREFIX",
            "COOKIE",
            "PRECEDENCE");
    for (PolicyRow row : rows) {
      int identity = row.key().identity();
      table.row(
          row.entry().isDeny() ? "Deny" : "Allow",
          title(row.key().direction().toString()),
          identity == 0 ? "ANY" : names.getOrDefault(identity, Integer.toUnsignedString(identity)),
          ports(row.key()),
          row.entry().proxyPort() == 0 ? "NONE" : row.entry().proxyPort(),
          row.entry().auth().type() == 0 ? "disabled" : row.entry().auth(),
          // The datapath counts by reason and direction, not by entry.
          "-",
          "-",
          prefixLength(row.key()),
          row.entry().cookie(),
          Integer.toUnsignedString(row.entry().precedence()));
    }
    return table;
  }

  private static Json json(int endpoint, PolicyRow row) {
    return Json.object("endpoint", Json.of(endpoint))
        .with("policy", Json.of(row.entry().isDeny() ? "Deny" : "Allow"))
        .with("direction", Json.of(title(row.key().direction().toString())))
        .with("identity", Json.of(Integer.toUnsignedLong(row.key().identity())))
        .with("ports", Json.of(ports(row.key())))
        .with("proxy-port", Json.of(row.entry().proxyPort()))
        .with("precedence", Json.of(Integer.toUnsignedLong(row.entry().precedence())))
        .with("cookie", Json.of(row.entry().cookie()));
  }

  /** How many bits of protocol and port an entry fixes. */
  private static int prefixLength(PolicyKey key) {
    return key.protocol() == 0 ? 0 : Byte.SIZE + key.portPrefixLength();
  }

  private static String ports(PolicyKey key) {
    if (key.protocol() == 0) {
      return "ANY";
    }
    String protocol = protocol(key.protocol());
    if (key.portPrefixLength() == 0) {
      return "ANY/" + protocol;
    }
    int last = key.port() | 0xffff >>> key.portPrefixLength();
    return last == key.port()
        ? key.port() + "/" + protocol
        : key.port() + "-" + last + "/" + protocol;
  }

  /** Names of identities, as the agent has them; none where no agent answers. */
  private static Map<Integer, String> identityNames(Session session) {
    Map<Integer, String> names = new HashMap<>();
    try {
      for (Json identity : session.agent().get("/identity").items()) {
        names.put(
            (int) identity.get("id").number(), TextTable.lines(identity.get("labels").texts(), ""));
      }
    } catch (CommandException | IOException e) {
      // The kernel's tables are shown all the same, with numbers.
      return names;
    }
    return names;
  }
}
