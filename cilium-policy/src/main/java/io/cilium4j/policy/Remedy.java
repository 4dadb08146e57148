// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.L7Rules;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.CiliumPolicy.Item;
import io.cilium4j.policy.CiliumPolicy.Rule;
import io.cilium4j.policy.CiliumPolicy.Subject;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Makes the smallest policy that allows one flow: one subject, one peer, one port. */
final class Remedy {
  /** Begins the name; what it says is behind it as a number, so that two never share one. */
  private static final String NAME = "allow-";

  /** The system's own labels on pods start so; people select by theirs. */
  private static final String SYSTEM_PREFIX = "io.cilium.k8s.";

  private Remedy() {}

  /** The policy, or nothing where no policy can name this flow and no other. */
  static Optional<CiliumPolicy> of(
      PolicySubject subject, TrafficDirection direction, IdentityRow peer, int protocol, int port) {
    Labels own = subject.identity().labels();
    String namespace = own.value(LabelSource.K8S, Selectors.NAMESPACE).orElse("");
    Peers peers = peers(peer, namespace, direction);
    Map<String, String> subjectLabels = selectable(own, namespace);
    if (peers == null || subjectLabels.isEmpty()) {
      return Optional.empty();
    }
    boolean hasPorts =
        protocol == Protocol.TCP.number()
            || protocol == Protocol.UDP.number()
            || protocol == Protocol.SCTP.number();
    boolean icmp4 = protocol == Protocol.ICMP.number();
    boolean icmp = icmp4 || protocol == Protocol.ICMPV6.number();
    if (!hasPorts && !icmp) {
      return Optional.empty(); // Rules know no other protocol but all of them.
    }
    var item =
        new Item(
            List.of(peers),
            hasPorts ? List.of(ports(protocol, port)) : List.of(),
            icmp
                ? List.of(List.of(new Ports.Icmp(icmp4 ? IpFamily.IPV4 : IpFamily.IPV6, port)))
                : List.of(),
            null);
    boolean ingress = direction == TrafficDirection.INGRESS;
    var rule =
        new Rule(
            "spec",
            new Subject(false, new LabelSelector(subjectLabels, List.of())),
            ingress ? List.of(item) : List.of(),
            List.of(),
            ingress ? List.of() : List.of(item),
            List.of(),
            null,
            null,
            List.of(),
            "",
            "");
    String kind = namespace.isEmpty() ? CiliumPolicy.CLUSTERWIDE_KIND : CiliumPolicy.KIND;
    var unnamed = new CiliumPolicy(new ResourceName(kind, namespace, NAME), List.of(rule));
    String name = NAME + Integer.toHexString(PolicyWriter.toJson(unnamed).hashCode());
    return Optional.of(new CiliumPolicy(new ResourceName(kind, namespace, name), List.of(rule)));
  }

  private static Ports ports(int protocol, int port) {
    return new Ports(
        List.of(new Ports.Port("", port, port, Protocol.ofNumber(protocol).orElseThrow())),
        List.of(),
        null,
        null,
        null,
        L7Rules.none());
  }

  /** Labels that tell this identity, as a selector in a policy of {@code namespace} names them. */
  private static Map<String, String> selectable(Labels labels, String namespace) {
    Map<String, String> wanted = new TreeMap<>();
    for (Label label : labels) {
      boolean own = label.key().equals(Selectors.NAMESPACE) && label.value().equals(namespace);
      if (!own && !label.key().startsWith(SYSTEM_PREFIX)) {
        wanted.put(label.source() + ":" + label.key(), label.value());
      }
    }
    return wanted;
  }

  private static @Nullable Peers peers(
      IdentityRow peer, String namespace, TrafficDirection direction) {
    if (!peer.prefixes().isEmpty()) {
      return new Peers.Cidrs(peer.prefixes());
    }
    Labels labels = peer.identity().labels();
    for (Label label : labels) {
      if (label.source().equals(LabelSource.FQDN)) {
        if (direction == TrafficDirection.INGRESS) {
          return null; // Names are of those who are called.
        }
        return new Peers.Fqdns(List.of(new Peers.Fqdn(label.key(), label.key().contains("*"))));
      }
    }
    for (Label label : labels) {
      Optional<Peers.Entity> entity =
          label.isReserved() ? Peers.Entity.tryParse(label.key()) : Optional.empty();
      if (entity.isPresent()) {
        return new Peers.Entities(List.of(entity.get()));
      }
    }
    Map<String, String> wanted = selectable(labels, namespace);
    String ofNamespace = LabelSource.K8S + ":" + Selectors.NAMESPACE;
    if (wanted.keySet().stream().allMatch(ofNamespace::equals)) {
      return null; // It would select every pod of the namespace.
    }
    return new Peers.Endpoints(List.of(new LabelSelector(wanted, List.of())));
  }
}
