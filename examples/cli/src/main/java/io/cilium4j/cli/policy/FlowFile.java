// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.policy;

import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonReader;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.Party;
import io.cilium4j.policy.PortProtocol;
import io.cilium4j.policy.SeenFlow;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Flows as {@code hubble observe -o json} prints them and as the agent exports them, an object of
 * JSON each.
 *
 * @param flows each once, as they were seen first
 * @param namespaces the labels of the namespaces in them
 * @param skipped how many say nothing of policies: answers, requests inside of flows, drops for
 *     other reasons, flows of which an end is not known
 */
record FlowFile(List<SeenFlow> flows, Map<String, Map<String, String>> namespaces, long skipped) {

  /** Drops of which policies are the reason. */
  private static final Set<String> POLICY_DROPS = Set.of("POLICY_DENIED", "POLICY_DENY");

  private static final String NAMESPACE = "k8s:io.kubernetes.pod.namespace=";
  private static final String NAMESPACE_LABEL = "k8s:io.cilium.k8s.namespace.labels.";
  private static final String SYSTEM_LABEL = "k8s:io.cilium.k8s.";
  private static final String KUBERNETES = "k8s:";
  private static final String RESERVED = "reserved:";

  /** What makes two flows the same. */
  private record Key(Party from, Party to, PortProtocol port, boolean passed) {}

  FlowFile {
    flows = List.copyOf(flows);
    namespaces = Map.copyOf(namespaces);
  }

  /**
   * Reads a file, or with {@code -} the standard input.
   *
   * @throws CommandException if it holds no flows
   */
  static FlowFile read(Path path, Console console) throws IOException {
    List<Json> objects;
    try {
      objects = JsonReader.parseAll(console.read(path));
    } catch (IllegalArgumentException e) {
      throw new CommandException(path + ": " + e.getMessage(), e);
    }
    Map<Key, Set<TrafficDirection>> seen = new LinkedHashMap<>();
    Map<String, Map<String, String>> namespaces = new TreeMap<>();
    long skipped = 0;
    for (Json object : objects) {
      Json flow = object.get("flow");
      if (flow.isAbsent()) {
        continue; // Of lost events and of nodes.
      }
      noteNamespace(flow.get("source"), namespaces);
      noteNamespace(flow.get("destination"), namespaces);
      Optional<Key> key = key(flow);
      if (key.isEmpty()) {
        skipped++;
        continue;
      }
      Set<TrafficDirection> at =
          seen.computeIfAbsent(key.get(), _ -> EnumSet.noneOf(TrafficDirection.class));
      if (flow.get("source", "ID").number() != 0) {
        at.add(TrafficDirection.EGRESS);
      }
      if (flow.get("destination", "ID").number() != 0) {
        at.add(TrafficDirection.INGRESS);
      }
    }
    if (seen.isEmpty() && skipped == 0) {
      throw new CommandException(
          path + ": no flows; wanted those of \"hubble observe -o json\" or of the agent's export");
    }
    List<SeenFlow> flows = new ArrayList<>();
    seen.forEach(
        (key, at) -> flows.add(new SeenFlow(key.from(), key.to(), key.port(), key.passed(), at)));
    return new FlowFile(flows, namespaces, skipped);
  }

  private static Optional<Key> key(Json flow) {
    boolean isAnswer = flow.get("is_reply").isTrue() || flow.get("reply").isTrue();
    Optional<PortProtocol> port = port(flow.get("l4"));
    Optional<Party> from = party(flow.get("source"), flow.get("IP", "source").text());
    Optional<Party> to = party(flow.get("destination"), flow.get("IP", "destination").text());
    boolean isRequest = flow.get("Type").text().equals("L7");
    if (isAnswer || isRequest || port.isEmpty() || from.isEmpty() || to.isEmpty()) {
      return Optional.empty();
    }
    return switch (flow.get("verdict").text()) {
      case "FORWARDED", "REDIRECTED", "AUDIT" ->
          Optional.of(new Key(from.get(), to.get(), port.get(), true));
      case "DROPPED" ->
          Optional.of(new Key(from.get(), to.get(), port.get(), false))
              .filter(_ -> POLICY_DROPS.contains(flow.get("drop_reason_desc").text()));
      default -> Optional.empty();
    };
  }

  private static Optional<PortProtocol> port(Json l4) {
    for (Protocol protocol : List.of(Protocol.TCP, Protocol.UDP, Protocol.SCTP)) {
      Json of = l4.get(protocol.toString());
      if (of.isPresent()) {
        return Optional.of(new PortProtocol(protocol, (int) of.get("destination_port").number()));
      }
    }
    // A type that is zero, as that of an answer, is left out.
    if (l4.get("ICMPv4").isPresent()) {
      return Optional.of(PortProtocol.icmp((int) l4.get("ICMPv4", "type").number()));
    }
    return l4.get("ICMPv6").isPresent()
        ? Optional.of(PortProtocol.icmpv6((int) l4.get("ICMPv6", "type").number()))
        : Optional.empty();
  }

  /** Who it is by its labels; what is outside by its address. */
  private static Optional<Party> party(Json end, String address) {
    List<String> labels = end.get("labels").texts();
    Optional<String> namespace =
        labels.stream()
            .filter(each -> each.startsWith(NAMESPACE))
            .map(each -> each.substring(NAMESPACE.length()))
            .findFirst();
    if (namespace.isPresent()) {
      return Optional.of(Party.pod(namespace.get(), own(labels)));
    }
    boolean isOutside =
        labels.stream()
            .anyMatch(each -> each.startsWith("cidr:") || each.startsWith("reserved:world"));
    try {
      if (isOutside) {
        return Optional.of(Party.addresses(address));
      }
      return labels.stream()
          .filter(each -> each.startsWith(RESERVED))
          .findFirst()
          .map(each -> Party.entity(each.substring(RESERVED.length())));
    } catch (IllegalArgumentException e) {
      return Optional.empty(); // Nobody that a rule could name.
    }
  }

  private static Map<String, String> own(List<String> labels) {
    Map<String, String> own = new TreeMap<>();
    for (String label : labels) {
      if (label.startsWith(KUBERNETES)
          && !label.startsWith(SYSTEM_LABEL)
          && !label.startsWith(NAMESPACE)) {
        put(own, label.substring(KUBERNETES.length()));
      }
    }
    return own;
  }

  private static void noteNamespace(Json end, Map<String, Map<String, String>> namespaces) {
    String name = end.get("namespace").text();
    if (name.isEmpty()) {
      return;
    }
    Map<String, String> labels = namespaces.computeIfAbsent(name, _ -> new TreeMap<>());
    for (String label : end.get("labels").texts()) {
      if (label.startsWith(NAMESPACE_LABEL)) {
        put(labels, label.substring(NAMESPACE_LABEL.length()));
      }
    }
  }

  private static void put(Map<String, String> labels, String label) {
    int equals = label.indexOf('=');
    labels.put(
        equals < 0 ? label : label.substring(0, equals),
        equals < 0 ? "" : label.substring(equals + 1));
  }
}
