// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Protocol;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.Verdict;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PolicySetTest {
  private static final String SHOP =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: backend, namespace: shop}
      spec:
        endpointSelector: {matchLabels: {app: backend}}
        ingress:
        - fromEndpoints: [{matchLabels: {app: frontend}}]
          toPorts:
          - ports: [{port: "8080", endPort: 8095, protocol: TCP}, {port: metrics, protocol: TCP}]
        - fromEndpoints:
          - matchLabels: {k8s:io.cilium.k8s.namespace.labels.team: ops}
        - fromCIDR: [192.0.2.0/24]
          toPorts:
          - ports: [{port: "443", protocol: TCP}]
        - fromEntities: [kube-apiserver]
          icmps:
          - fields: [{family: IPv4, type: 8}]
      ---
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: closed, namespace: shop}
      spec:
        podSelector: {matchLabels: {app: frontend}}
        policyTypes: [Ingress]
      """;

  private static final Party.Pod FRONTEND = Party.pod("shop", "app=frontend");
  private static final Party.Pod BACKEND =
      Party.pod("shop", "app=backend").withNamedPort("metrics", PortProtocol.tcp(9100));

  private final PolicySet policies =
      PolicySet.builder()
          .policies(SHOP, "shop.yaml")
          .namespace("tools", Map.of("team", "ops"))
          .build();

  @Test
  void isAllowed_groupWithoutProvider_deniesTheWorldAndAllowsNobody() {
    PolicySet groups =
        PolicySet.parse(
            """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: groups, namespace: shop}
            spec:
              endpointSelector: {matchLabels: {app: backend}}
              ingress: [{fromEntities: [all]}]
              ingressDeny: [{fromGroups: [{aws: {region: here}}]}]
              egress: [{toGroups: [{aws: {region: here}}]}]
            """,
            "groups.yaml");
    for (String address : List.of("203.0.113.9", "2001:db8::9")) {
      Party world = Party.addresses(address);
      assertFalse(groups.isAllowed(world, BACKEND, PortProtocol.tcp(80)));
      assertFalse(groups.isAllowed(BACKEND, world, PortProtocol.tcp(80)));
    }
    assertTrue(groups.isAllowed(FRONTEND, BACKEND, PortProtocol.tcp(80)));
    assertEquals(
        2,
        groups.policies().stream()
            .mapToInt(each -> PolicyWarnings.unmet(each, groups.config()).size())
            .sum());
  }

  /** Nodes are not restricted then, and whoever wrote the policy must hear of it. */
  @Test
  void unmet_rulesForNodesWithoutAHostFirewall_areNamed() {
    PolicyResource nodes =
        PolicySet.parse(
                """
                apiVersion: cilium.io/v2
                kind: CiliumClusterwideNetworkPolicy
                metadata: {name: ssh}
                specs:
                - nodeSelector: {}
                  ingress: [{fromEntities: [cluster]}]
                - endpointSelector: {}
                  ingress: [{fromEntities: [cluster]}]
                """,
                "nodes.yaml")
            .policies()
            .getFirst();
    assertEquals(
        List.of(
            "CiliumClusterwideNetworkPolicy ssh: specs[0].nodeSelector:"
                + " there is no host firewall, so nodes are not restricted"),
        PolicyWarnings.unmet(nodes, PolicyConfig.DEFAULT));
    assertEquals(
        List.of(),
        PolicyWarnings.unmet(nodes, PolicyConfig.DEFAULT.toBuilder().hostFirewall(true).build()));
  }

  @Test
  void explain_flowThatARuleAllows_namesTheRuleAndBothSides() {
    FlowExplanation why = policies.explain(FRONTEND, BACKEND, PortProtocol.tcp(8080));

    assertTrue(why.isAllowed());
    assertEquals(Verdict.ALLOWED, why.egress().orElseThrow().verdict());
    assertEquals(
        "CiliumNetworkPolicy/shop/backend spec.ingress[0].toPorts[0]",
        why.ingress().orElseThrow().decider().map(RuleOrigin::toString).orElse(""));
    assertTrue(
        why.toString().startsWith("shop/app=frontend -> shop/app=backend 8080/TCP passes\nEGRESS"),
        why.toString());
  }

  @Test
  void explain_flowThatNoRuleAllows_saysWhichRuleRestricts() {
    FlowExplanation why = policies.explain(BACKEND, FRONTEND, PortProtocol.tcp(80));

    assertFalse(why.isAllowed());
    assertTrue(why.toString().contains("restricted by NetworkPolicy/shop/closed"), why.toString());
  }

  @Test
  void isAllowed_podByLabelsOfItsNamespace_isAnswered() {
    assertTrue(policies.isAllowed(Party.pod("tools", "app=x"), BACKEND, PortProtocol.udp(9)));
    assertFalse(policies.isAllowed(Party.pod("other", "app=x"), BACKEND, PortProtocol.udp(9)));
  }

  @Test
  void isAllowed_namedPort_isThePods() {
    assertTrue(policies.isAllowed(FRONTEND, BACKEND, PortProtocol.tcp(9100)));
    assertFalse(
        policies.isAllowed(FRONTEND, Party.pod("shop", "app=backend"), PortProtocol.tcp(9100)));
  }

  @Test
  void isAllowed_addressesAndEntities_areParties() {
    assertTrue(policies.isAllowed(Party.addresses("192.0.2.7"), BACKEND, PortProtocol.tcp(443)));
    assertFalse(policies.isAllowed(Party.addresses("192.0.3.7"), BACKEND, PortProtocol.tcp(443)));
    assertFalse(policies.isAllowed(Party.entity("world"), BACKEND, PortProtocol.tcp(443)));
    assertTrue(policies.isAllowed(Party.entity("kube-apiserver"), BACKEND, PortProtocol.icmp(8)));
    assertFalse(policies.isAllowed(Party.entity("kube-apiserver"), BACKEND, PortProtocol.icmp(13)));
    assertEquals(
        Optional.empty(),
        policies.explain(Party.entity("world"), BACKEND, PortProtocol.tcp(443)).egress());
  }

  @Test
  void isAllowed_addressOfAGroup_isItsMember() {
    PolicySet grouped =
        PolicySet.parse(
            """
            apiVersion: cilium.io/v2
            kind: CiliumCIDRGroup
            metadata: {name: office}
            spec: {externalCIDRs: [198.51.100.0/24]}
            ---
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: office, namespace: shop}
            spec:
              endpointSelector: {}
              ingress:
              - fromCIDRSet: [{cidrGroupRef: office}]
            """,
            "office.yaml");

    assertTrue(grouped.isAllowed(Party.addresses("198.51.100.9"), BACKEND, PortProtocol.tcp(1)));
    assertFalse(grouped.isAllowed(Party.addresses("198.51.101.9"), BACKEND, PortProtocol.tcp(1)));
  }

  @Test
  void explain_prefixThatRulesCut_isRefused() {
    var e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                policies.explain(Party.addresses("192.0.0.0/16"), BACKEND, PortProtocol.tcp(443)));
    assertTrue(String.valueOf(e.getMessage()).contains("192.0.2.0/24"), e.getMessage());
  }

  @Test
  void allowed_betweenTwoPods_isEveryPortThatPasses() {
    assertEquals(
        List.of(new PortRange(Protocol.TCP, 8080, 8095), new PortRange(Protocol.TCP, 9100, 9100)),
        policies.allowed(FRONTEND, BACKEND));
    assertEquals(List.of(PortRange.ANY), policies.allowed(Party.pod("tools", "a=b"), BACKEND));
    assertEquals(List.of(), policies.allowed(BACKEND, FRONTEND));
    assertEquals(
        List.of(new PortRange(Protocol.ICMP, 8, 8)),
        policies.allowed(Party.entity("kube-apiserver"), BACKEND));
  }

  @Test
  void rules_thatSelectNobody_areTold() {
    List<PolicySet.Rule> onlyRestricting =
        policies.rules().stream().filter(rule -> !rule.selectsPeers()).toList();

    assertEquals(1, onlyRestricting.size(), policies.rules().toString());
    assertEquals("NetworkPolicy/shop/closed", onlyRestricting.getFirst().origin().resource());
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 65_536, 80_000})
  void tcp_portThatIsNone_isRefused(int port) {
    assertThrows(IllegalArgumentException.class, () -> PortProtocol.tcp(port));
  }

  @Test
  void portProtocol_ofWrongKind_isRefused() {
    assertThrows(IllegalArgumentException.class, () -> PortProtocol.icmp(256));
    assertThrows(IllegalArgumentException.class, () -> new PortProtocol(Protocol.GRE, 80));
    assertThrows(IllegalArgumentException.class, () -> new PortProtocol(Protocol.ANY, 80));
    for (String text : List.of("", "80/", "80/XYZ", "http/TCP", "999999", "80/ANY", "-1/TCP")) {
      assertThrows(IllegalArgumentException.class, () -> PortProtocol.parse(text), text);
    }
    assertEquals(PortProtocol.udp(53), PortProtocol.parse("53/udp"));
    assertEquals(PortProtocol.tcp(80), PortProtocol.parse("80"));
  }

  @Test
  void party_thatNoPacketIsFrom_isRefused() {
    for (ReservedIdentity identity : ReservedIdentity.values()) {
      if (identity.isAggregate() || identity == ReservedIdentity.UNKNOWN) {
        assertThrows(IllegalArgumentException.class, () -> new Party.Entity(identity));
      }
    }
    for (String name : List.of("", "all", "cluster", "aggregate-world", "unknown", "1")) {
      assertThrows(IllegalArgumentException.class, () -> Party.entity(name), name);
    }
    assertThrows(IllegalArgumentException.class, () -> Party.pod("shop", "app"));
    assertThrows(IllegalArgumentException.class, () -> Party.pod("", "app=x"));
    assertThrows(IllegalArgumentException.class, () -> Party.addresses("10.0.0.0/33"));
  }
}
