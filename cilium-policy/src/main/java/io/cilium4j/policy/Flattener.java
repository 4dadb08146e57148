// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry.Auth;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.CiliumPolicy.Authentication;
import io.cilium4j.policy.Entry.Action;
import io.cilium4j.policy.Entry.L4;
import io.cilium4j.policy.Entry.Layer7;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Turns policy objects into the flat list of {@link Entry}s that the compiler works on. Every
 * decision on what an absent, an empty and a full list mean is taken here, and nowhere after.
 */
final class Flattener {
  static final List<Protocol> TRANSPORTS = List.of(Protocol.TCP, Protocol.UDP, Protocol.SCTP);

  private final PolicyConfig config;
  private final Selectors selectors;
  private final AddressSelectors addresses;
  private final List<PolicyService> services;
  private final ToIntFunction<String> cookies;
  private final List<Entry> entries = new ArrayList<>();
  private final ResourceName resource;

  /** The resource as origins spell it. */
  private final String slashed;

  private Flattener(
      PolicyConfig config,
      List<PolicyService> services,
      ResourceName resource,
      ToIntFunction<String> cookies) {
    this.config = config;
    this.selectors = new Selectors(config);
    this.addresses = new AddressSelectors(config);
    this.services = services;
    this.resource = resource;
    this.slashed = resource.slashed();
    this.cookies = cookies;
  }

  /**
   * The entries of an object.
   *
   * @param services the services that {@code toServices} may mean
   * @param cookies gives each path inside the object its number
   */
  static List<Entry> flatten(
      PolicyResource policy,
      PolicyConfig config,
      List<PolicyService> services,
      ToIntFunction<String> cookies) {
    var flattener = new Flattener(config, services, policy.resource(), cookies);
    // Most are; a test costs a process that has just started less than the switch.
    if (policy instanceof CiliumPolicy cilium) {
      cilium.rules().forEach(flattener::rule);
      return List.copyOf(flattener.entries);
    }
    switch (policy) {
      case CiliumPolicy cilium -> {
        // As above.
      }
      case NetworkPolicy kubernetes -> flattener.networkPolicy(kubernetes);
      case ClusterNetworkPolicy cluster ->
          new ClusterFlattener(
                  flattener.selectors,
                  flattener.addresses,
                  flattener::origin,
                  flattener.entries::add)
              .flatten(cluster);
      case CidrGroup group -> {
        // A group labels addresses; it has no rules.
      }
    }
    return List.copyOf(flattener.entries);
  }

  private RuleOrigin origin(String path) {
    return origin(path, "");
  }

  private RuleOrigin origin(String path, String log) {
    return new RuleOrigin(cookies.applyAsInt(path), slashed, path, log);
  }

  // ---- CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy

  /** What the items of one section have in common. */
  private record Section(
      CiliumPolicy.Rule rule,
      Selector subject,
      String name,
      TrafficDirection direction,
      Action action,
      boolean defaultDeny) {}

  private void rule(CiliumPolicy.Rule rule) {
    Selector subject = selectors.subject(resource, rule.subject());
    boolean heeded = config.nonDefaultDeny();
    boolean ingress = !heeded || !Boolean.FALSE.equals(rule.denyIngressByDefault());
    boolean egress = !heeded || !Boolean.FALSE.equals(rule.denyEgressByDefault());
    section(
        rule.ingress(),
        new Section(rule, subject, "ingress", TrafficDirection.INGRESS, Action.ALLOW, ingress));
    section(
        rule.ingressDeny(),
        new Section(rule, subject, "ingressDeny", TrafficDirection.INGRESS, Action.DENY, ingress));
    section(
        rule.egress(),
        new Section(rule, subject, "egress", TrafficDirection.EGRESS, Action.ALLOW, egress));
    section(
        rule.egressDeny(),
        new Section(rule, subject, "egressDeny", TrafficDirection.EGRESS, Action.DENY, egress));
  }

  private void section(List<CiliumPolicy.Item> items, Section section) {
    for (int i = 0; i < items.size(); i++) {
      String path = section.rule.path() + "." + section.name + "[" + i + "]";
      item(items.get(i), section, path);
    }
  }

