// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.L7Rules;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.Requirement.Operator;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.policy.CiliumPolicy.Item;
import io.cilium4j.policy.CiliumPolicy.Rule;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes policy objects as JSON that {@link PolicyParser} reads back to equal ones. What is absent
 * stays absent, and what is empty stays empty.
 */
public final class PolicyWriter {
  private PolicyWriter() {}

  /** The object as JSON on one line. */
  public static String toJson(PolicyResource policy) {
    return JsonWriter.write(toTree(policy));
  }

  /** The object as a tree, of which the JSON would be read: a map; a list for plain rules. */
  public static Object toTree(PolicyResource policy) {
    if (policy instanceof CiliumPolicy rules && rules.resource().isPlainRules()) {
      return rules.rules().stream().map(PolicyWriter::rule).toList();
    }
    return tree(policy);
  }

  /** A map in the making that leaves out what is absent. */
  private static final class Tree {
    private final Map<String, Object> fields = new LinkedHashMap<>();

    Tree put(String name, @Nullable Object value) {
      if (value != null) {
        fields.put(name, value);
      }
      return this;
    }

    Tree putUnlessEmpty(String name, Object value) {
      boolean empty =
          switch (value) {
            case String text -> text.isEmpty();
            case Collection<?> items -> items.isEmpty();
            case Map<?, ?> map -> map.isEmpty();
            default -> false;
          };
      return empty ? this : put(name, value);
    }
  }

  private static Map<String, Object> tree(PolicyResource policy) {
    ResourceName resource = policy.resource();
    var metadata = new Tree().put("name", resource.name());
    metadata.putUnlessEmpty("namespace", resource.namespace());
    var object = new Tree().put("apiVersion", apiVersion(policy)).put("kind", resource.kind());
    object.put("metadata", metadata.fields);
    switch (policy) {
      case CiliumPolicy cilium -> rules(cilium, object);
      case NetworkPolicy network -> object.put("spec", network(network));
      case ClusterNetworkPolicy cluster -> object.put("spec", cluster(cluster));
      case CidrGroup group -> {
        metadata.putUnlessEmpty("labels", group.labels());
        object.put("spec", Map.of("externalCIDRs", texts(group.prefixes())));
      }
    }
    return object.fields;
  }

  private static String apiVersion(PolicyResource policy) {
    return switch (policy) {
      case CiliumPolicy c -> "cilium.io/v2";
      case CidrGroup g -> "cilium.io/v2";
      case NetworkPolicy n -> "networking.k8s.io/v1";
      case ClusterNetworkPolicy c -> "policy.networking.k8s.io/v1alpha2";
    };
  }

  private static List<String> texts(List<?> items) {
    return items.stream().map(Object::toString).toList();
  }

  private static Map<String, Object> selector(LabelSelector selector) {
    return new Tree()
        .putUnlessEmpty("matchLabels", selector.matchLabels())
        .putUnlessEmpty(
            "matchExpressions",
            selector.matchExpressions().stream()
                .map(each ->
                    new Tree()
                        .put("key", each.key())
                        .put("operator", operator(each.operator()))
                        .putUnlessEmpty("values", each.values())
                        .fields)
                .toList())
        .fields;
  }

  private static String operator(Operator operator) {
    return switch (operator) {
      case IN -> "In";
      case NOT_IN -> "NotIn";
      case EXISTS -> "Exists";
      case DOES_NOT_EXIST -> "DoesNotExist";
    };
  }

  // ---- CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy

  private static void rules(CiliumPolicy policy, Tree object) {
    List<Object> specs = new ArrayList<>();
    for (Rule rule : policy.rules()) {
      if (rule.path().equals("spec")) {
        object.put("spec", rule(rule));
      } else {
        specs.add(rule(rule));
      }
    }
    if (policy.rules().isEmpty()) {
      object.put("specs", specs);
    }
    object.putUnlessEmpty("specs", specs);
  }

