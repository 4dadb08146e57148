// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Protocol;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Reads NetworkPolicy objects, and CIDR groups, which are small. */
final class KubernetesPolicyReader {
  private static final int MAX_PORT = 0xffff;

  private final PolicyConfig config;

  KubernetesPolicyReader(PolicyConfig config) {
    this.config = config;
  }

  NetworkPolicy read(ResourceName resource, Field object) {
    Field spec = object.find("spec");
    if (spec == null) {
      // Without a spec it is about every pod of the namespace, and allows nothing in.
      return new NetworkPolicy(resource, LabelSelector.EMPTY, List.of(), List.of(), List.of());
    }
    spec.only(Set.of("podSelector", "ingress", "egress", "policyTypes"));
    Field pods = spec.find("podSelector");
    return new NetworkPolicy(
        resource,
        pods == null ? LabelSelector.EMPTY : SelectorReader.plain(pods),
        spec.each("ingress", item -> rule(item, "from")),
        spec.each("egress", item -> rule(item, "to")),
        spec.each(
            "policyTypes",
            item -> item.choose(KubernetesPolicyReader::type, NetworkPolicy.Type.values())));
  }

  private static Optional<NetworkPolicy.Type> type(String text) {
    for (NetworkPolicy.Type type : NetworkPolicy.Type.values()) {
      if (type.toString().equals(text)) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }

  private NetworkPolicy.Rule rule(Field item, String peers) {
    item.only(Set.of(peers, "ports"));
    return new NetworkPolicy.Rule(
        item.each(peers, this::peers).stream().flatMap(List::stream).toList(),
        item.each("ports", KubernetesPolicyReader::port));
  }

  /** One peer. The reference takes addresses beside labels too, and means both. */
  private List<NetworkPolicy.Peer> peers(Field item) {
    item.only(Set.of("podSelector", "namespaceSelector", "ipBlock"));
    Field block = item.find("ipBlock");
    var pods =
        new NetworkPolicy.Peer.Pods(
            SelectorReader.plainIfPresent(item.find("podSelector")),
            SelectorReader.plainIfPresent(item.find("namespaceSelector")));
    if (block == null) {
      return List.of(pods);
    }
    if (pods.pods() == null && pods.namespaces() == null) {
      return List.of(block(block));
    }
    if (!config.referenceCompat()) {
      throw item.error("ipBlock beside a selector", "either");
    }
    return List.of(pods, block(block));
  }

  private NetworkPolicy.Peer block(Field block) {
    block.only(Set.of("cidr", "except"));
    IpPrefix prefix = block.need("cidr").parse(IpPrefix::parse, "ADDRESS/LENGTH");
    List<IpPrefix> except =
        block.each("except", each -> each.parse(IpPrefix::parse, "ADDRESS/LENGTH"));
    // The API server refuses it; the reference leaves that to it.
    if (!config.referenceCompat()) {
      CiliumPolicyReader.checkInside(block, prefix, except);
    }
    return new NetworkPolicy.Peer.Block(prefix, except);
  }

  private static Ports.Port port(Field item) {
    item.only(Set.of("protocol", "port", "endPort"));
    Field protocolField = item.find("protocol");
    Protocol protocol = protocolField == null ? Protocol.TCP : PortsReader.protocol(protocolField);
    Field port = item.find("port");
    if (port == null) {
      return new Ports.Port("", 0, 0, protocol);
    }
    if (port.value() instanceof String name && PortsReader.isName(name.toLowerCase(Locale.ROOT))) {
      return new Ports.Port(name.toLowerCase(Locale.ROOT), 0, 0, protocol);
    }
    int first =
        port.value() instanceof String digits
            ? PortsReader.number(port, digits)
            : port.integer(0, MAX_PORT);
    Field end = item.find("endPort");
    int last = end == null ? first : Math.max(first, end.integer(0, MAX_PORT));
    return new Ports.Port("", first, first == 0 ? 0 : last, protocol);
  }

  static CidrGroup cidrGroup(ResourceName resource, Field object) {
    Map<String, String> labels = new TreeMap<>();
    @Nullable Field labelField = object.need("metadata").find("labels");
    if (labelField != null) {
      for (String key : labelField.map().keySet()) {
        labels.put(key, labelField.text(key));
      }
    }
    Field spec = object.need("spec").only(Set.of("externalCIDRs"));
    CidrGroup group =
        new CidrGroup(
            resource,
            labels,
            spec.each(
                "externalCIDRs",
                item -> item.parse(IpPrefix::parseLenient, "an address or ADDRESS/LENGTH")));
    requireLabels(group, object.need("metadata"));
    return group;
  }

  /** Its members are to have its labels, beside their CIDR's and the world's. */
  private static void requireLabels(CidrGroup group, Field metadata) {
    String wanted =
        "labels that are at most " + (Labels.MAX_LABELS - 2) + " of its members, two a label";
    try {
      if (Labels.of(CidrGroups.labels(group)).sorted().size() > Labels.MAX_LABELS - 2) {
        throw metadata.error(group.labels().size() + " labels", wanted);
      }
    } catch (IllegalArgumentException e) {
      throw metadata.error(String.valueOf(e.getMessage()), wanted);
    }
  }
}
