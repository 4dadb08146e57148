// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Protocol;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * The least policies that let pass what was seen to pass: one for each workload (pods of one
 * namespace with the same labels) and direction in which it was seen, with a rule for peers that
 * were asked the same ports.
 *
 * <p>Pods are named by all their labels, and by the absence of one wherever the labels of another
 * workload that was seen include them; what is outside by its address; everything else by its
 * entity. The result is the same for the same flows in any order.
 */
public final class PolicySuggestion {

  /** Most ports that one list of a rule may hold. */
  private static final int MAX_PORTS = 40;

  private static final int MAX_NAME_CHARS = 40;

  private static final String NAMESPACE = "k8s:io.kubernetes.pod.namespace";

  /** The workloads that were seen, by namespace. */
  private final Map<String, Set<Map<String, String>>> workloads = new TreeMap<>();

  private final Map<Subject, Map<Party, Set<PortProtocol>>> seen =
      new TreeMap<>(Comparator.comparing(Subject::toString));

  /** Whose policy, in which direction. */
  private record Subject(String namespace, Map<String, String> labels, TrafficDirection direction) {
    @Override
    public String toString() {
      return namespace + "/" + new TreeMap<>(labels) + "/" + direction;
    }
  }

  private PolicySuggestion(Collection<SeenFlow> flows) {
    for (SeenFlow flow : flows) {
      note(flow.from());
      note(flow.to());
      if (!flow.passed()) {
        continue;
      }
      if (flow.from() instanceof Party.Pod pod && flow.seenAt().contains(TrafficDirection.EGRESS)) {
        add(pod, TrafficDirection.EGRESS, flow.to(), flow.port());
      }
      if (flow.to() instanceof Party.Pod pod && flow.seenAt().contains(TrafficDirection.INGRESS)) {
        add(pod, TrafficDirection.INGRESS, flow.from(), flow.port());
      }
    }
  }

  private void note(Party party) {
    if (party instanceof Party.Pod pod) {
      workloads.computeIfAbsent(pod.namespace(), _ -> new HashSet<>()).add(pod.labels());
    }
  }

  private void add(Party.Pod pod, TrafficDirection direction, Party peer, PortProtocol port) {
    seen.computeIfAbsent(
            new Subject(pod.namespace(), pod.labels(), direction),
            _ -> new TreeMap<>(Comparator.comparing(PolicySuggestion::key)))
        .computeIfAbsent(
            workload(peer), _ -> new TreeSet<>(Comparator.comparing(PortProtocol::toString)))
        .add(port);
  }

  /** Pods of a workload are one, whatever account and ports they have. */
  private static Party workload(Party party) {
    return party instanceof Party.Pod pod ? Party.pod(pod.namespace(), pod.labels()) : party;
  }

  private static String key(Party party) {
    return party.getClass().getSimpleName() + " " + party;
  }

  /**
   * Policies for what was seen.
   *
   * @return objects of kind {@code CiliumNetworkPolicy} as trees, ordered by namespace and name
   */
  public static List<Map<String, Object>> of(Collection<SeenFlow> flows) {
    return new PolicySuggestion(flows).policies();
  }

  private List<Map<String, Object>> policies() {
    Map<String, Map<String, Object>> byName = new TreeMap<>();
    seen.forEach((subject, peers) -> {
      String name = name(subject);
      Map<String, Object> policy =
          byName.computeIfAbsent(subject.namespace() + "/" + name, _ -> empty(subject, name));
      @SuppressWarnings("unchecked") // As empty makes it.
      var spec = (Map<String, Object>) Objects.requireNonNull(policy.get("spec"));
      boolean egress = subject.direction() == TrafficDirection.EGRESS;
      spec.put(egress ? "egress" : "ingress", rules(subject, peers));
    });
    return List.copyOf(byName.values());
  }

  private Map<String, Object> empty(Subject subject, String name) {
    Map<String, Object> spec = new LinkedHashMap<>();
    spec.put("endpointSelector", selector(subject.namespace(), subject.labels(), ""));
    Map<String, Object> policy = new LinkedHashMap<>();
    policy.put("apiVersion", "cilium.io/v2");
    policy.put("kind", "CiliumNetworkPolicy");
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("name", name);
    metadata.put("namespace", subject.namespace());
    policy.put("metadata", metadata);
    policy.put("spec", spec);
    return policy;
  }

