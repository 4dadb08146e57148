// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * Which nodes and pods rules by address mean where {@code policy-cidr-match-mode} includes them.
 */
class CidrMatchTest {
  private static final String WORLD =
      """
      config: {policy-cidr-match-mode: [nodes, pods], reference-compat: COMPAT}
      identities:
      - {id: 1000, labels: ["k8s:app=a", "k8s:io.kubernetes.pod.namespace=n"]}
      - {id: 1004, labels: ["k8s:app=v4", "k8s:io.kubernetes.pod.namespace=n", "cidr:10.0.0.4/32"]}
      - {id: 1006, labels: ["k8s:app=v6", "k8s:io.kubernetes.pod.namespace=n", "cidr:fd00--6/128"]}
      - id: 1046
        labels: ["k8s:app=both", "k8s:io.kubernetes.pod.namespace=n",
          "cidr:10.0.0.46/32", "cidr:fd00--46/128"]
      - {id: 33554433, labels: ["reserved:remote-node", "cidr:10.1.0.1/32", "cidr:fd01--1/128"]}
      - {id: 33554434, labels: ["reserved:remote-node", "cidr:fd01--2/128"]}
      policies:
      - apiVersion: cilium.io/v2
        kind: CiliumClusterwideNetworkPolicy
        metadata: {name: p}
        spec: {endpointSelector: {matchLabels: {app: a}}, RULES}
      """;

  private static final Map<String, Integer> PEERS =
      Map.of(
          "v4", 1004,
          "v6", 1006,
          "both", 1046,
          "bare", 1000,
          "node", 33554433,
          "node6", 33554434,
          "world4", 9,
          "world6", 10);

  /** The peers that a CIDR selects; that a denial selects the same is asserted on the way. */
  private static List<String> selectedBy(String cidr, boolean compat) {
    String allow = "ingress: [{fromCIDR: [\"%s\"]}]".formatted(cidr);
    String deny =
        "ingress: [{fromEntities: [all]}], ingressDeny: [{fromCIDR: [\"%s\"]}]".formatted(cidr);
    List<String> allowed = passing(allow, compat);
    var denied = new TreeSet<>(PEERS.keySet());
    denied.removeAll(passing(deny, compat));
    assertEquals(allowed, List.copyOf(denied), cidr);
    return allowed;
  }

  private static List<String> passing(String rules, boolean compat) {
    PolicyCase asked =
        PolicyCase.parse(
            WORLD.replace("COMPAT", "" + compat).replace("RULES", rules),
            "case",
            PolicyConfig.DEFAULT);
    RulesSnapshot snapshot = asked.repository().snapshot();
    return new TreeMap<>(PEERS)
        .entrySet().stream()
            .filter(peer -> {
              var flow = new PolicyCase.FlowSpec(peer.getValue(), 1000, 6, 80);
              return asked.explain(snapshot, flow, TrafficDirection.INGRESS).verdict()
                  == Verdict.ALLOWED;
            })
            .map(Map.Entry::getKey)
            .toList();
  }

  @Test
  void everyAddressOfAFamily_inNodesAndPods_isOfThatFamily() {
    assertEquals(List.of("bare", "both", "node", "v4", "world4"), selectedBy("0.0.0.0/0", false));
    assertEquals(
        List.of("bare", "both", "node", "node6", "v6", "world6"), selectedBy("::/0", false));
  }

  @Test
  void everyAddressOfAFamily_asTheReference_isEveryNodeAndPod() {
    for (String cidr : List.of("0.0.0.0/0", "::/0")) {
      String world = cidr.equals("::/0") ? "world6" : "world4";
      assertEquals(
          List.of("bare", "both", "node", "node6", "v4", "v6", world), selectedBy(cidr, true));
    }
  }

  @Test
  void group_ofEitherFamily_holdsADualStackPod() {
    String text =
        WORLD
            .replace("COMPAT", "false")
            .replace("RULES", "ingress: [{fromCIDRSet: [{cidrGroupRef: g}]}]");
    for (String cidr : List.of("10.0.0.0/16", "fd00::/64")) {
      String groups = "cidrGroups: [{name: g, labels: {}, cidrs: [\"%s\"]}]\n".formatted(cidr);
      PolicyCase asked = PolicyCase.parse(text + groups, "case", PolicyConfig.DEFAULT);
      RulesSnapshot snapshot = asked.repository().snapshot();
      var flow = new PolicyCase.FlowSpec(1046, 1000, 6, 80);
      assertEquals(
          Verdict.ALLOWED, asked.explain(snapshot, flow, TrafficDirection.INGRESS).verdict(), cidr);
    }
  }

  @Test
  void prefix_ofADualStackNodeOrPod_countsInBothFamilies() {
    for (boolean compat : new boolean[] {false, true}) {
      assertEquals(List.of("both", "v4"), selectedBy("10.0.0.0/16", compat));
      assertEquals(List.of("both", "v6"), selectedBy("fd00::/64", compat));
      assertEquals(List.of("node"), selectedBy("10.1.0.0/16", compat));
      assertEquals(List.of("node", "node6"), selectedBy("fd01::/64", compat));
    }
  }
}
