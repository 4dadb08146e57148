// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Protocol;
import io.cilium4j.policy.ClusterNetworkPolicy.Action;
import io.cilium4j.policy.ClusterNetworkPolicy.Peer;
import io.cilium4j.policy.ClusterNetworkPolicy.Tier;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** Reads ClusterNetworkPolicy objects. */
final class ClusterPolicyReader {
  private static final int MAX_PORT = 0xffff;

  private final PolicyConfig config;

  ClusterPolicyReader(PolicyConfig config) {
    this.config = config;
  }

  ClusterNetworkPolicy read(ResourceName resource, Field object) {
    Field spec = object.need("spec");
    spec.only(Set.of("tier", "priority", "subject", "ingress", "egress"));
    return new ClusterNetworkPolicy(
        resource,
        spec.need("tier").choose(text -> named(text, Tier.values()), Tier.values()),
        spec.need("priority").integer(0, ClusterNetworkPolicy.MAX_PRIORITY),
        subject(spec.need("subject")),
        spec.each("ingress", item -> rule(item, "from")),
        spec.each("egress", item -> rule(item, "to")));
  }

  private static <E extends Enum<E>> Optional<E> named(String text, E[] all) {
    return Arrays.stream(all).filter(each -> each.toString().equals(text)).findFirst();
  }

  private Peer subject(Field field) {
    Peer subject = peer(field.only(Set.of("namespaces", "pods")), false);
    if (subject instanceof Peer.Unknown) {
      throw field.error("neither namespaces nor pods", "one of them");
    }
    return subject;
  }

  private ClusterNetworkPolicy.Rule rule(Field item, String peers) {
    item.only(Set.of("name", "action", peers, "protocols"));
    boolean egress = peers.equals("to");
    Field actionField = item.need("action");
    Action action = actionField.choose(text -> named(text, Action.values()), Action.values());
    var rule =
        new ClusterNetworkPolicy.Rule(
            item.text("name"),
            action,
            item.each(peers, peer -> peer(peer, egress)),
            item.each("protocols", this::port));
    boolean names = rule.peers().stream().anyMatch(peer -> peer instanceof Peer.DomainNames);
    if (names && action != Action.ACCEPT) {
      throw actionField.wanted("Accept, beside domainNames");
    }
    return rule;
  }

  private Peer peer(Field item, boolean egress) {
    if (item.map().size() > 1) {
      throw item.error("several kinds of peer", "exactly one");
    }
    Field namespaces = item.find("namespaces");
    Field pods = item.find("pods");
    if (namespaces != null) {
      return new Peer.Namespaces(SelectorReader.plain(namespaces));
    }
    if (pods != null) {
      pods.only(Set.of("namespaceSelector", "podSelector"));
      Field inNamespaces = pods.find("namespaceSelector");
      Field podLabels = pods.find("podSelector");
      return new Peer.Pods(
          inNamespaces == null ? LabelSelector.EMPTY : SelectorReader.plain(inNamespaces),
          podLabels == null ? LabelSelector.EMPTY : SelectorReader.plain(podLabels));
    }
    if (egress) {
      Field nodes = item.find("nodes");
      if (nodes != null) {
        if (!config.nodeSelectorLabels()) {
          throw nodes.error("nodes by label", "the option node-selector-labels to be on");
        }
        return new Peer.Nodes(SelectorReader.plain(nodes));
      }
      if (item.find("networks") != null) {
        return new Peer.Networks(
            item.each(
                "networks",
                each -> each.parse(IpPrefix::parseLenient, "an address or ADDRESS/LENGTH")));
      }
      Field names = item.find("domainNames");
      if (names != null) {
        if (!config.l7Proxy()) {
          throw names.error("domain names", "a proxy, which learns their addresses");
        }
        if (names.list().isEmpty()) {
          throw names.error("no name", "at least one");
        }
        return new Peer.DomainNames(names.each(ClusterPolicyReader::domainName));
      }
    }
    // A newer API may have more kinds; the compiler keeps the rule's action safe with them.
    return new Peer.Unknown();
  }

  private static String domainName(Field field) {
    String name = field.text();
    if (name.isEmpty() || !L7Reader.isName(name, name.startsWith("*"))) {
      throw field.wanted("a DNS name, perhaps with * in front");
    }
    return name;
  }

  private Ports.Port port(Field item) {
    Field named = item.find("destinationNamedPort");
    if (named != null) {
      item.only(Set.of("destinationNamedPort"));
      String name = named.text().toLowerCase(Locale.ROOT);
      if (!PortsReader.isName(name)) {
        throw named.wanted("a port's name");
      }
      return new Ports.Port(name, 0, 0, Protocol.ANY);
    }
    item.only(Set.of("tcp", "udp", "sctp"));
    for (Protocol protocol : List.of(Protocol.TCP, Protocol.UDP, Protocol.SCTP)) {
      Field transport = item.find(protocol.name().toLowerCase(Locale.ROOT));
      if (transport != null) {
        transport.only(Set.of("destinationPort"));
        Field port = transport.find("destinationPort");
        return port == null ? new Ports.Port("", 0, 0, protocol) : numbers(port, protocol);
      }
    }
    throw item.error("no protocol", "tcp, udp, sctp or destinationNamedPort");
  }

  private Ports.Port numbers(Field port, Protocol protocol) {
    port.only(Set.of("number", "range"));
    Field number = port.find("number");
    if (number != null) {
      int single = number.integer(1, MAX_PORT);
      return new Ports.Port("", single, single, protocol);
    }
    Field range = port.need("range").only(Set.of("start", "end"));
    int first = range.need("start").integer(1, MAX_PORT);
    // One that ends before it begins is its first port, as everywhere in the language.
    int last = Math.max(first, range.need("end").integer(1, MAX_PORT));
    return new Ports.Port("", first, last, protocol);
  }
}
