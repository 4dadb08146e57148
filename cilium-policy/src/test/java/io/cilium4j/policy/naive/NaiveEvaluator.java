// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.naive;

import static io.cilium4j.policy.naive.LabelTexts.has;
import static io.cilium4j.policy.naive.LabelTexts.inLocalCluster;
import static io.cilium4j.policy.naive.LabelTexts.inNamespace;
import static io.cilium4j.policy.naive.LabelTexts.keys;
import static io.cilium4j.policy.naive.LabelTexts.matches;
import static io.cilium4j.policy.naive.LabelTexts.matchesInPlaces;
import static io.cilium4j.policy.naive.Trees.list;
import static io.cilium4j.policy.naive.Trees.map;
import static io.cilium4j.policy.naive.Trees.text;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * Decides flows straight from the trees of policy objects, which must be valid ones. Slow and plain
 * on purpose.
 *
 * @param policies the objects as maps and lists
 * @param identities by number
 * @param allowLocalhost whether the host reaches its pods unless denied
 * @param compat whether to answer as the reference: empty lists of DNS names, services and groups
 *     open their ports, namespaces left out leave in what has none, ICMP type 0 is every type
 * @param services what {@code toServices} may mean: {@code name}, {@code namespace}, {@code
 *     labels}, and {@code selector} or {@code backends}
 * @param always whether endpoints are restricted also without a rule
 */
