// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.NodeFacts;
import io.cilium4j.api.model.NodeAddressing;
import io.cilium4j.api.model.NodeAddressingElement;
import io.cilium4j.api.model.NodeElement;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Nodes as the API shows them. */
final class NodeView {

  /** The cluster whose name does not stand before its nodes'. */
  private static final String DEFAULT_CLUSTER = "default";

  private NodeView() {}

  /** Our node's addresses in the pods' network, which are the pods' next hops. */
  static NodeAddressing addressing(Agent agent) {
    return new NodeAddressing(element(agent, IpFamily.IPV6), element(agent, IpFamily.IPV4));
  }

  /** Of one family; null where the node has no addresses of it for pods. */
  private static @Nullable NodeAddressingElement element(Agent agent, IpFamily family) {
    Optional<IpAddress> router = agent.addresses().router(family);
    if (router.isEmpty()) {
      return null;
    }
    String prefix =
        agent.addresses().podCidrs().stream()
            .filter(each -> each.family() == family)
            .map(IpPrefix::toString)
            .findFirst()
            .orElse("");
    return new NodeAddressingElement(true, router.get().toString(), prefix, "InternalIP");
  }

  /** A node's name as other clusters would know it. */
  static String name(NodeFacts facts, String node) {
    return facts.clusterName().equals(DEFAULT_CLUSTER) ? node : facts.clusterName() + "/" + node;
  }

  /** Every node that the agent knows, its own included, by name. */
  static Map<String, NodeElement> nodes(Agent agent) {
    NodeFacts facts = agent.facts();
    Map<String, NodeElement> nodes = new TreeMap<>();
    for (Node node : agent.nodes().all().values()) {
      String name = name(facts, node.name());
      String source = node.name().equals(facts.nodeName()) ? "local" : "kubernetes";
      nodes.put(name, element(name, node, source));
    }
    return nodes;
  }

  private static NodeElement element(String name, Node node, String source) {
    return NodeElement.builder()
        .name(name)
        .primaryAddress(
            new NodeAddressing(element(node, IpFamily.IPV6), element(node, IpFamily.IPV4)))
        .source(source)
        .build();
  }

  private static @Nullable NodeAddressingElement element(Node node, IpFamily family) {
    List<IpAddress> addresses =
        node.addresses().stream().filter(each -> each.family() == family).toList();
    List<IpPrefix> prefixes =
        node.podCidrs().stream().filter(each -> each.family() == family).toList();
    if (addresses.isEmpty() && prefixes.isEmpty()) {
      return null;
    }
    return new NodeAddressingElement(
        true,
        addresses.isEmpty() ? "" : addresses.getFirst().toString(),
        prefixes.isEmpty() ? "" : prefixes.getFirst().toString(),
        "InternalIP");
  }
}
