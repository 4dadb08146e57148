// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.naive;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * Random identities and valid policies, made of small pools so that rules meet: few labels, nested
 * prefixes, overlapping ranges of ports, lists that are empty, sections that deny.
 */
public final class RandomWorld {
  private static final List<String> APPS = List.of("a", "b", "c");
  private static final List<String> NAMESPACES = List.of("default", "other");
  private static final List<String> PREFIXES =
      List.of(
          "0.0.0.0/0",
          "10.0.0.0/8",
          "10.1.0.0/16",
          "10.1.1.1/32",
          "10.1.2.0/24",
          "::/0",
          "2001:db8::/32",
          "2001:db8::1/128");

  /** How much of the language the policies speak. */
  public enum Range {
    /** What needs nothing but identities, so that any datapath can be held against it. */
    IDENTITIES,
    /** All of it: services, groups, nodes, server names, listeners, authentication, DNS. */
    EVERYTHING
  }

  private static final List<String> GROUPS = List.of("corp", "nobodys");

  private final Random random;
  private final boolean l7;
  private final boolean everything;

  /** A world of this seed, of identities alone. */
  public RandomWorld(long seed) {
    this(seed, Range.IDENTITIES);
  }

  /** A world of this seed. */
  public RandomWorld(long seed, Range range) {
    this.random = new Random(seed);
    this.l7 = random.nextBoolean();
    this.everything = range == Range.EVERYTHING;
  }

  /** Services by pods and by addresses, as {@link NaiveEvaluator} takes them. */
  public List<Map<String, Object>> services() {
    return List.of(
        Map.of(
            "namespace",
            "default",
            "name",
            "pods",
            "labels",
            Map.of("kind", "in"),
            "selector",
            Map.of("app", pick(APPS))),
        Map.of(
            "namespace",
            "other",
            "name",
            "pods",
            "labels",
            Map.of("kind", "in"),
            "selector",
            Map.of("app", "b")),
        Map.of(
            "namespace",
            "default",
            "name",
            "addresses",
            "labels",
            Map.of("kind", "out"),
            "backends",
            List.of("10.1.1.1", "2001:db8::1")),
        Map.of("namespace", "default", "name", "empty", "labels", Map.of("kind", "none")));
  }

  private <T> T pick(List<T> items) {
    return items.get(random.nextInt(items.size()));
  }

  private boolean chance(int percent) {
    return random.nextInt(100) < percent;
  }

  private <T> List<T> several(int max, Supplier<T> maker) {
    List<T> items = new ArrayList<>();
    int count = 1 + random.nextInt(max);
    for (int i = 0; i < count; i++) {
      items.add(maker.get());
    }
    return items;
  }

  /** Reserved, pods, prefixes of both families, a DNS name. */
  public Map<Integer, NaiveEvaluator.Peer> identities() {
    Map<Integer, NaiveEvaluator.Peer> all = new TreeMap<>();
    List<String> reserved =
        List.of(
            "host",
            "world",
            "unmanaged",
            "health",
            "init",
            "remote-node",
            "kube-apiserver",
            "ingress",
            "world-ipv4",
            "world-ipv6");
    for (int i = 0; i < reserved.size(); i++) {
      List<String> labels = new ArrayList<>(List.of("reserved:" + reserved.get(i)));
      if (reserved.get(i).equals("kube-apiserver")) {
        labels.add("reserved:remote-node");
      }
      all.put(i + 1, new NaiveEvaluator.Peer(labels, Map.of()));
    }
    int id = 1000;
    for (String namespace : NAMESPACES) {
      for (String app : APPS) {
        List<String> labels = new ArrayList<>();
        labels.add("k8s:app=" + app);
        labels.add("k8s:io.kubernetes.pod.namespace=" + namespace);
        labels.add("k8s:io.cilium.k8s.namespace.labels.name=" + namespace);
        boolean labelled = chance(90);
        if (labelled) {
          labels.add("k8s:io.cilium.k8s.policy.cluster=default");
        }
        if (chance(50)) {
          labels.add("k8s:tier=" + pick(APPS));
        }
        Map<String, Integer> ports = new TreeMap<>();
        // The entity "cluster" selects one without the label by its aggregate alone, which has no
        // named ports; no such pod exists, and the evaluator does not tell the two ways apart.
        if (labelled && chance(60)) {
          ports.put("web", pick(List.of(80, 8080)));
        }
        all.put(id++, new NaiveEvaluator.Peer(labels, ports));
      }
    }
    int local = 1 << 24;
    for (String prefix : PREFIXES) {
      String world = prefix.contains(":") ? "reserved:world-ipv6" : "reserved:world-ipv4";
      if (!prefix.endsWith("/0")) {
        List<String> labels = new ArrayList<>(List.of(label(prefix), world));
        if (everything && prefix.startsWith("10.1.")) {
          labels.add("cidrgroup:io.cilium.policy.cidrgroupname/corp");
        }
        all.put(++local, new NaiveEvaluator.Peer(labels, Map.of()));
      }
    }
    if (everything) {
      List<String> labels =
          List.of(
              "reserved:remote-node",
              "node:zone=" + pick(APPS),
              "k8s:io.cilium.k8s.policy.cluster=" + pick(List.of("default", "far")));
      all.put((2 << 24) + 1, new NaiveEvaluator.Peer(labels, Map.of()));
    }
    all.put(
        ++local,
        new NaiveEvaluator.Peer(List.of("fqdn:a.example", "reserved:world-ipv4"), Map.of()));
    return all;
  }

