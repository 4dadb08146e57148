// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.bpf;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.ebpf.MapDump.BackendRow;
import io.cilium4j.datapath.ebpf.MapDump.EndpointRow;
import io.cilium4j.datapath.ebpf.MapDump.FrontendRow;
import io.cilium4j.datapath.ebpf.MapDump.IpcacheRow;
import io.cilium4j.datapath.ebpf.MapDump.NodeRow;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Endpoints, addresses, nodes, services and counts, as the kernel has them. */
final class BpfTables extends MapTables {
  BpfTables(String instance, Arguments arguments, Session session) {
    super(instance, arguments, session);
  }

  // ---- endpoints and identities ----

  int endpoints() {
    var table = new TextTable("IP ADDRESS", "LOCAL ENDPOINT INFO");
    Map<String, Json> rows = new LinkedHashMap<>();
    for (EndpointRow row : maps.endpoints()) {
      for (IpAddress address : row.addresses()) {
        String info =
            "id=%d sec_id=%d ifindex=%d mac=%s nodemac=%s policy=%d"
                .formatted(
                    row.id(),
                    row.identity(),
                    row.ifindex(),
                    row.mac(),
                    row.hostMac(),
                    row.policy());
        table.row(address, info);
        rows.put(address.toString(), Json.ofTexts(List.of(info)));
      }
    }
    return show(rows, table);
  }

  int ipcache() {
    var table = new TextTable("IP PREFIX/ADDRESS", "IDENTITY");
    Map<String, Json> rows = new LinkedHashMap<>();
    for (IpcacheRow row : maps.ipcache()) {
      String info =
          "identity="
              + row.identity()
              + row.tunnelEndpoint().map(node -> " tunnelendpoint=" + node).orElse("");
      table.row(row.prefix(), info);
      rows.put(row.prefix().toString(), Json.ofTexts(List.of(info)));
    }
    return show(rows, table);
  }

  /** As a packet is looked up: the longest prefix that holds the address. */
  int ipcacheEntry() {
    IpAddress address =
        IpAddress.tryParse(arguments.operand())
            .orElseThrow(() -> arguments.wrong(arguments.operand() + ": no address"));
    Optional<IpcacheRow> found =
        maps.ipcache().stream()
            .filter(row -> row.prefix().contains(address))
            .max(Comparator.comparingInt(row -> row.prefix().length()));
    if (found.isEmpty()) {
      throw new CommandException(address + ": no entry; its identity is world");
    }
    IpPrefix prefix = found.get().prefix();
    int identity = found.get().identity();
    return session.show(
        arguments,
        Json.object("prefix", Json.of(prefix.toString())).with("identity", Json.of(identity)),
        () -> address + " maps to identity " + identity + " (" + prefix + ")\n");
  }

  // ---- nodes ----

  int nodeIds() {
    var table = new TextTable("NODE ID", "IP ADDRESSES");
    Map<String, Json> rows = new LinkedHashMap<>();
    for (NodeRow row : maps.nodes()) {
      table.row(row.number(), row.address());
      rows.put(String.valueOf(row.number()), Json.ofTexts(List.of(row.address().toString())));
    }
    return show(rows, table);
  }

  int tunnels() {
    var table = new TextTable("TUNNEL ENDPOINT", "VALUE");
    Map<String, Json> rows = new LinkedHashMap<>();
    for (NodeRow row : maps.nodes()) {
      String info =
          "node="
              + row.number()
              + (row.known() ? " mtu=" + row.mtuBytes() : " unknown: packets to it are dropped");
      table.row(row.address(), info);
      rows.put(row.address().toString(), Json.ofTexts(List.of(info)));
    }
    return show(rows, table);
  }

  // ---- services ----

  int frontends() {
    var table = new TextTable("SERVICE ADDRESS", "BACKEND ADDRESS (REVNAT_ID) (SLOT)");
    Map<String, Json> rows = new LinkedHashMap<>();
    for (FrontendRow row : maps.frontends()) {
      String frontend = text(row.key());
      List<String> backends = new ArrayList<>();
      for (BackendRow backend : row.backends()) {
        backends.add(
            "%s/%s (%d) (%d)%s"
                .formatted(
                    text(backend),
                    row.key().protocol(),
                    row.service(),
                    backends.size() + 1,
                    backend.isActive() ? "" : " [no new connections]"));
      }
      if (backends.isEmpty()) {
        backends.add("none: dropped");
      }
      for (int i = 0; i < backends.size(); i++) {
        table.row(i == 0 ? frontend : "", backends.get(i));
      }
      rows.put(frontend, Json.ofTexts(backends));
    }
    return show(rows, table);
  }

  int backends() {
    var table = new TextTable("ID", "BACKEND ADDRESS");
    Map<String, Json> rows = new LinkedHashMap<>();
    for (FrontendRow row : maps.frontends()) {
      for (BackendRow backend : row.backends()) {
        table.row(backend.number(), text(backend));
        rows.put(String.valueOf(backend.number()), Json.ofTexts(List.of(text(backend))));
      }
    }
    return show(rows, table);
  }

  private static String text(FrontendKey key) {
    String address = key.address().isV4() ? key.address().toString() : "[" + key.address() + "]";
    return key.isRest()
        ? address + " any other port"
        : address + ":" + key.port() + "/" + key.protocol();
  }

  private static String text(BackendRow backend) {
    return (backend.address().isV4() ? backend.address() : "[" + backend.address() + "]")
        + ":"
        + backend.port();
  }

  // ---- counters, programs, files ----

  int metrics() {
    var table = new TextTable("REASON", "DIRECTION", "PACKETS", "BYTES");
    List<Json> rows = new ArrayList<>();
    for (Traffic row : maps.traffic()) {
      String reason = row.drop().map(Object::toString).orElse("Forwarded");
      String direction = title(row.direction().toString());
      table.row(reason, direction, row.packets(), row.bytes());
      rows.add(
          Json.object("reason", Json.of(reason))
              .with("direction", Json.of(direction.toLowerCase(Locale.ROOT)))
              .with("packets", Json.of(row.packets()))
              .with("bytes", Json.of(row.bytes())));
    }
    return show(rows, table);
  }

  int config() {
    return show(
        List.of(Json.object("Key", Json.of("Epoch")).with("Value", Json.of(maps.epoch()))),
        new TextTable("KEY", "VALUE").row("Epoch", maps.epoch()));
  }

  int fileSystem() throws IOException {
    List<String> pins = new ArrayList<>();
    try (Stream<Path> found = Files.list(maps.folder())) {
      found.sorted().forEach(pin -> pins.add(pin.toString()));
    }
    return session.show(
        arguments,
        Json.object("Folder", Json.of(maps.folder().toString())).with("Pins", Json.ofTexts(pins)),
        () ->
            "Folder:   "
                + maps.folder()
                + "\nPins:     "
                + String.join("\n          ", pins)
                + "\n");
  }
}
