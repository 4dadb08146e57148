// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.bpf;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.ebpf.ConntrackRow;
import io.cilium4j.datapath.ebpf.ConntrackRow.End;
import io.cilium4j.datapath.ebpf.ConntrackRow.Flag;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The flows that the kernel follows. */
final class ConntrackTables extends MapTables {
  ConntrackTables(String instance, Arguments arguments, Session session) {
    super(instance, arguments, session);
  }

  int conntrack() {
    String what = arguments.operand();
    int endpoint = 0;
    if (what.equals("endpoint")) {
      endpoint = endpointNumber(arguments.operands().size() > 1 ? arguments.operands().get(1) : "");
    } else if (!what.equals("global")) {
      throw arguments.wrong(what + ": wanted global, or endpoint and its id");
    }
    double now = programSeconds();
    var table = new TextTable();
    List<Json> rows = new ArrayList<>();
    for (ConntrackRow row : maps.conntrack()) {
      End source = row.source();
      End destination = row.destination();
      if (endpoint != 0 && source.endpoint() != endpoint && destination.endpoint() != endpoint) {
        continue;
      }
      String expires =
          arguments.has("--time-diff")
              ? "expires in %ds".formatted(Math.max(0, row.expires() - (long) now))
              : "expires=" + row.expires();
      var flags = new StringBuilder();
      row.flags().forEach(flag -> flags.append(name(flag)).append(' '));
      table.row(
          protocol(row.protocol()),
          end(source) + " -> " + end(destination),
          expires,
          "SourceEndpoint=" + source.endpoint(),
          "DestinationEndpoint=" + destination.endpoint(),
          "SourceSecurityID=" + identity(source),
          "DestinationSecurityID=" + identity(destination),
          "Flags=[ " + flags + "]");
      Json json =
          Json.object("protocol", Json.of(protocol(row.protocol())))
              .with("source", Json.of(end(source)))
              .with("destination", Json.of(end(destination)))
              .with("source-endpoint", Json.of(source.endpoint()))
              .with("destination-endpoint", Json.of(destination.endpoint()))
              .with("source-identity", Json.of(identity(source)))
              .with("destination-identity", Json.of(identity(destination)))
              .with("expires", Json.of(row.expires()));
      for (Flag flag : Flag.values()) {
        json = json.with(jsonName(flag), Json.of(row.flags().contains(flag)));
      }
      rows.add(json);
    }
    return show(rows, table);
  }

  int flushConntrack() {
    String what = arguments.operand();
    int count = maps.flushConntrack(what.equals("global") ? 0 : endpointNumber(what));
    session.console().line("Flushed " + count + " entries");
    return 0;
  }

  /** The machine's uptime in the programs' seconds, of 2^30 ns. */
  private static double programSeconds() {
    try {
      double uptime =
          Double.parseDouble(Files.readString(Path.of("/proc/uptime")).split(" ", -1)[0]);
      return uptime * 1e9 / (1 << 30);
    } catch (IOException e) {
      return 0;
    }
  }

  private static String end(End end) {
    IpAddress address = end.address();
    return (address.isV4() ? address.toString() : "[" + address + "]") + ":" + end.port();
  }

  private static long identity(End end) {
    return Integer.toUnsignedLong(end.identity());
  }

  private static String name(Flag flag) {
    return switch (flag) {
      case SEEN_REPLY -> "SeenReply";
      case CLOSING -> "Closing";
      case REVOKED -> "Revoked";
      case NO_SYN -> "NoSyn";
      case OVERFLOW -> "Overflow";
      case PROXY -> "Proxy";
      case NAT -> "Nat";
      case STALE -> "Stale";
    };
  }

  private static String jsonName(Flag flag) {
    return flag.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