  private static String label(String prefix) {
    String key = prefix.contains(":") ? prefix.replace(':', '-').replace("-/", "-0/") : prefix;
    return "cidr:" + key;
  }

  /** Some policies of every kind. */
  public List<Map<String, Object>> policies() {
    List<Map<String, Object>> all = new ArrayList<>();
    int count = 1 + random.nextInt(5);
    for (int i = 0; i < count; i++) {
      String name = "p" + i;
      all.add(
          switch (random.nextInt(10)) {
            case 0, 1 -> network(name);
            case 2, 3, 4 -> cluster(name);
            case 5 -> cilium("CiliumClusterwideNetworkPolicy", name, "");
            default -> cilium("CiliumNetworkPolicy", name, pick(NAMESPACES));
          });
    }
    return all;
  }

  private static Map<String, Object> object(
      String version, String kind, String name, String namespace, Map<String, Object> spec) {
    Map<String, Object> metadata = new TreeMap<>(Map.of("name", name));
    if (!namespace.isEmpty()) {
      metadata.put("namespace", namespace);
    }
    return Map.of("apiVersion", version, "kind", kind, "metadata", metadata, "spec", spec);
  }

  private Map<String, Object> selector(boolean sources) {
    Map<String, Object> selector = new TreeMap<>();
    if (chance(50)) {
      selector.put("matchLabels", Map.of(key(sources), pick(APPS)));
    }
    if (chance(30)) {
      boolean values = chance(50);
      Map<String, Object> expression = new TreeMap<>();
      expression.put("key", key(sources));
      expression.put(
          "operator",
          values ? pick(List.of("In", "NotIn")) : pick(List.of("Exists", "DoesNotExist")));
      if (values) {
        expression.put("values", several(2, () -> pick(APPS)));
      }
      selector.put("matchExpressions", List.of(expression));
    }
    return selector;
  }

  private String key(boolean sources) {
    return !sources || chance(70)
        ? pick(List.of("app", "tier"))
        : pick(
            List.of(
                "k8s:app",
                "any:tier",
                "reserved:health",
                "io.kubernetes.pod.namespace",
                "k8s:io.cilium.k8s.namespace.labels.name"));
  }

  /** A selector that only leaves out namespaces, clusters, or both. */
  private Map<String, Object> leavingOut() {
    List<Map<String, Object>> expressions = new ArrayList<>();
    if (chance(80)) {
      String key =
          pick(List.of("io.kubernetes.pod.namespace", "io.cilium.k8s.namespace.labels.name"));
      String source = pick(List.of("", "k8s:", "any:"));
      expressions.add(
          Map.of("key", source + key, "operator", "NotIn", "values", List.of(pick(NAMESPACES))));
    }
    if (expressions.isEmpty() || chance(60)) {
      expressions.add(
          Map.of(
              "key",
              "io.cilium.k8s.policy.cluster",
              "operator",
              "NotIn",
              "values",
              List.of("elsewhere")));
    }
    return Map.of("matchExpressions", expressions);
  }

  private Map<String, Object> cilium(String kind, String name, String namespace) {
    Map<String, Object> spec = new LinkedHashMap<>();
    spec.put("endpointSelector", chance(10) ? leavingOut() : selector(true));
    for (String section : List.of("ingress", "ingressDeny", "egress", "egressDeny")) {
      if (chance(section.endsWith("Deny") ? 30 : 60)) {
        spec.put(section, several(3, () -> item(section)));
      }
    }
    if (spec.size() == 1) {
      spec.put("ingress", List.of(Map.of()));
    }
    if (chance(25)) {
      spec.put("enableDefaultDeny", Map.of(pick(List.of("ingress", "egress")), chance(30)));
    }
    return object("cilium.io/v2", kind, name, namespace, spec);
  }

