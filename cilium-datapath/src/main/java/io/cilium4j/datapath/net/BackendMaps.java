// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.core.service.MaglevParameters;
import io.cilium4j.datapath.lb.MaglevTable;
import io.cilium4j.datapath.net.NodePorts.ExternalFrontend;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What frontends choose their backends from, as constant maps of nftables from a number to a
 * backend: each backend once ({@code b…}), or Maglev's table ({@code m…}).
 *
 * <p>A map is named by its content. Frontends of one protocol with the same backends share one:
 * those of a service's port at each address of the node, its external IPs and its load balancer's.
 * (A map without a name costs the kernel a look at all others, so that thousands would take it
 * minutes.)
 *
 * <p>The kernel's memory and the time to write Maglev tables are bounded: beyond {@link #MAX_SLOTS}
 * slots there is none. Which ones these are follows from their content, so that nodes with the same
 * services have the same tables.
 */
final class BackendMaps {

  /** Slots of all Maglev tables together: 1,027 tables of 1,021 slots, 64 of 16,381. */
  static final int MAX_SLOTS = 1 << 20;

  /** Of which hash of an address a client's backend follows, over restarts and on all nodes. */
  private static final int SEED = 0x6369;

  /** What makes two frontends lead to the same map. */
  private record Choice(
      Protocol protocol, LoadBalancerAlgorithm algorithm, List<Backend> backends) {
    static Choice of(ExternalFrontend frontend) {
      return new Choice(frontend.key().protocol(), frontend.algorithm(), frontend.backends());
    }

    boolean isMaglev() {
      return algorithm == LoadBalancerAlgorithm.MAGLEV;
    }
  }

  /** What a map has: a number for each of these, from 0 on. */
  private record Content(Protocol protocol, Supplier<List<Backend>> backends) {}

  private final MaglevParameters parameters;
  private final SortedMap<String, Content> tables = new TreeMap<>();
  private final SortedMap<String, Content> lists = new TreeMap<>();
  private final Map<Choice, String> names = new HashMap<>();

  /** Maglev tables that there were to be. */
  private int wanted;

  /** Those of frontends that have something to choose from. */
  BackendMaps(Collection<ExternalFrontend> frontends, MaglevParameters parameters) {
    this.parameters = parameters;
    for (ExternalFrontend each : frontends) {
      Choice choice = Choice.of(each);
      if (choice.isMaglev() && choice.backends.size() > 1 && !names.containsKey(choice)) {
        addTable(choice);
      }
    }
    wanted += tables.size();
    while (tables.size() > MAX_SLOTS / parameters.tableSize()) {
      tables.remove(tables.lastKey());
    }
    for (ExternalFrontend each : frontends) {
      Choice choice = Choice.of(each);
      if (choice.backends.size() > 1 && !hasMap(choice)) {
        String name = name("b", digest(choice.backends), choice.protocol);
        names.put(choice, name);
        lists.put(name, new Content(choice.protocol, choice::backends));
      }
    }
  }

  private void addTable(Choice choice) {
    if (choice.backends.size() > parameters.tableSize()) {
      names.put(choice, ""); // Some would have no slot.
      wanted++;
      return;
    }
    var table = new MaglevTable(choice.backends, parameters);
    String name = name("m", table.digest(), choice.protocol);
    names.put(choice, name);
    tables.put(name, new Content(choice.protocol, table::slots));
  }

  private boolean hasMap(Choice choice) {
    String name = names.getOrDefault(choice, "");
    return tables.containsKey(name) || lists.containsKey(name);
  }

  /** The program knows a map's ports as those of a protocol. */
  private static String name(String kind, String digest, Protocol protocol) {
    return kind + digest + "_" + NodePorts.text(protocol);
  }

  private static String digest(List<Backend> backends) {
    try {
      String text = backends.stream().map(Backend::toString).collect(Collectors.joining(" "));
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.US_ASCII));
      return HexFormat.of().formatHex(hash, 0, Long.BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // Every Java has it.
    }
  }

  /** Whether a frontend's backends are chosen by a Maglev table. */
  boolean hasTable(ExternalFrontend frontend) {
    return tables.containsKey(names.getOrDefault(Choice.of(frontend), ""));
  }

  /**
   * How a frontend of several backends chooses: a number, and the map that it leads into.
   *
   * @param address the program's word for the client's address
   */
  String choice(ExternalFrontend frontend, String address) {
    Choice choice = Choice.of(frontend);
    int size = hasTable(frontend) ? parameters.tableSize() : choice.backends.size();
    String number = "numgen random mod " + size;
    if (choice.isMaglev()) {
      int seed = ByteBuffer.wrap(parameters.seed()).getInt();
      String client = frontend.hasAffinity() ? address : address + " . th sport";
      number = "jhash %s mod %d seed %s".formatted(client, size, Integer.toUnsignedString(seed));
    } else if (frontend.hasAffinity()) {
      number = "jhash %s mod %d seed %d".formatted(address, size, SEED);
    }
    return number + " map @" + names.get(choice);
  }

  /** What makes each map, a line, by the map's name. */
  Map<String, Supplier<String>> definitions(String owner) {
    Map<String, Content> contents = new TreeMap<>(tables);
    contents.putAll(lists);
    Map<String, Supplier<String>> all = new TreeMap<>();
    contents.forEach(
        (name, content) -> all.put(name, () -> definition(owner + " " + name, content)));
    return all;
  }

  /** The key's type is that of a number: there is no name for it, but an expression that is one. */
  private static String definition(String map, Content content) {
    List<Backend> backends = content.backends.get();
    String address = backends.getFirst().address().isV4() ? "ip daddr" : "ip6 daddr";
    String elements =
        IntStream.range(0, backends.size())
            .mapToObj(
                i -> "%d : %s . %d".formatted(i, backends.get(i).address(), backends.get(i).port()))
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
        : ("%,d of %,d Maglev tables are not made: there is room for %,d of %,d slots, and a slot for"
                + " each backend; the clients of these services move when backends change")
            .formatted(lacking, wanted, MAX_SLOTS / parameters.tableSize(), parameters.tableSize());
  }
}
