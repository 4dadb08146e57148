// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.core.service.MaglevParameters;
import io.cilium4j.datapath.lb.MaglevTable;
import io.cilium4j.datapath.net.NodePorts.ExternalFrontend;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The Maglev tables of frontends as constant maps of nftables, from a slot to a backend. Frontends
 * of one protocol with the same backends share one: those of a service's port at each address of
 * the node, its external IPs and its load balancer's.
 *
 * <p>The kernel's memory and the time to write them are bounded: beyond {@link #MAX_SLOTS} slots
 * there is no table. Which ones these are follows from the tables' content, so that nodes with the
 * same services have the same tables.
 */
final class MaglevMaps {

  /** Slots of all tables together: 1,027 tables of 1,021 slots, 64 of 16,381. */
  static final int MAX_SLOTS = 1 << 20;

  /** What makes two frontends lead to the same map. */
  private record Choice(Protocol protocol, List<Backend> backends) {
    static Choice of(ExternalFrontend frontend) {
      return new Choice(frontend.key().protocol(), frontend.backends());
    }
  }

  private record Content(Protocol protocol, MaglevTable table) {}

  private final MaglevParameters parameters;
  private final SortedMap<String, Content> tables = new TreeMap<>();
  private final Map<Choice, String> names = new HashMap<>();

  /** Sets of backends that were to have a table. */
  private int wanted;

  /** Those of frontends that want one and have something to choose from. */
  MaglevMaps(Collection<ExternalFrontend> frontends, MaglevParameters parameters) {
    this.parameters = parameters;
    for (ExternalFrontend each : frontends) {
      if (isWantedFor(each) && !names.containsKey(Choice.of(each))) {
        add(Choice.of(each));
      }
    }
    wanted += tables.size();
    while (tables.size() > MAX_SLOTS / parameters.tableSize()) {
      tables.remove(tables.lastKey());
    }
  }

  private static boolean isWantedFor(ExternalFrontend frontend) {
    return frontend.algorithm() == LoadBalancerAlgorithm.MAGLEV && frontend.backends().size() > 1;
  }

  private void add(Choice choice) {
    if (choice.backends.size() > parameters.tableSize()) {
      names.put(choice, ""); // Some would have no slot.
      wanted++;
      return;
    }
    var table = new MaglevTable(choice.backends, parameters);
    // The program knows a map's ports as those of a protocol.
    String name = "m" + table.digest() + "_" + NodePorts.text(choice.protocol);
    names.put(choice, name);
    tables.put(name, new Content(choice.protocol, table));
  }

  /** The name of the map that says which backend a slot has; empty where there is no table. */
  Optional<String> name(ExternalFrontend frontend) {
    return Optional.ofNullable(names.get(Choice.of(frontend))).filter(tables::containsKey);
  }

  /** The number of a client among so many slots: the same on all nodes. */
  String choice(String client, int count) {
    int seed = ByteBuffer.wrap(parameters.seed()).getInt();
    return "jhash %s mod %d seed %s".formatted(client, count, Integer.toUnsignedString(seed));
  }

  /** Slots of each table. */
  int tableSize() {
    return parameters.tableSize();
  }

  /** What makes each map, a line, by the map's name. */
  Map<String, Supplier<String>> definitions(String owner) {
    Map<String, Supplier<String>> all = new TreeMap<>();
    tables.forEach((name, content) -> all.put(name, () -> definition(owner + " " + name, content)));
    return all;
  }

  /** The key's type is that of a number: there is no name for it, but an expression that is one. */
  private static String definition(String map, Content content) {
    List<Backend> slots = content.table.slots();
    String address = slots.getFirst().address().isV4() ? "ip daddr" : "ip6 daddr";
    String elements =
        IntStream.range(0, slots.size())
            .mapToObj(i -> NodePorts.mapping(i, slots.get(i)))
            .collect(Collectors.joining(", "));
    return ("add map %s { typeof numgen inc mod 2 : %s . %s dport; flags constant;"
            + " elements = { %s } }\n")
        .formatted(map, address, NodePorts.text(content.protocol), elements);
  }

  /** What cannot be as it is wanted, in a line for people; empty if all can. */
  String problem() {
    int lacking = wanted - tables.size();
    return lacking == 0
        ? ""
        : ("%,d of %,d Maglev tables are not made: there is room for %,d of %,d slots, and a slot"
                + " for each backend; the clients of these services move when backends change")
            .formatted(lacking, wanted, MAX_SLOTS / parameters.tableSize(), parameters.tableSize());
  }
}