  private Map<String, Object> item(String section) {
    Map<String, Object> item = new LinkedHashMap<>();
    boolean ingress = section.startsWith("ingress");
    boolean deny = section.endsWith("Deny");
    String side = ingress ? "from" : "to";
    if (everything && chance(35)) {
      strangePeers(item, side);
      return ports(item, deny);
    }
    switch (random.nextInt(8)) {
      case 0, 1, 2 ->
          item.put(
              side + "Endpoints", maybeEmpty(() -> chance(20) ? leavingOut() : selector(true)));
      case 3 -> item.put(side + "CIDR", maybeEmpty(() -> pick(PREFIXES)));
      case 4 -> item.put(side + "CIDRSet", maybeEmpty(this::cidrSet));
      case 5 ->
          item.put(
              side + "Entities",
              maybeEmpty(() ->
                  pick(
                      List.of(
                          "all",
                          "world",
                          "cluster",
                          "host",
                          "remote-node",
                          "health",
                          "kube-apiserver",
                          "none"))));
      case 6 -> {
        if (!ingress && !deny) {
          item.put("toFQDNs", maybeEmpty(() -> Map.of("matchName", "a.example")));
        }
      }
      default -> {
        // No peer field at all.
      }
    }
    return ports(item, deny);
  }

  private Map<String, Object> ports(Map<String, Object> item, boolean deny) {
    if (chance(15)) {
      item.put("icmps", List.of(Map.of("fields", several(2, this::icmp))));
    } else if (chance(60)) {
      item.put("toPorts", several(2, () -> ports(deny)));
    }
    if (everything && !deny && chance(10)) {
      item.put("authentication", Map.of("mode", "required"));
    }
    return item;
  }

  /** Peers that are more than identities and prefixes. */
  private void strangePeers(Map<String, Object> item, String side) {
    boolean egress = side.equals("to");
    switch (random.nextInt(egress ? 4 : 3)) {
      case 0 ->
          item.put(
              side + "Nodes",
              maybeEmpty(() ->
                  chance(50)
                      ? Map.<String, Object>of()
                      : Map.<String, Object>of("matchLabels", Map.of("node:zone", pick(APPS)))));
      case 1 -> {
        Map<String, Object> set = new TreeMap<>(Map.of("cidrGroupRef", pick(GROUPS)));
        if (chance(40)) {
          set.put("except", List.of(pick(PREFIXES.subList(2, 5))));
        }
        item.put(side + "CIDRSet", List.of(set));
      }
      case 2 -> item.put(side + "Groups", List.of());
      default -> item.put("toServices", maybeEmpty(this::service));
    }
  }

  private Map<String, Object> service() {
    if (chance(50)) {
      Map<String, Object> named = new TreeMap<>();
      named.put("serviceName", pick(List.of("pods", "addresses", "empty", "nonsense")));
      if (chance(50)) {
        named.put("namespace", pick(NAMESPACES));
      }
      return Map.of("k8sService", named);
    }
    Map<String, Object> wanted = Map.of("kind", pick(List.of("in", "out", "none")));
    return Map.of("k8sServiceSelector", Map.of("selector", Map.of("matchLabels", wanted)));
  }

  private <T> List<T> maybeEmpty(Supplier<T> maker) {
    return chance(10) ? List.of() : several(2, maker);
  }

  private Map<String, Object> cidrSet() {
    return chance(50)
        ? Map.of("cidr", "10.0.0.0/8", "except", several(2, () -> pick(PREFIXES.subList(2, 5))))
        : Map.of("cidr", pick(PREFIXES));
  }

  private Map<String, Object> icmp() {
    return Map.of("family", pick(List.of("IPv4", "IPv6")), "type", pick(List.of(0, 8, 128)));
  }

  private Map<String, Object> ports(boolean deny) {
    Map<String, Object> ports = new LinkedHashMap<>();
    if (everything && l7 && !deny && chance(20)) {
      // Each kind of proxy has ports of its own here: two of a kind never contradict each other.
      if (chance(50)) {
        ports.put("ports", List.of(Map.of("port", "443", "protocol", "TCP")));
        ports.put("serverNames", List.of("a.example"));
      } else {
        ports.put("ports", List.of(Map.of("port", "444", "protocol", "ANY")));
        ports.put("serverNames", List.of("*.example"));
      }
    } else if (l7 && !deny && chance(30)) {
      ports.put("ports", List.of(Map.of("port", pick(List.of("80", "web")), "protocol", "TCP")));
      ports.put("rules", Map.of("http", List.of(Map.of("method", "GET"))));
    } else {
      ports.put("ports", several(2, this::port));
    }
    return ports;
  }

