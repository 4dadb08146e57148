// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.bpf;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.service.Backend;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.KernelConntrack;
import io.cilium4j.datapath.net.KernelConntrack.Connection;
import io.cilium4j.datapath.net.Masquerade;
import io.cilium4j.datapath.net.Nft;
import io.cilium4j.datapath.net.NodePorts;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/** What the kernel's own NAT has of an instance. */
final class NatTables {
  private final String instance;
  private final Arguments arguments;
  private final Session session;

  NatTables(String instance, Arguments arguments, Session session) {
    this.instance = instance;
    this.arguments = arguments;
    this.session = session;
  }

  /** Where pods keep their addresses, as the configuration of an ip-masq-agent says. */
  int exclusions() {
    List<IpPrefix> prefixes =
        new Masquerade(new InstanceNames(instance), nft("ipmasq list"))
            .excluded()
            .orElseThrow(() ->
                new CommandException(
                    "bpf ipmasq list: nothing of an ip-masq-agent is in force for instance "
                        + instance
                        + " (option enable-ip-masq-agent)"));
    return session.show(
        arguments,
        Json.ofTexts(prefixes.stream().map(IpPrefix::toString).toList()),
        () -> {
          var table = new TextTable("IP PREFIX/ADDRESS");
          prefixes.forEach(table::row);
          return table.toString();
        });
  }

  /**
   * Maglev tables: of all frontends that have one, or of the one that is asked for.
   *
   * @param command {@code lb maglev list} or {@code lb maglev get}
   */
  int maglev(String command) {
    SortedMap<Integer, List<Backend>> tables =
        new NodePorts(new InstanceNames(instance), nft(command)).maglevTables();
    if (!arguments.operands().isEmpty()) {
      String id = arguments.operands().getFirst();
      tables.keySet().removeIf(number -> !String.valueOf(number).equals(id));
      if (tables.isEmpty()) {
        throw new CommandException(
            "bpf " + command + ": " + id + ": no frontend with a Maglev table");
      }
    }
    var text = new TextTable("SVC ID", "LOOKUP TABLE");
    Map<String, Json> rows = new LinkedHashMap<>();
    tables.forEach((number, slots) -> {
      String key = "[" + number + "]/" + (slots.getFirst().address().isV4() ? "v4" : "v6");
      List<String> backends = slots.stream().map(Backend::toString).toList();
      text.row(key, "[" + String.join(", ", backends) + "]");
      rows.put(key, Json.ofTexts(backends));
    });
    return session.show(arguments, new Json.Obj(rows), text::toString);
  }

  private static Nft nft(String command) {
    return Nft.find()
        .orElseThrow(() ->
            new CommandException(
                "bpf "
                    + command
                    + ": the program nft is not installed (Debian's package nftables)"));
  }

  /**
   * All connections that are translated, each as the client's packets are on their way in and out.
   */
  int translations() {
    List<Json> rows = new ArrayList<>();
    var text = new StringBuilder();
    try (KernelConntrack connections = KernelConntrack.open()) {
      for (IpFamily family : IpFamily.values()) {
        for (Connection each : connections.list(family)) {
          if (each.isSourceTranslated() || each.isDestinationTranslated()) {
            rows.add(row(each));
            text.append(line(each)).append('\n');
          }
        }
      }
    }
    return session.show(arguments, new Json.Arr(rows), text::toString);
  }

  private static String line(Connection each) {
    return "%s %s XLATE_%s %s Expires=%ds"
        .formatted(
            MapTables.protocol(each.protocol()),
            each.original(),
            each.isDestinationTranslated() ? "DST" : "SRC",
            each.translated(),
            each.secondsLeft());
  }

  private static Json row(Connection each) {
    return Json.object("protocol", Json.of(MapTables.protocol(each.protocol())))
        .with("original", Json.of(each.original().toString()))
        .with("translated", Json.of(each.translated().toString()))
        .with("expires", Json.of(each.secondsLeft()));
  }
}