  private static Map<String, Object> rule(Rule rule) {
    var defaults =
        new Tree()
            .put("ingress", rule.denyIngressByDefault())
            .put("egress", rule.denyEgressByDefault());
    return new Tree()
        .put(
            rule.subject().isNode() ? "nodeSelector" : "endpointSelector",
            selector(rule.subject().selector()))
        .putUnlessEmpty("ingress", items(rule.ingress(), "from"))
        .putUnlessEmpty("ingressDeny", items(rule.ingressDeny(), "from"))
        .putUnlessEmpty("egress", items(rule.egress(), "to"))
        .putUnlessEmpty("egressDeny", items(rule.egressDeny(), "to"))
        .putUnlessEmpty("enableDefaultDeny", defaults.fields)
        .putUnlessEmpty("labels", rule.labels())
        .putUnlessEmpty("description", rule.description())
        .putUnlessEmpty(
            "log", rule.logValue().isEmpty() ? Map.of() : Map.of("value", rule.logValue()))
        .fields;
  }

  private static List<Object> items(List<Item> items, String prefix) {
    List<Object> trees = new ArrayList<>();
    for (Item item : items) {
      var tree = new Tree();
      item.peers().forEach(peers -> peers(tree, peers, prefix));
      tree.putUnlessEmpty("toPorts", item.ports().stream().map(PolicyWriter::ports).toList());
      tree.putUnlessEmpty(
          "icmps",
          item.icmps().stream()
              .map(fields -> Map.of("fields", fields.stream().map(PolicyWriter::icmp).toList()))
              .toList());
      if (item.authentication() != null) {
        tree.put("authentication", Map.of("mode", item.authentication().toString()));
      }
      trees.add(tree.fields);
    }
    return trees;
  }

  /** A peer field is written also where its list is empty: that is not the same as absent. */
  private static void peers(Tree tree, Peers peers, String prefix) {
    switch (peers) {
      case Peers.Endpoints(var list) ->
          tree.put(prefix + "Endpoints", list.stream().map(PolicyWriter::selector).toList());
      case Peers.Nodes(var list) ->
          tree.put(prefix + "Nodes", list.stream().map(PolicyWriter::selector).toList());
      case Peers.Entities(var list) -> tree.put(prefix + "Entities", texts(list));
      case Peers.Cidrs(var list) -> tree.put(prefix + "CIDR", texts(list));
      case Peers.CidrSets(var list) ->
          tree.put(prefix + "CIDRSet", list.stream().map(PolicyWriter::cidrSet).toList());
      case Peers.Fqdns(var list) ->
          tree.put(
              "toFQDNs",
              list.stream().map(name -> dnsName(name.text(), name.isPattern())).toList());
      case Peers.Services(var list) ->
          tree.put("toServices", list.stream().map(PolicyWriter::service).toList());
      case Peers.Groups(var list) ->
          tree.put(prefix + "Groups", list.stream().map(DocumentReader::readJson).toList());
    }
  }

  private static Map<String, Object> cidrSet(Peers.CidrSet set) {
    var tree = new Tree();
    switch (set.base()) {
      case Peers.CidrBase.Prefix(IpPrefix prefix) -> tree.put("cidr", prefix.toString());
      case Peers.CidrBase.GroupName(String name) -> tree.put("cidrGroupRef", name);
      case Peers.CidrBase.GroupSelector(LabelSelector labels) ->
          tree.put("cidrGroupSelector", selector(labels));
    }
    return tree.putUnlessEmpty("except", texts(set.except())).fields;
  }

  private static Map<String, Object> dnsName(String text, boolean isPattern) {
    return new Tree().putUnlessEmpty(isPattern ? "matchPattern" : "matchName", text).fields;
  }

