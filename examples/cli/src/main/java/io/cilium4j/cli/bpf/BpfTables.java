// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.bpf;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.ebpf.ConntrackRow;
import io.cilium4j.datapath.ebpf.ConntrackRow.End;
import io.cilium4j.datapath.ebpf.ConntrackRow.Flag;
import io.cilium4j.datapath.ebpf.MapDump;
import io.cilium4j.datapath.ebpf.MapDump.BackendRow;
import io.cilium4j.datapath.ebpf.MapDump.EndpointRow;
import io.cilium4j.datapath.ebpf.MapDump.FrontendRow;
import io.cilium4j.datapath.ebpf.MapDump.IpcacheRow;
import io.cilium4j.datapath.ebpf.MapDump.NodeRow;
import io.cilium4j.datapath.ebpf.MapDump.PolicyRow;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** The kernel's maps as tables. */
final class BpfTables {
  private final MapDump maps;
  private final Arguments arguments;
  private final Session session;

  BpfTables(String instance, Arguments arguments, Session session) {
    this.maps = MapDump.of(instance);
    this.arguments = arguments;
    this.session = session;
    if (!Files.isDirectory(maps.folder())) {
      throw new CommandException(
          maps.folder() + ": no maps are pinned there; choose another instance with --instance");
    }
  }

  private int show(List<Json> rows, TextTable table) {
    return session.show(arguments, new Json.Arr(rows), table::toString);
  }

  /** Scripts read a map of key and value as an object: to each key the list of its values. */
  private int show(Map<String, Json> rows, TextTable table) {
    return session.show(arguments, new Json.Obj(rows), table::toString);
  }

  // ---- conntrack ----

  int conntrack() {
    String what = arguments.operand();
    int endpoint = 0;
    if (what.equals("endpoint")) {
      endpoint = number(arguments.operands().size() > 1 ? arguments.operands().get(1) : "");
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
    int count = maps.flushConntrack(what.equals("global") ? 0 : number(what));
    session.console().line("Flushed " + count + " entries");
    return 0;
  }

  private int number(String text) {
    if (!text.matches("[0-9]{1,5}") || text.matches("0+")) {
      throw arguments.wrong("endpoint " + text + ": wanted its number");
    }
    return Integer.parseInt(text);
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

  private static String protocol(int number) {
    return Protocol.ofNumber(number)
        .map(known -> known.toString().toUpperCase(Locale.ROOT))
        .orElse(Integer.toString(number));
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

  // ---- policy ----

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
            .filter(row -> all || row.id() == number(arguments.operand()))
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

  private static String title(String word) {
    String lower = word.toLowerCase(Locale.ROOT);
    return lower.isEmpty() ? "" : Character.toUpperCase(lower.charAt(0)) + lower.substring(1);
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