  private Map<String, Object> port() {
    Map<String, Object> port = new TreeMap<>();
    port.put("port", pick(List.of("80", "80", "64", "8080", "0", "web", "1", "7")));
    if (chance(30)) {
      port.put("endPort", pick(List.of(90, 127, 8081, 65535)));
    }
    if (chance(80)) {
      port.put("protocol", pick(List.of("TCP", "TCP", "UDP", "ANY", "SCTP")));
    }
    return port;
  }

  private Map<String, Object> network(String name) {
    Map<String, Object> spec = new LinkedHashMap<>();
    spec.put("podSelector", selector(false));
    for (String section : List.of("ingress", "egress")) {
      if (chance(60)) {
        spec.put(section, several(2, () -> networkRule(section.equals("ingress"))));
      }
    }
    if (chance(70)) {
      spec.put("policyTypes", several(2, () -> pick(List.of("Ingress", "Egress"))));
    }
    return object("networking.k8s.io/v1", "NetworkPolicy", name, pick(NAMESPACES), spec);
  }

  private Map<String, Object> networkRule(boolean ingress) {
    Map<String, Object> rule = new LinkedHashMap<>();
    if (chance(80)) {
      rule.put(ingress ? "from" : "to", several(2, this::networkPeer));
    }
    if (chance(60)) {
      rule.put("ports", several(2, this::networkPort));
    }
    return rule;
  }

  private Map<String, Object> networkPeer() {
    if (chance(25)) {
      return Map.of("ipBlock", cidrSet());
    }
    Map<String, Object> peer = new LinkedHashMap<>();
    if (chance(70)) {
      peer.put("podSelector", selector(false));
    }
    if (chance(50)) {
      peer.put("namespaceSelector", namespaces());
    }
    return peer;
  }

  private Map<String, Object> namespaces() {
    return switch (random.nextInt(5)) {
      case 0, 1 -> Map.of();
      case 2, 3 -> Map.of("matchLabels", Map.of("name", pick(NAMESPACES)));
      default -> {
        boolean values = chance(50);
        Map<String, Object> expression = new TreeMap<>();
        expression.put("key", values ? "name" : "quarantine");
        expression.put("operator", values ? "NotIn" : "DoesNotExist");
        if (values) {
          expression.put("values", List.of(pick(NAMESPACES)));
        }
        yield Map.of("matchExpressions", List.of(expression));
      }
    };
  }

  private Map<String, Object> networkPort() {
    Map<String, Object> port = new TreeMap<>();
    if (chance(70)) {
      port.put("protocol", pick(List.of("TCP", "UDP")));
    }
    if (chance(70)) {
      port.put("port", chance(20) ? "web" : (Object) pick(List.of(80, 64, 8080)));
      if (port.get("port") instanceof Integer && chance(30)) {
        port.put("endPort", 8081);
      }
    }
    return port;
  }

  private Map<String, Object> cluster(String name) {
    Map<String, Object> spec = new LinkedHashMap<>();
    spec.put("tier", pick(List.of("Admin", "Baseline")));
    spec.put("priority", random.nextInt(3));
    spec.put(
        "subject",
        chance(50)
            ? Map.of("namespaces", namespaces())
            : Map.of(
                "pods", Map.of("namespaceSelector", namespaces(), "podSelector", selector(false))));
    for (String section : List.of("ingress", "egress")) {
      if (chance(70)) {
        spec.put(section, several(3, () -> clusterRule(section.equals("ingress"))));
      }
    }
    return object("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", name, "", spec);
  }

  private Map<String, Object> clusterRule(boolean ingress) {
    Map<String, Object> rule = new LinkedHashMap<>();
    rule.put("action", pick(List.of("Accept", "Deny", "Pass")));
    if (chance(80)) {
      rule.put(ingress ? "from" : "to", several(2, () -> clusterPeer(ingress)));
    }
    if (chance(50)) {
      rule.put("protocols", several(2, this::clusterPort));
    }
    return rule;
  }

  private Map<String, Object> clusterPeer(boolean ingress) {
    return switch (random.nextInt(ingress ? 2 : 3)) {
      case 0 -> Map.of("namespaces", namespaces());
      case 1 ->
          Map.of("pods", Map.of("namespaceSelector", namespaces(), "podSelector", selector(false)));
      default -> Map.of("networks", several(2, () -> pick(PREFIXES)));
    };
  }

  private Map<String, Object> clusterPort() {
    return switch (random.nextInt(4)) {
      case 0 -> Map.of("tcp", Map.of("destinationPort", Map.of("number", 80)));
      case 1 ->
          Map.of(
              "tcp", Map.of("destinationPort", Map.of("range", Map.of("start", 64, "end", 8080))));
      case 2 -> Map.of("udp", Map.of("destinationPort", Map.of("number", 80)));
      default -> Map.of("destinationNamedPort", "web");
    };
  }
}