  private static Map<String, Object> service(Peers.Service service) {
    return switch (service) {
      case Peers.Service.Named(String namespace, String name) ->
          Map.of(
              "k8sService",
              new Tree()
                  .putUnlessEmpty("serviceName", name)
                  .putUnlessEmpty("namespace", namespace)
                  .fields);
      case Peers.Service.Nothing() -> Map.of();
      case Peers.Service.Selected(String namespace, LabelSelector labels) ->
          Map.of(
              "k8sServiceSelector",
              new Tree()
                  .put("selector", selector(labels))
                  .putUnlessEmpty("namespace", namespace)
                  .fields);
    };
  }

  private static Map<String, Object> icmp(Ports.Icmp icmp) {
    return Map.of("family", icmp.family() == IpFamily.IPV4 ? "IPv4" : "IPv6", "type", icmp.type());
  }

  private static Map<String, Object> ports(Ports ports) {
    var tree = new Tree().put("ports", ports.ports().stream().map(PolicyWriter::port).toList());
    tree.putUnlessEmpty("serverNames", ports.serverNames());
    tree.put("terminatingTLS", secret(ports.terminatingTls()));
    tree.put("originatingTLS", secret(ports.originatingTls()));
    Ports.Listener listener = ports.listener();
    if (listener != null) {
      var config =
          new Tree()
              .putUnlessEmpty("kind", listener.configKind())
              .put("name", listener.configName());
      tree.put(
          "listener",
          new Tree()
              .put("envoyConfig", config.fields)
              .put("name", listener.name())
              .put("priority", listener.priority())
              .fields);
    }
    switch (ports.rules()) {
      case L7Rules.None n -> {
        // Nothing is asked.
      }
      case L7Rules.Http(var rules) ->
          tree.put("rules", Map.of("http", rules.stream().map(PolicyWriter::http).toList()));
      case L7Rules.Dns(var rules) ->
          tree.put(
              "rules",
              Map.of(
                  "dns",
                  rules.stream().map(rule -> dnsName(rule.text(), rule.isPattern())).toList()));
    }
    return tree.fields;
  }

  private static @Nullable Object secret(Ports.@Nullable Secret secret) {
    return secret == null ? null : DocumentReader.readJson(secret.json());
  }

  private static Map<String, Object> port(Ports.Port port) {
    return new Tree()
        .put("port", port.name().isEmpty() ? Integer.toString(port.first()) : port.name())
        .put("endPort", port.last() > port.first() ? port.last() : null)
        .put("protocol", port.protocol().name())
        .fields;
  }

  private static Map<String, Object> http(L7Rules.HttpRule rule) {
    return new Tree()
        .putUnlessEmpty("path", rule.path())
        .putUnlessEmpty("method", rule.method())
        .putUnlessEmpty("host", rule.host())
        .putUnlessEmpty("headers", rule.headers())
        .putUnlessEmpty(
            "headerMatches", rule.headerMatches().stream().map(PolicyWriter::header).toList())
        .fields;
  }

  private static Map<String, Object> header(L7Rules.HeaderMatch match) {
    var secret =
        new Tree()
            .putUnlessEmpty("namespace", match.secretNamespace())
            .putUnlessEmpty("name", match.secretName());
    return new Tree()
        .put("name", match.name())
        .putUnlessEmpty("value", match.value())
        .putUnlessEmpty("secret", secret.fields)
        .putUnlessEmpty(
            "mismatch", match.mismatch() == L7Rules.Mismatch.FAIL ? "" : match.mismatch().name())
        .fields;
  }

  // ---- NetworkPolicy

  private static Map<String, Object> network(NetworkPolicy policy) {
    return new Tree()
        .put("podSelector", selector(policy.podSelector()))
        .putUnlessEmpty("ingress", networkRules(policy.ingress(), "from"))
        .putUnlessEmpty("egress", networkRules(policy.egress(), "to"))
        .putUnlessEmpty("policyTypes", texts(policy.types()))
        .fields;
  }