  private void item(CiliumPolicy.Item item, Section section, String path) {
    boolean hasPorts = !item.ports().isEmpty() || !item.icmps().isEmpty();
    List<Selector> peers = peers(item, section, hasPorts);
    Auth auth = auth(item.authentication());
    if (!hasPorts) {
      add(section, path, peers, List.of(L4.ANY), Layer7.NONE, auth);
    }
    for (int i = 0; i < item.ports().size(); i++) {
      Ports ports = item.ports().get(i);
      Layer7 layer7 = layer7(ports);
      add(section, path + ".toPorts[" + i + "]", peers, l4(ports.ports()), layer7, auth);
    }
    for (int i = 0; i < item.icmps().size(); i++) {
      List<L4> types = item.icmps().get(i).stream().map(this::icmp).toList();
      add(section, path + ".icmps[" + i + "]", peers, types, Layer7.NONE, auth);
    }
  }

  private void add(
      Section section,
      String path,
      List<Selector> peers,
      List<L4> ports,
      Layer7 layer7,
      Auth auth) {
    entries.add(
        new Entry(
            origin(path, section.rule.logValue()),
            Entry.TIER_NORMAL,
            0,
            section.action,
            section.direction,
            section.subject,
            section.rule.subject().isNode(),
            peers,
            ports,
            layer7,
            auth,
            section.defaultDeny));
  }

  private static Layer7 layer7(Ports ports) {
    var asked =
        new Layer7(
            ports.rules(),
            ports.serverNames(),
            ports.listener(),
            ports.terminatingTls(),
            ports.originatingTls());
    return asked.isRedirect() ? asked : Layer7.NONE;
  }

  private static Auth auth(@Nullable Authentication mode) {
    if (mode == null) {
      return Auth.NONE;
    }
    return switch (mode) {
      case DISABLED -> Auth.DISABLED;
      case REQUIRED -> Auth.REQUIRED;
      case TEST_ALWAYS_FAIL -> Auth.ALWAYS_FAIL;
    };
  }

  /**
   * Whom an item means.
   *
   * <ul>
   *   <li>No peer field: everybody on the ports named; without ports nobody.
   *   <li>A field with an empty list: nobody.
   *   <li>The reference implementation reads three kinds of field ({@code toFQDNs}, {@code
   *       toServices}, groups) otherwise: what selects nothing there, beside ports, opens the ports
   *       to everybody. That is followed only where the configuration asks for it.
   * </ul>
   */
  private List<Selector> peers(CiliumPolicy.Item item, Section section, boolean hasPorts) {
    List<Selector> everybodyOnPorts = hasPorts ? List.of(Selector.ALL) : List.of();
    if (item.peers().isEmpty()) {
      return everybodyOnPorts;
    }
    var selected = new ArrayList<Selector>();
    boolean opening = config.referenceCompat();
    for (Peers peers : item.peers()) {
      boolean opens = config.referenceCompat() && opens(peers);
      if (peers.items().isEmpty() && !opens) {
        return List.of();
      }
      opening &= opens;
      addSelectors(peers, section, selected);
    }
    return selected.isEmpty() && opening ? everybodyOnPorts : selected;
  }

  private static boolean opens(Peers peers) {
    return peers instanceof Peers.Fqdns
        || peers instanceof Peers.Services
        || peers instanceof Peers.Groups;
  }

  private void addSelectors(Peers peers, Section section, List<Selector> to) {
    // Most are by label; a test costs a process that has just started less than the switch.
    if (peers instanceof Peers.Endpoints(var items)) {
      for (LabelSelector each : items) {
        to.add(selectors.endpoints(resource, section.rule.subject(), each));
      }
      return;
    }
    switch (peers) {
      case Peers.Endpoints endpoints -> {
        // As above.
      }
      case Peers.Nodes(var items) -> items.forEach(each -> to.add(selectors.nodes(each)));
      case Peers.Entities(var items) -> items.forEach(each -> to.add(selectors.entity(each)));
      case Peers.Cidrs(var items) -> items.forEach(each -> to.add(addresses.cidr(each, List.of())));
      case Peers.CidrSets(var items) -> items.forEach(each -> to.add(addresses.cidrSet(each)));
      case Peers.Fqdns(var items) -> items.forEach(each -> to.add(addresses.fqdn(each.text())));
      case Peers.Services(var items) -> {
        // The reference looks up the services of allowing items only.
        if (!config.referenceCompat() || section.action != Action.DENY) {
          items.forEach(each -> behind(each).forEach(to::add));
        }
      }
      case Peers.Groups(var items) -> {
        if (config.externalGroups() || section.action != Action.DENY) {
          items.forEach(each -> to.add(addresses.externalGroup(each)));
        } else if (!items.isEmpty()) {
          to.add(selectors.entity(Peers.Entity.WORLD)); // Its members are not known.
        }
      }
    }
  }