public record NaiveEvaluator(
    List<Map<String, Object>> policies,
    Map<Integer, Peer> identities,
    boolean allowLocalhost,
    boolean compat,
    List<Map<String, Object>> services,
    boolean always) {

  /** An evaluator of a cluster without services. */
  public NaiveEvaluator(
      List<Map<String, Object>> policies,
      Map<Integer, Peer> identities,
      boolean allowLocalhost,
      boolean compat) {
    this(policies, identities, allowLocalhost, compat, List.of(), false);
  }

  /**
   * An identity.
   *
   * @param labels {@code source:key=value}
   * @param namedPorts TCP ports by name
   */
  public record Peer(List<String> labels, Map<String, Integer> namedPorts) {}

  /** A rule that concerns the flow's subject: its place, what it does, whether it matches. */
  private record Candidate(int tier, double priority, String action, boolean matches) {
    /** Deny before redirect before allow before pass. */
    int kind() {
      return List.of("deny", "redirect", "allow", "pass").indexOf(action);
    }
  }

  /** {@code ALLOWED}, {@code DENIED} or {@code REDIRECTED}. */
  public String decide(boolean ingress, int subject, int peer, int protocol, int port) {
    return new Flow(ingress, subject, peer, protocol, port).decide();
  }

  /** One flow, seen from one side. */
  private final class Flow {
    private final boolean ingress;
    private final int subjectId;
    private final int peerId;
    private final List<String> subject;

    /** The peer's own labels, or while these are looked at the label of its aggregate. */
    private List<String> peer;

    private boolean known;
    private Map<String, Integer> portNames;
    private final int protocol;
    private final int port;
    private final List<Candidate> candidates = new ArrayList<>();
    private boolean defaultDeny;

    Flow(boolean ingress, int subject, int peer, int protocol, int port) {
      Peer nobody = new Peer(List.of(), Map.of());
      this.ingress = ingress;
      this.subjectId = subject;
      this.peerId = peer;
      this.subject = identities.getOrDefault(subject, nobody).labels();
      this.peer = identities.getOrDefault(peer, nobody).labels();
      this.known = identities.containsKey(peer);
      this.portNames = identities.getOrDefault(ingress ? subject : peer, nobody).namedPorts();
      this.protocol = protocol;
      this.port = port;
    }

    String decide() {
      if (subjectId == 1) {
        return "ALLOWED";
      }
      look();
      if (compat && peerId >= 100) {
        // There, conditions that an aggregate meets are met by each of its identities.
        peer = List.of("reserved:aggregate-" + aggregate());
        known = true;
        portNames = ingress ? portNames : Map.of();
        look();
      }
      boolean init = has(subject, "reserved", "init");
      boolean hasRules = !candidates.isEmpty();
      if (ingress && allowLocalhost && (hasRules || !compat) && peerId == 1) {
        candidates.add(new Candidate(255, 0, "allow", true));
      }
      candidates.sort(
          Comparator.comparingInt(Candidate::tier)
              .thenComparingDouble(Candidate::priority)
              .thenComparingInt(Candidate::kind));
      int passedTier = -1;
      for (Candidate candidate : candidates) {
        if (!candidate.matches || candidate.tier == passedTier) {
          continue;
        }
        if (candidate.action.equals("pass")) {
          passedTier = candidate.tier;
          continue;
        }
        return switch (candidate.action) {
          case "deny" -> "DENIED";
          case "allow" -> "ALLOWED";
          default -> "REDIRECTED";
        };
      }
      return defaultDeny || init || always ? "DENIED" : "ALLOWED";
    }

    /** Collects the rules that are about the flow. */
    private void look() {
      for (Map<String, Object> policy : policies) {
        switch (text(policy.get("kind"))) {
          case "NetworkPolicy" -> kubernetes(policy);
          case "ClusterNetworkPolicy" -> cluster(policy);
          default -> cilium(policy);
        }
      }
    }

    private String aggregate() {
      return switch (peerId >>> 24) {
        case 1 -> "world";
        case 2 -> "remote-node";
        default -> peerId >> 16 == 0 ? "cluster" : "cluster-mesh";
      };
    }

    private boolean matchesPlaces(
        Map<?, ?> selector, String source, String prefix, List<String> labels) {
      return compat
          ? matches(selector, source, prefix, labels, List.of())
          : matchesInPlaces(selector, source, prefix, labels);
    }

    // ---- CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy

    private void cilium(Map<String, Object> policy) {
      String namespace =
          text(policy.get("kind")).equals("CiliumNetworkPolicy")
              ? text(map(policy.get("metadata")).get("namespace"))
              : "";
      List<Object> specs = new ArrayList<>(list(policy.get("specs")));
      if (policy.get("spec") != null) {
        specs.addFirst(policy.get("spec"));
      }
      for (Object each : specs) {
        Map<?, ?> spec = map(each);
        if (spec.get("endpointSelector") == null) {
          continue; // For nodes, which are no subject here.
        }
        Map<?, ?> selector = map(spec.get("endpointSelector"));
        boolean selected =
            matches(selector, "any", "", subject, List.of("k8s:io.kubernetes.pod.namespace"))
                && (namespace.isEmpty()
                    || subject.contains("k8s:io.kubernetes.pod.namespace=" + namespace));
        if (namespace.isEmpty()) {
          selected = matchesPlaces(selector, "any", "", subject);
        }
        if (selected) {
          section(spec, namespace, "deny", ingress ? "ingressDeny" : "egressDeny");
          section(spec, namespace, "allow", ingress ? "ingress" : "egress");
        }
      }
    }

    private void section(Map<?, ?> spec, String namespace, String action, String name) {
      Object deny = map(spec.get("enableDefaultDeny")).get(ingress ? "ingress" : "egress");
      for (Object each : list(spec.get(name))) {
        Map<?, ?> item = map(each);
        defaultDeny |= !Boolean.FALSE.equals(deny);
        boolean init = text(spec.get("endpointSelector")).contains("reserved:init");
        boolean peerMatches = ciliumPeers(item, namespace, init, action.equals("deny"));
        candidates.add(new Candidate(200, 0, action, false));
        List<?> toPorts = list(item.get("toPorts"));
        List<?> icmps = list(item.get("icmps"));
        if (toPorts.isEmpty() && icmps.isEmpty()) {
          candidates.add(new Candidate(200, 0, action, peerMatches));
        }
        for (Object portRule : toPorts) {
          Map<?, ?> rules = map(map(portRule).get("rules"));
          boolean redirect =
              !list(rules.get("http")).isEmpty()
                  || !list(rules.get("dns")).isEmpty()
                  || !list(map(portRule).get("serverNames")).isEmpty()
                  || map(portRule).get("listener") != null;
          boolean portMatches =
              list(map(portRule).get("ports")).stream().anyMatch(p -> ciliumPort(map(p)));
          String what = redirect && action.equals("allow") ? "redirect" : action;
          candidates.add(new Candidate(200, 0, what, peerMatches && portMatches));
        }
        for (Object icmp : icmps) {
          boolean typeMatches = list(map(icmp).get("fields")).stream().anyMatch(f -> icmp(map(f)));
          candidates.add(new Candidate(200, 0, action, peerMatches && typeMatches));
        }
      }
    }

    private boolean ciliumPeers(Map<?, ?> item, String namespace, boolean init, boolean deny) {
      String side = ingress ? "from" : "to";
      boolean hasPorts = !list(item.get("toPorts")).isEmpty() || !list(item.get("icmps")).isEmpty();
      boolean anyField = false;
      boolean anyItem = false;
      boolean opening = true;
      boolean found = false;
      for (String kind :
          List.of(
              "Endpoints", "CIDR", "CIDRSet", "Entities", "Nodes", "FQDNs", "Services", "Groups")) {
        Object field = item.get(side + kind);
        if (field == null) {
          continue;
        }
        anyField = true;
        boolean opens = compat && List.of("FQDNs", "Services", "Groups").contains(kind);
        if (list(field).isEmpty() && !opens) {
          return false; // An empty list selects nobody, whatever stands beside it.
        }
        opening &= opens;
        for (Object each : list(field)) {
          // An item of toServices counts for as much as there is behind it.
          anyItem |= !kind.equals("Services") || (!(deny && compat) && isService(map(each)));
          found |=
              switch (kind) {
                case "Endpoints" -> endpoint(map(each), namespace, init);
                case "CIDR" -> cidr(text(each), List.of());
                case "CIDRSet" -> cidrSet(map(each));
                case "Nodes" -> node(map(each));
                case "Services" -> !(deny && compat) && behindService(map(each));
                case "Entities" -> entity(text(each));
                case "FQDNs" -> {
                  Object name = map(each).get("matchName");
                  Object pattern = map(each).get("matchPattern");
                  yield peer.contains("fqdn:" + (name == null ? text(pattern) : text(name)));
                }
                default -> false;
              };
        }
      }
      if (!anyField || (!anyItem && opening)) {
        return hasPorts;
      }
      return found;
    }

    private boolean endpoint(Map<?, ?> selector, String namespace, boolean init) {
      // Labels that nobody knows are not absent labels.
      if (!known || !matchesPlaces(selector, "any", "", peer)) {
        return false;
      }
      List<String> keys = keys(selector, "any");
      if (keys.stream().anyMatch(key -> key.startsWith("reserved:"))) {
        return true;
      }
      boolean namesNamespace =
          keys.contains("any:io.kubernetes.pod.namespace")
              || keys.contains("k8s:io.kubernetes.pod.namespace");
      boolean namesLabel =
          keys.stream().anyMatch(key -> key.contains(":io.cilium.k8s.namespace.labels."));
      if (!namesNamespace) {
        if (!namespace.isEmpty() && !namesLabel && !inNamespace(peer, namespace)) {
          return false;
        }
        if (namespace.isEmpty() && !init && !has(peer, "k8s", "io.kubernetes.pod.namespace")) {
          return false;
        }
      }
      return keys.contains("any:io.cilium.k8s.policy.cluster")
          || keys.contains("k8s:io.cilium.k8s.policy.cluster")
          || inLocalCluster(peer);
    }

    private boolean node(Map<?, ?> selector) {
      return has(peer, "reserved", "remote-node")
          && inLocalCluster(peer)
          && matches(selector, "any", "", peer, List.of());
    }

    private List<Map<String, Object>> services(Map<?, ?> wanted) {
      Map<?, ?> byLabel = map(wanted.get("k8sServiceSelector"));
      Map<?, ?> byName = map(wanted.get("k8sService"));
      String namespace =
          text(byLabel.isEmpty() ? byName.get("namespace") : byLabel.get("namespace"));
      return services.stream()
          .filter(
              service -> namespace.isEmpty() || text(service.get("namespace")).equals(namespace))
          .filter(service ->
              byLabel.isEmpty()
                  ? text(service.get("name")).equals(text(byName.get("serviceName")))
                  : matches(
                      map(byLabel.get("selector")),
                      "any",
                      "",
                      map(service.get("labels")).entrySet().stream()
                          .map(label -> "k8s:" + label.getKey() + "=" + label.getValue())
                          .toList(),
                      List.of()))
          .toList();
    }

    private boolean isService(Map<?, ?> wanted) {
      return services(wanted).stream()
          .anyMatch(service ->
              !map(service.get("selector")).isEmpty() || !list(service.get("backends")).isEmpty());
    }

    private boolean behindService(Map<?, ?> wanted) {
      for (Map<String, Object> service : services(wanted)) {
        Map<?, ?> labels = map(service.get("selector"));
        boolean isPod =
            !labels.isEmpty()
                && inNamespace(peer, text(service.get("namespace")))
                && inLocalCluster(peer)
                && matches(Map.of("matchLabels", labels), "k8s", "", peer, List.of());
        boolean isAddress =
            labels.isEmpty()
                && list(service.get("backends")).stream()
                    .anyMatch(backend -> cidr(text(backend), List.of()));
        if (isPod || isAddress) {
          return true;
        }
      }
      return false;
    }

    private boolean cidrSet(Map<?, ?> set) {
      if (set.get("cidrGroupRef") == null) {
        return cidr(text(set.get("cidr")), list(set.get("except")));
      }
      return peer.stream().anyMatch(label -> label.startsWith("reserved:world"))
          && has(
              peer, "cidrgroup", "io.cilium.policy.cidrgroupname/" + text(set.get("cidrGroupRef")))
          && list(set.get("except")).stream().noneMatch(hole -> insideOf(text(hole)));
    }

    private boolean entity(String entity) {
      int scope = peerId >>> 24;
      boolean ownCluster = scope == 0 && peerId >= 100 && peerId >> 16 == 0;
      boolean node =
          List.of("host", "remote-node", "init", "ingress", "health", "unmanaged").stream()
                  .anyMatch(key -> has(peer, "reserved", key))
              || has(peer, "reserved", "kube-apiserver");
      return switch (entity) {
        case "all" -> true;
        case "world" ->
            scope == 1
                || has(peer, "reserved", "world")
                || has(peer, "reserved", "world-ipv4")
                || has(peer, "reserved", "world-ipv6");
        case "cluster" -> ownCluster || node || inLocalCluster(peer);
        case "remote-node" -> scope == 2 || has(peer, "reserved", "remote-node");
        default -> has(peer, "reserved", entity);
      };
    }

    private boolean ciliumPort(Map<?, ?> item) {
      String wanted = text(item.get("protocol")).toUpperCase(java.util.Locale.ROOT);
      boolean protocolMatches =
          switch (wanted) {
            case "", "ANY" -> protocol == 6 || protocol == 17 || protocol == 132;
            case "TCP" -> protocol == 6;
            case "UDP" -> protocol == 17;
            default -> protocol == 132;
          };
      if (!protocolMatches) {
        return false;
      }
      String text = text(item.get("port"));
      if (!text.chars().allMatch(Character::isDigit)) {
        Integer named = portNames.get(text);
        return protocol == 6 && named != null && named == port;
      }
      int first = Integer.parseInt(text);
      int end = item.get("endPort") == null ? 0 : Integer.parseInt(text(item.get("endPort")));
      return first == 0 || (first <= port && port <= Math.max(first, end));
    }

    private boolean icmp(Map<?, ?> field) {
      int wanted = text(field.get("family")).equals("IPv6") ? 58 : 1;
      int type = Integer.parseInt(text(field.get("type")));
      return protocol == wanted && (type == port || (compat && type == 0));
    }

    /** The peer's own prefix, if it has one, must be inside and in none of the holes. */
    private boolean cidr(String prefix, List<?> except) {
      String withLength =
          prefix.contains("/") ? prefix : prefix + (prefix.contains(":") ? "/128" : "/32");
      String world = prefix.contains(":") ? "world-ipv6" : "world-ipv4";
      if (!has(peer, "reserved", world)) {
        return false;
      }
      if (!withLength.endsWith("/0") && !insideOf(withLength)) {
        return false;
      }
      return except.stream().noneMatch(hole -> insideOf(text(hole)));
    }

    private boolean insideOf(String wanted) {
      for (String label : peer) {
        if (label.startsWith("cidr:")) {
          String own = label.substring(5).replace('-', ':');
          String ownBits = Bits.of(own);
          String wantedBits = Bits.of(wanted);
          if (own.contains(":") == wanted.contains(":") && ownBits.startsWith(wantedBits)) {
            return true;
          }
        }
      }
      return false;
    }

    // ---- NetworkPolicy

    private void kubernetes(Map<String, Object> policy) {
      String namespace = text(map(policy.get("metadata")).get("namespace"));
      Map<?, ?> spec = map(policy.get("spec"));
      if (!inNamespace(subject, namespace)
          || !matches(map(spec.get("podSelector")), "k8s", "", subject, List.of())) {
        return;
      }
      List<?> rules = list(spec.get(ingress ? "ingress" : "egress"));
      List<?> types = list(spec.get("policyTypes"));
      boolean named =
          ingress
              ? types.contains("Ingress") || !types.contains("Egress")
              : types.contains("Egress");
      if (rules.isEmpty() && !named) {
        return;
      }
      defaultDeny = true;
      candidates.add(new Candidate(200, 0, "allow", false));
      for (Object rule : rules) {
        List<?> peers = list(map(rule).get(ingress ? "from" : "to"));
        List<?> ports = list(map(rule).get("ports"));
        boolean peerMatches =
            peers.isEmpty() || peers.stream().anyMatch(p -> kubernetesPeer(map(p), namespace));
        boolean portMatches =
            ports.isEmpty() || ports.stream().anyMatch(p -> kubernetesPort(map(p)));
        candidates.add(new Candidate(200, 0, "allow", peerMatches && portMatches));
      }
    }

    private boolean kubernetesPeer(Map<?, ?> item, String namespace) {
      if (item.get("ipBlock") != null) {
        Map<?, ?> block = map(item.get("ipBlock"));
        return cidr(text(block.get("cidr")), list(block.get("except")));
      }
      boolean right =
          item.get("namespaceSelector") == null
              ? inNamespace(peer, namespace)
              : known && namespaceMatches(map(item.get("namespaceSelector")), peer);
      return right
          && matches(map(item.get("podSelector")), "k8s", "", peer, List.of())
          && inLocalCluster(peer);
    }

    private boolean kubernetesPort(Map<?, ?> item) {
      String wanted = item.get("protocol") == null ? "TCP" : text(item.get("protocol"));
      Object number = item.get("port");
      Map<String, Object> same = new java.util.HashMap<>();
      same.put("protocol", wanted);
      same.put("port", number == null ? "0" : text(number));
      same.put("endPort", item.get("endPort") == null ? 0 : item.get("endPort"));
      return ciliumPort(same);
    }

    // ---- ClusterNetworkPolicy

    private void cluster(Map<String, Object> policy) {
      Map<?, ?> spec = map(policy.get("spec"));
      if (!clusterPeer(map(spec.get("subject")), subject, false)) {
        return;
      }
      int tier = text(spec.get("tier")).equals("Admin") ? 100 : 250;
      List<?> rules = list(spec.get(ingress ? "ingress" : "egress"));
      for (int i = 0; i < rules.size(); i++) {
        Map<?, ?> rule = map(rules.get(i));
        List<?> peers = list(rule.get(ingress ? "from" : "to"));
        List<?> protocols = list(rule.get("protocols"));
        String action =
            switch (text(rule.get("action"))) {
              case "Accept" -> "allow";
              case "Deny" -> "deny";
              default -> "pass";
            };
        boolean matches =
            (peers.isEmpty() || peers.stream().anyMatch(p -> clusterPeer(map(p), peer, true)))
                && (protocols.isEmpty() || protocols.stream().anyMatch(p -> clusterPort(map(p))));
        double priority = Integer.parseInt(text(spec.get("priority"))) + i / 100.0;
        candidates.add(new Candidate(tier, priority, action, matches));
      }
    }

    private boolean clusterPeer(Map<?, ?> item, List<String> labels, boolean local) {
      if (local && !known && item.get("networks") == null) {
        return false;
      }
      if (item.get("namespaces") != null) {
        return namespaceMatches(map(item.get("namespaces")), labels);
      }
      if (item.get("pods") != null) {
        Map<?, ?> pods = map(item.get("pods"));
        return namespaceMatches(map(pods.get("namespaceSelector")), labels)
            && matches(map(pods.get("podSelector")), "k8s", "", labels, List.of())
            && (!local || inLocalCluster(labels));
      }
      return list(item.get("networks")).stream().anyMatch(net -> cidr(text(net), List.of()));
    }

    private boolean namespaceMatches(Map<?, ?> selector, List<String> labels) {
      return keys(selector, "k8s").isEmpty()
          ? has(labels, "k8s", "io.kubernetes.pod.namespace")
          : matchesPlaces(selector, "k8s", "io.cilium.k8s.namespace.labels.", labels);
    }

    private boolean clusterPort(Map<?, ?> item) {
      for (String name : List.of("tcp", "udp", "sctp")) {
        if (item.get(name) != null) {
          Map<?, ?> wanted = map(map(item.get(name)).get("destinationPort"));
          Map<?, ?> range = map(wanted.get("range"));
          Map<String, Object> same = new java.util.HashMap<>();
          same.put("protocol", name);
          same.put(
              "port",
              wanted.isEmpty()
                  ? "0"
                  : text(range.isEmpty() ? wanted.get("number") : range.get("start")));
          same.put("endPort", range.isEmpty() ? 0 : range.get("end"));
          return ciliumPort(same);
        }
      }
      Integer named = portNames.get(text(item.get("destinationNamedPort")));
      return protocol == 6 && named != null && named == port;
    }
  }
}