  /** Peers that were asked the same ports stand in one rule. */
  private List<Object> rules(Subject subject, Map<Party, Set<PortProtocol>> peers) {
    Map<String, List<Party>> together = new TreeMap<>();
    Map<String, List<PortProtocol>> ports = new TreeMap<>();
    peers.forEach((peer, all) -> {
      for (boolean icmp : new boolean[] {false, true}) {
        List<PortProtocol> some = all.stream().filter(each -> isIcmp(each) == icmp).toList();
        boolean isNeeded = subject.direction() == TrafficDirection.EGRESS || !isAlwaysIn(peer);
        if (!some.isEmpty() && isNeeded) {
          String key = kind(subject.direction(), peer) + " " + some;
          together.computeIfAbsent(key, _ -> new ArrayList<>()).add(peer);
          ports.put(key, some);
        }
      }
    });
    List<Object> rules = new ArrayList<>();
    together.forEach((key, some) -> {
      Map<String, Object> rule = new LinkedHashMap<>();
      rule.put(
          kind(subject.direction(), some.getFirst()),
          some.stream().map(peer -> peer(subject, peer)).toList());
      addPorts(rule, ports.getOrDefault(key, List.of()));
      rules.add(rule);
    });
    return rules;
  }

  /** What runs on a node reaches the pods there, whatever policy says. */
  private static boolean isAlwaysIn(Party peer) {
    return peer instanceof Party.Entity entity && entity.identity() == ReservedIdentity.HOST;
  }

  private static String kind(TrafficDirection direction, Party peer) {
    String side = direction == TrafficDirection.EGRESS ? "to" : "from";
    return side
        + switch (peer) {
          case Party.Pod _ -> "Endpoints";
          case Party.Addresses _ -> "CIDR";
          case Party.Entity _ -> "Entities";
        };
  }

  private Object peer(Subject subject, Party peer) {
    return switch (peer) {
      case Party.Pod pod ->
          selector(
              pod.namespace(),
              pod.labels(),
              pod.namespace().equals(subject.namespace()) ? "" : pod.namespace());
      case Party.Addresses addresses -> addresses.prefix().toString();
      case Party.Entity entity -> entity.toString();
    };
  }

  /**
   * Exactly one workload among those that were seen.
   *
   * @param named the namespace where it is to be said, else empty
   */
  private Map<String, Object> selector(String namespace, Map<String, String> labels, String named) {
    Map<String, Object> matched = new TreeMap<>(labels);
    if (!named.isEmpty()) {
      matched.put(NAMESPACE, named);
    }
    Set<String> absent = new TreeSet<>();
    for (Map<String, String> other : workloads.getOrDefault(namespace, Set.of())) {
      if (!other.equals(labels) && other.entrySet().containsAll(labels.entrySet())) {
        absent.add(
            other.keySet().stream()
                .filter(each -> !labels.containsKey(each))
                .min(Comparator.naturalOrder())
                .orElseThrow());
      }
    }
    Map<String, Object> selector = new LinkedHashMap<>();
    selector.put("matchLabels", matched);
    if (!absent.isEmpty()) {
      selector.put(
          "matchExpressions",
          absent.stream()
              .map(each -> new TreeMap<>(Map.of("key", each, "operator", "DoesNotExist")))
              .toList());
    }
    return selector;
  }

  private static boolean isIcmp(PortProtocol port) {
    return port.protocol() == Protocol.ICMP || port.protocol() == Protocol.ICMPV6;
  }

  private static void addPorts(Map<String, Object> rule, List<PortProtocol> ports) {
    if (isIcmp(ports.getFirst())) {
      List<Object> fields = new ArrayList<>();
      for (PortProtocol port : ports) {
        Map<String, Object> field = new LinkedHashMap<>();
        field.put("family", port.protocol() == Protocol.ICMP ? "IPv4" : "IPv6");
        field.put("type", port.port());
        fields.add(field);
      }
      rule.put("icmps", parts(fields, "fields"));
      return;
    }
    List<Object> all = new ArrayList<>();
    for (PortProtocol port : ports) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("port", Integer.toString(port.port()));
      one.put("protocol", port.protocol().toString());
      all.add(one);
    }
    rule.put("toPorts", parts(all, "ports"));
  }

  private static List<Object> parts(List<Object> all, String name) {
    List<Object> parts = new ArrayList<>();
    for (int at = 0; at < all.size(); at += MAX_PORTS) {
      parts.add(
          new TreeMap<>(
              Map.of(name, List.copyOf(all.subList(at, Math.min(all.size(), at + MAX_PORTS))))));
    }
    return parts;
  }

  /** A name that says whose it is, and that no other workload of the namespace gets. */
  private static String name(Subject subject) {
    Map<String, String> sorted = new TreeMap<>(subject.labels());
    String readable =
        sorted.values().stream()
            .map(each -> each.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-"))
            .filter(each -> !each.isEmpty())
            .collect(Collectors.joining("-"));
    String cut = readable.substring(0, Math.min(readable.length(), MAX_NAME_CHARS));
    return ("suggested-" + cut + "-").replaceAll("-+", "-")
        + "%08x".formatted(sorted.toString().hashCode());
  }
}
