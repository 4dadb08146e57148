// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.api.ApiClient;
import io.cilium4j.api.ApiJson;
import io.cilium4j.api.model.AddressPair;
import io.cilium4j.api.model.Endpoint;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.datapath.ebpf.MapDump;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Netlink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Everything that an eBPF instance has of its endpoints, in the kernel, in its files and in its
 * memory: each kind of thing by name, as text. What is found must equal what follows from the list
 * of endpoints; so nothing of an endpoint is missing, and nothing is there of what is none.
 *
 * @param things what there is of each kind
 */
record Inventory(Map<String, Set<String>> things) {

  /** What an agent with these endpoints must have. */
  static Inventory expected(Lab lab, Collection<Endpoint> endpoints) throws IOException {
    var names = new InstanceNames(lab.instance());
    Map<String, Set<String>> things = new TreeMap<>();
    Set<String> allocations = of(things, "allocation");
    allocations.addAll(reserved(lab));
    of(things, "link pin").addAll(List.of(names.netDevice(), names.proxyDevice()));
    of(things, "manifest").addAll(List.of(names.hostDevice(), names.proxyDevice()));
    for (IpAddress router : lab.routers()) {
      of(things, "ipcache").add(IpPrefix.host(router) + " " + ReservedIdentity.HOST.id());
    }
    for (String kind : List.of("row", "lxc", "route", "state file", "policy without a row")) {
      var _ = of(things, kind);
    }
    for (Endpoint each : endpoints) {
      var status = Objects.requireNonNull(each.status());
      long identity = Objects.requireNonNull(status.identity()).id();
      var networking = Objects.requireNonNull(status.networking());
      of(things, "row").add(each.id() + " " + networking.interfaceIndex() + " " + identity);
      of(things, "link pin").add(networking.interfaceName());
      of(things, "manifest").add(networking.interfaceName());
      of(things, "state file").add(each.id() + ".json");
      for (IpAddress address : addresses(each)) {
        of(things, "lxc").add(address + " " + networking.interfaceIndex());
        of(things, "ipcache").add(IpPrefix.host(address) + " " + identity);
        of(things, "route").add(address.toString());
        allocations.add(address.toString());
      }
    }
    return new Inventory(things);
  }

  /** The addresses that come back by themselves, as a client took them that was cut off. */
  private static Set<String> reserved(Lab lab) throws IOException {
    Path folder = lab.state().resolve("specs/addresses");
    Set<String> reserved = new TreeSet<>();
    if (Files.exists(folder)) {
      for (String name : files(folder)) {
        var held = ApiJson.mapper().readTree(Files.readString(folder.resolve(name)));
        if (!held.path("until").asString("").isEmpty()) {
          reserved.add(held.path("address").asString(""));
        }
      }
    }
    return reserved;
  }

  /** The addresses of an endpoint. */
  static List<IpAddress> addresses(Endpoint endpoint) {
    List<IpAddress> addresses = new ArrayList<>();
    for (AddressPair pair :
        Objects.requireNonNull(Objects.requireNonNull(endpoint.status()).networking())
            .addressing()) {
      addresses.add(IpAddress.parse(pair.ipv4()));
      addresses.add(IpAddress.parse(pair.ipv6()));
    }
    return addresses;
  }

  /** What is there now. */
  static Inventory found(Lab lab, ApiClient client) throws IOException {
    var names = new InstanceNames(lab.instance());
    var dump = MapDump.of(lab.instance());
    Map<String, Set<String>> things = new TreeMap<>();
    Set<Integer> used = new TreeSet<>();
    Set<String> rows = of(things, "row");
    for (MapDump.EndpointRow row : dump.endpoints()) {
      rows.add(row.id() + " " + row.ifindex() + " " + row.identity());
      used.add(row.policy());
    }
    Set<String> lxc = of(things, "lxc");
    dump.addresses().forEach((address, ifindex) -> lxc.add(address + " " + ifindex));
    Set<String> ipcache = of(things, "ipcache");
    dump.ipcache().stream()
        .filter(row -> lab.isOfPods(row.prefix()))
        .forEach(row -> ipcache.add(row.prefix() + " " + row.identity()));
    Set<String> policies = of(things, "policy without a row");
    dump.policies().keySet().stream()
        .filter(number -> !used.contains(number))
        .forEach(number -> policies.add(number.toString()));
    of(things, "link pin").addAll(files(dump.folder().resolve("links")));
    of(things, "state file").addAll(files(lab.state().resolve("endpoints")));
    of(things, "manifest").addAll(manifest(lab.state().resolve("datapath/ebpf-devices")));
    Set<String> routes = of(things, "route");
    try (Netlink node = Netlink.open()) {
      int host = node.linkByName(names.hostDevice()).orElseThrow().index();
      node.listRoutes(host).stream()
          .map(route -> route.destination())
          .filter(prefix -> prefix.isHost() && lab.isOfPods(prefix))
          .map(IpPrefix::address)
          .filter(address -> !lab.routers().contains(address))
          .forEach(address -> routes.add(address.toString()));
    }
    of(things, "allocation")
        .addAll(
            Objects.requireNonNull(client.get("/healthz", StatusResponse.class).ipam())
                .allocations()
                .keySet());
    return new Inventory(things);
  }

  private static Set<String> of(Map<String, Set<String>> things, String kind) {
    return things.computeIfAbsent(kind, _ -> new TreeSet<>());
  }

  private static Set<String> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> Objects.requireNonNull(file.getFileName()).toString())
          .collect(Collectors.toSet());
    }
  }

  private static Set<String> manifest(Path file) throws IOException {
    return Files.readAllLines(file).stream()
        .map(line -> line.split(" ", 2)[0])
        .collect(Collectors.toSet());
  }

  /** What is here and not there, a line a kind. */
  String without(Inventory other) {
    var text = new StringBuilder();
    things.forEach((kind, mine) -> {
      var surplus = new TreeSet<>(mine);
      surplus.removeAll(other.things.getOrDefault(kind, Set.of()));
      if (!surplus.isEmpty()) {
        text.append("\n  ").append(kind).append(": ").append(surplus);
      }
    });
    return text.toString();
  }
}
