// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.L7Rules;
import io.cilium4j.core.PolicyEntry.Auth;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.Entry.Action;
import io.cilium4j.policy.Entry.L4;
import io.cilium4j.policy.Entry.Layer7;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Turns a {@link ClusterNetworkPolicy} into entries: its rules stand one after the other in their
 * tier, and a peer may be of a kind that is not known.
 */
final class ClusterFlattener {

  /** Where name servers are asked, by the names that their ports have in every cluster. */
  private static final List<L4> DNS_PORTS =
      Stream.of("dns", "dns-tcp")
          .flatMap(name ->
              Flattener.TRANSPORTS.stream().map(protocol -> new L4(protocol.number(), 0, 0, name)))
          .toList();

  private final Selectors selectors;
  private final AddressSelectors addresses;
  private final Function<String, RuleOrigin> origin;
  private final Consumer<Entry> entries;

  /**
   * @param origin where an entry comes from, by the path inside the object
   * @param entries takes each entry
   */
  ClusterFlattener(
      Selectors selectors,
      AddressSelectors addresses,
      Function<String, RuleOrigin> origin,
      Consumer<Entry> entries) {
    this.selectors = selectors;
    this.addresses = addresses;
    this.origin = origin;
    this.entries = entries;
  }

  /** Hands over the entries of a policy. */
  void flatten(ClusterNetworkPolicy policy) {
    Selector subject = peers(policy.subject(), true).getFirst();
    for (int i = 0; i < policy.ingress().size(); i++) {
      rule(policy, subject, policy.ingress().get(i), TrafficDirection.INGRESS, i);
    }
    for (int i = 0; i < policy.egress().size(); i++) {
      rule(policy, subject, policy.egress().get(i), TrafficDirection.EGRESS, i);
    }
  }

  private void rule(
      ClusterNetworkPolicy policy,
      Selector subject,
      ClusterNetworkPolicy.Rule rule,
      TrafficDirection direction,
      int index) {
    Action action =
        switch (rule.action()) {
          case ACCEPT -> Action.ALLOW;
          case DENY -> Action.DENY;
          case PASS -> Action.PASS;
        };
    String path =
        (direction == TrafficDirection.INGRESS ? "spec.ingress[" : "spec.egress[") + index + "]";
    List<L4> ports = rule.ports().isEmpty() ? List.of(L4.ANY) : Flattener.l4(rule.ports());
    // Rules of one policy stand between its priority and the next one's.
    double priority = policy.priority() + index / 100.0;
    var at = new ClusterRule(policy.tier(), priority, direction, subject);
    List<Selector> known =
        rule.peers().isEmpty()
            ? List.of(Selector.ALL)
            : rule.peers().stream().flatMap(peer -> peers(peer, false).stream()).toList();
    add(at, path, action, known, ports, Layer7.NONE);
    for (int i = 0; i < rule.peers().size(); i++) {
      String peerPath = path + ".to[" + i + "]";
      switch (rule.peers().get(i)) {
        case ClusterNetworkPolicy.Peer.Unknown u when action != Action.ALLOW ->
            add(at, peerPath, Action.DENY, List.of(Selector.ALL), ports, Layer7.NONE);
        case ClusterNetworkPolicy.Peer.DomainNames(var names) -> {
          // Names are learned from the answers of the name servers, so asking is allowed as well.
          var questions =
              new L7Rules.Dns(names.stream().map(name -> dnsRule(domainPattern(name))).toList());
          var layer7 = new Layer7(questions, List.of(), null, null, null);
          add(at, peerPath, action, List.of(Selectors.nameServers()), DNS_PORTS, layer7);
        }
        default -> {
          // Told together above.
        }
      }
    }
  }

  /** What the entries of one rule have in common. */
  private record ClusterRule(
      ClusterNetworkPolicy.Tier tier,
      double priority,
      TrafficDirection direction,
      Selector subject) {}

  private void add(
      ClusterRule at,
      String path,
      Action action,
      List<Selector> peers,
      List<L4> ports,
      Layer7 layer7) {
    entries.accept(
        new Entry(
            origin.apply(path),
            at.tier == ClusterNetworkPolicy.Tier.ADMIN ? Entry.TIER_ADMIN : Entry.TIER_BASELINE,
            at.priority,
            action,
            at.direction,
            at.subject,
            false,
            peers,
            ports,
            layer7,
            Auth.NONE,
            false));
  }

  private static L7Rules.DnsRule dnsRule(String name) {
    return new L7Rules.DnsRule(name, name.startsWith("*"));
  }

  /** A peer of a kind that is not known is nobody here; a denial of it is told apart. */
  private List<Selector> peers(ClusterNetworkPolicy.Peer peer, boolean isSubject) {
    return switch (peer) {
      case ClusterNetworkPolicy.Peer.Namespaces(var namespaces) ->
          List.of(selectors.pods(null, namespaces, "", false));
      case ClusterNetworkPolicy.Peer.Pods(var namespaces, var pods) ->
          List.of(selectors.pods(pods, namespaces, "", !isSubject));
      case ClusterNetworkPolicy.Peer.Nodes(var nodes) -> List.of(selectors.clusterNodes(nodes));
      case ClusterNetworkPolicy.Peer.Networks(var networks) ->
          networks.stream().map(prefix -> addresses.cidr(prefix, List.of())).toList();
      case ClusterNetworkPolicy.Peer.DomainNames(var names) ->
          names.stream().map(name -> addresses.fqdn(domainPattern(name))).toList();
      case ClusterNetworkPolicy.Peer.Unknown() -> List.of();
    };
  }

  /** In that API a leading star stands for any number of labels; in ours two stars do. */
  static String domainPattern(String name) {
    return name.startsWith("*") && !name.startsWith("**") ? "*" + name : name;
  }
}