  /** What stands behind the services that an item of {@code toServices} means. */
  private Stream<Selector> behind(Peers.Service wanted) {
    return services.stream()
        .filter(service -> isMeant(wanted, service))
        .flatMap(service ->
            service.selector().isEmpty()
                ? service.backends().stream()
                    .map(address -> addresses.cidr(IpPrefix.host(address), List.of()))
                : Stream.of(selectors.service(service)));
  }

  private static boolean isMeant(Peers.Service wanted, PolicyService service) {
    return switch (wanted) {
      case Peers.Service.Named(String namespace, String name) ->
          service.name().equals(name)
              && (namespace.isEmpty() || service.namespace().equals(namespace));
      case Peers.Service.Selected(String namespace, LabelSelector selector) ->
          (namespace.isEmpty() || service.namespace().equals(namespace))
              && Selectors.matchesIgnoringSource(selector, service.labels());
      case Peers.Service.Nothing() -> false;
    };
  }

  /** Port 0 is every port; no protocol is each of the three that have ports. */
  static List<L4> l4(List<Ports.Port> ports) {
    var all = new ArrayList<L4>(ports.size());
    for (Ports.Port port : ports) {
      List<Protocol> protocols =
          port.protocol() == Protocol.ANY ? TRANSPORTS : List.of(port.protocol());
      int last = port.first() == 0 ? 0xffff : port.last();
      for (Protocol protocol : protocols) {
        all.add(new L4(protocol.number(), port.first(), last, port.name()));
      }
    }
    return all;
  }

  /** A type is a number as any, 0 too; the reference reads 0 as every type, as of ports. */
  private L4 icmp(Ports.Icmp icmp) {
    Protocol protocol = icmp.family() == IpFamily.IPV4 ? Protocol.ICMP : Protocol.ICMPV6;
    int last = icmp.type() == 0 && config.referenceCompat() ? 0xffff : icmp.type();
    return new L4(protocol.number(), icmp.type(), last, "");
  }

  // ---- NetworkPolicy

  private void networkPolicy(NetworkPolicy policy) {
    Selector subject = selectors.pods(policy.podSelector(), null, resource.namespace(), false);
    direction(policy.ingress(), TrafficDirection.INGRESS, "from", subject);
    direction(policy.egress(), TrafficDirection.EGRESS, "to", subject);
    boolean namesIngress = policy.types().contains(NetworkPolicy.Type.INGRESS);
    boolean namesEgress = policy.types().contains(NetworkPolicy.Type.EGRESS);
    if (policy.ingress().isEmpty() && (namesIngress || !namesEgress)) {
      nothing(TrafficDirection.INGRESS, subject);
    }
    if (policy.egress().isEmpty() && namesEgress) {
      nothing(TrafficDirection.EGRESS, subject);
    }
  }

  /** An entry that matches nothing and yet restricts the direction. */
  private void nothing(TrafficDirection direction, Selector subject) {
    kubernetes("spec.policyTypes", direction, subject, List.of(), List.of(L4.ANY));
  }

  private void direction(
      List<NetworkPolicy.Rule> rules,
      TrafficDirection direction,
      String peersName,
      Selector subject) {
    for (int i = 0; i < rules.size(); i++) {
      NetworkPolicy.Rule rule = rules.get(i);
      String path =
          (direction == TrafficDirection.INGRESS ? "spec.ingress[" : "spec.egress[") + i + "]";
      List<L4> ports = rule.ports().isEmpty() ? List.of(L4.ANY) : l4(rule.ports());
      if (rule.peers().isEmpty()) {
        kubernetes(path, direction, subject, List.of(Selector.ALL), ports);
      }
      for (int j = 0; j < rule.peers().size(); j++) {
        Selector peer =
            switch (rule.peers().get(j)) {
              case NetworkPolicy.Peer.Block(var prefix, var except) ->
                  addresses.cidr(prefix, except);
              case NetworkPolicy.Peer.Pods(var pods, var namespaces) ->
                  selectors.pods(pods, namespaces, resource.namespace(), true);
            };
        String peerPath = path + "." + peersName + "[" + j + "]";
        kubernetes(peerPath, direction, subject, List.of(peer), ports);
      }
    }
  }

  private void kubernetes(
      String path,
      TrafficDirection direction,
      Selector subject,
      List<Selector> peers,
      List<L4> ports) {
    entries.add(
        new Entry(
            origin(path),
            Entry.TIER_NORMAL,
            0,
            Action.ALLOW,
            direction,
            subject,
            false,
            peers,
            ports,
            Layer7.NONE,
            Auth.NONE,
            true));
  }
}