  private static List<Map<String, Object>> networkRules(
      List<NetworkPolicy.Rule> rules, String peersName) {
    return rules.stream()
        .map(rule ->
            new Tree()
                .putUnlessEmpty(
                    peersName, rule.peers().stream().map(PolicyWriter::networkPeer).toList())
                .putUnlessEmpty(
                    "ports", rule.ports().stream().map(PolicyWriter::networkPort).toList())
                .fields)
        .toList();
  }

  private static Map<String, Object> networkPeer(NetworkPolicy.Peer peer) {
    return switch (peer) {
      case NetworkPolicy.Peer.Block(var prefix, var except) ->
          Map.of(
              "ipBlock",
              new Tree()
                  .put("cidr", prefix.toString())
                  .putUnlessEmpty("except", texts(except))
                  .fields);
      case NetworkPolicy.Peer.Pods(var pods, var namespaces) ->
          new Tree()
              .put("podSelector", pods == null ? null : selector(pods))
              .put("namespaceSelector", namespaces == null ? null : selector(namespaces))
              .fields;
    };
  }

  private static Map<String, Object> networkPort(Ports.Port port) {
    Object number = port.name().isEmpty() ? (Object) port.first() : port.name();
    return new Tree()
        .put("protocol", port.protocol().name())
        .put("port", number)
        .put("endPort", port.last() > port.first() ? port.last() : null)
        .fields;
  }

  // ---- ClusterNetworkPolicy

  private static Map<String, Object> cluster(ClusterNetworkPolicy policy) {
    return new Tree()
        .put("tier", policy.tier().toString())
        .put("priority", policy.priority())
        .put("subject", clusterPeer(policy.subject()))
        .putUnlessEmpty("ingress", clusterRules(policy.ingress(), "from"))
        .putUnlessEmpty("egress", clusterRules(policy.egress(), "to"))
        .fields;
  }

  private static List<Map<String, Object>> clusterRules(
      List<ClusterNetworkPolicy.Rule> rules, String peersName) {
    return rules.stream()
        .map(rule ->
            new Tree()
                .putUnlessEmpty("name", rule.name())
                .put("action", rule.action().toString())
                .putUnlessEmpty(
                    peersName, rule.peers().stream().map(PolicyWriter::clusterPeer).toList())
                .putUnlessEmpty(
                    "protocols", rule.ports().stream().map(PolicyWriter::clusterPort).toList())
                .fields)
        .toList();
  }

  private static Map<String, Object> clusterPeer(ClusterNetworkPolicy.Peer peer) {
    return switch (peer) {
      case ClusterNetworkPolicy.Peer.Namespaces(var namespaces) ->
          Map.of("namespaces", selector(namespaces));
      case ClusterNetworkPolicy.Peer.Pods(var namespaces, var pods) ->
          Map.of(
              "pods",
              new Tree()
                  .put("namespaceSelector", selector(namespaces))
                  .put("podSelector", selector(pods))
                  .fields);
      case ClusterNetworkPolicy.Peer.Nodes(var nodes) -> Map.of("nodes", selector(nodes));
      case ClusterNetworkPolicy.Peer.Networks(var networks) -> Map.of("networks", texts(networks));
      case ClusterNetworkPolicy.Peer.DomainNames(var names) -> Map.of("domainNames", names);
      case ClusterNetworkPolicy.Peer.Unknown() -> Map.of();
    };
  }

  private static Map<String, Object> clusterPort(Ports.Port port) {
    if (!port.name().isEmpty()) {
      return Map.of("destinationNamedPort", port.name());
    }
    Map<String, Object> ports = Map.of();
    if (port.last() > port.first()) {
      ports = Map.of("range", Map.of("start", port.first(), "end", port.last()));
    } else if (port.first() > 0) {
      ports = Map.of("number", port.first());
    }
    var transport = new Tree();
    transport.putUnlessEmpty("destinationPort", ports);
    return Map.of(name(port.protocol()), transport.fields);
  }

  private static String name(Protocol protocol) {
    return protocol.name().toLowerCase(Locale.ROOT);
  }
}
