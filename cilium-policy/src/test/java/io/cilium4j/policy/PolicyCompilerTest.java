// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static io.cilium4j.core.TrafficDirection.EGRESS;
import static io.cilium4j.core.TrafficDirection.INGRESS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The edge cases of the language, as its users meet them. */
class PolicyCompilerTest {
  private static final int TCP = 6;
  private static final int UDP = 17;
  private static final int ICMP = 1;
  private static final int ICMPV6 = 58;

  private static final int A = 1001;
  private static final int B = 1002;
  private static final int C = 1003;
  private static final int HOST = 1;
  private static final int WORLD = 2;
  private static final int HEALTH = 4;
  private static final int IN_10_1_1_1 = (1 << 24) + 1;
  private static final int IN_10_1 = (1 << 24) + 2;
  private static final int IN_10 = (1 << 24) + 3;

  private static Identity pod(int id, String namespace, String app) {
    return new Identity(
        id,
        Labels.parse(
            "k8s:app=" + app,
            "k8s:io.kubernetes.pod.namespace=" + namespace,
            "k8s:io.cilium.k8s.namespace.labels.team=" + namespace,
            "k8s:io.cilium.k8s.policy.cluster=default"));
  }

  private static Identity world(int id, String prefix) {
    return new Identity(id, Labels.parse("cidr:" + prefix, "reserved:world-ipv4"));
  }

  private static final IdentitiesSnapshot IDENTITIES =
      IdentitiesSnapshot.reserved()
          .with(
              List.of(
                  new IdentitiesSnapshot.Peer(pod(A, "default", "a"), Map.of()),
                  new IdentitiesSnapshot.Peer(
                      pod(B, "default", "b"), Map.of("web", new NamedPort(TCP, 8080))),
                  new IdentitiesSnapshot.Peer(
                      pod(C, "other", "b"), Map.of("web", new NamedPort(TCP, 9090))),
                  new IdentitiesSnapshot.Peer(world(IN_10_1_1_1, "10.1.1.1/32"), Map.of()),
                  new IdentitiesSnapshot.Peer(world(IN_10_1, "10.1.0.0/16"), Map.of()),
                  new IdentitiesSnapshot.Peer(world(IN_10, "10.0.0.0/8"), Map.of())));

  /** The policy of pod {@code a}, of rules in its namespace. */
  private static CompiledPolicy compile(PolicyConfig config, String... specs) {
    var repository = new PolicyRepository(config);
    for (int i = 0; i < specs.length; i++) {
      String yaml =
          "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p"
              + i
              + "}\nspec:\n  endpointSelector: {}\n"
              + specs[i].indent(2);
      repository.add(PolicyParser.parse(yaml, "p" + i, config));
    }
    return new PolicyCompiler(config)
        .compile(PolicySubject.of(pod(A, "default", "a")), repository.snapshot(), IDENTITIES);
  }

  private static CompiledPolicy compile(String... specs) {
    return compile(PolicyConfig.DEFAULT, specs);
  }

  private static boolean passes(
      CompiledPolicy policy, TrafficDirection direction, int id, int protocol, int port) {
    boolean passes = policy.verdict(direction, id, protocol, port).passes();
    assertEquals(passes, policy.explain(direction, id, protocol, port).verdict().passes());
    return passes;
  }

  @Test
  void ingress_oneEmptyItem_isDefaultDenyAndNotAllowAll() {
    CompiledPolicy policy = compile("ingress: [{}]");
    assertFalse(passes(policy, INGRESS, B, TCP, 80));
    assertTrue(passes(policy, INGRESS, HOST, TCP, 80));
    assertTrue(passes(policy, EGRESS, B, TCP, 80));
  }

  @Test
  void fromEndpoints_emptyList_selectsNobodyEvenWithPorts() {
    String ports = "  toPorts: [{ports: [{port: \"80\", protocol: TCP}]}]";
    CompiledPolicy empty = compile("ingress:\n- fromEndpoints: []\n" + ports);
    assertFalse(passes(empty, INGRESS, B, TCP, 80));
    CompiledPolicy absent = compile("ingress:\n-" + ports.substring(1));
    assertTrue(passes(absent, INGRESS, B, TCP, 80));
    assertTrue(passes(absent, INGRESS, WORLD, TCP, 80));
  }

  @Test
  void toFqdns_emptyList_opensNothingUnlessAsTheReference() {
    String spec = "egress:\n- toFQDNs: []\n  toPorts: [{ports: [{port: \"443\"}]}]";
    assertFalse(passes(compile(spec), EGRESS, WORLD, TCP, 443));
    CompiledPolicy compat = compile(PolicyConfig.DEFAULT.withReferenceCompat(), spec);
    assertTrue(passes(compat, EGRESS, WORLD, TCP, 443));
  }

  @Test
  void toServices_noneMatches_opensNothingUnlessAsTheReference() {
    String spec =
        "egress:\n- toServices: [{k8sService: {serviceName: db}}]\n"
            + "  toPorts: [{ports: [{port: \"80\"}]}]";
    assertFalse(passes(compile(spec), EGRESS, WORLD, TCP, 80));
    CompiledPolicy compat = compile(PolicyConfig.DEFAULT.withReferenceCompat(), spec);
    assertTrue(passes(compat, EGRESS, WORLD, TCP, 80));
  }

  @Test
  void fromEndpoints_wildcard_isOwnNamespace() {
    CompiledPolicy policy = compile("ingress: [{fromEndpoints: [{}]}]");
    assertTrue(passes(policy, INGRESS, B, TCP, 80));
    assertFalse(passes(policy, INGRESS, C, TCP, 80));
    assertFalse(passes(policy, INGRESS, WORLD, TCP, 80));
    assertTrue(passes(policy, INGRESS, B, ICMP, 8));
  }

  @Test
  void deny_wide_beatsNarrowAllow() {
    CompiledPolicy policy =
        compile("egress: [{toCIDR: [10.1.1.1/32]}]", "egressDeny: [{toCIDR: [10.0.0.0/8]}]");
    assertFalse(passes(policy, EGRESS, IN_10_1_1_1, TCP, 80));
  }

  @Test
  void deny_cidrWithHole_leavesTheHoleToOtherRules() {
    CompiledPolicy policy =
        compile(
            "egress: [{toEntities: [world]}]",
            "egressDeny: [{toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]}]");
    assertTrue(passes(policy, EGRESS, IN_10_1, TCP, 80));
    assertTrue(passes(policy, EGRESS, IN_10_1_1_1, TCP, 80));
    assertFalse(passes(policy, EGRESS, IN_10, TCP, 80));
  }

  @Test
  void deny_portRangeInAllow_cutsAHole() {
    CompiledPolicy policy =
        compile(
            "ingress: [{fromEndpoints: [{}], toPorts: [{ports: [{port: \"1\", endPort: 65535}]}]}]",
            "ingressDeny: [{toPorts: [{ports: [{port: \"80\", endPort: 90}]}]}]");
    assertTrue(passes(policy, INGRESS, B, TCP, 79));
    for (int port = 80; port <= 90; port++) {
      assertFalse(passes(policy, INGRESS, B, TCP, port), "port " + port);
    }
    assertTrue(passes(policy, INGRESS, B, TCP, 91));
  }

  @Test
  void world_entity_coversUnknownPrefixes() {
    CompiledPolicy policy = compile("egress: [{toEntities: [world]}]");
    assertTrue(passes(policy, EGRESS, (1 << 24) + 999, TCP, 80));
    assertFalse(passes(policy, EGRESS, B, TCP, 80));
  }

  @Test
  void l7_onPortRange_isNotBypassedByPlainAllow() {
    CompiledPolicy policy =
        compile(
            "ingress:\n- toPorts:\n  - ports: [{port: \"64\", endPort: 127, protocol: TCP}]\n"
                + "    rules: {http: [{method: GET}]}",
            "ingress: [{toPorts: [{ports: [{port: \"80\", protocol: TCP}]}]}]");
    assertEquals(Verdict.REDIRECTED, policy.verdict(INGRESS, B, TCP, 80));
  }

  @Test
  void namedPort_egress_isResolvedPerPeer() {
    CompiledPolicy policy = compile("egress: [{toPorts: [{ports: [{port: web, protocol: TCP}]}]}]");
    assertTrue(passes(policy, EGRESS, B, TCP, 8080));
    assertFalse(passes(policy, EGRESS, B, TCP, 9090));
    assertTrue(passes(policy, EGRESS, C, TCP, 9090));
    assertFalse(passes(policy, EGRESS, WORLD, TCP, 8080));
  }

  @Test
  void reservedSelector_getsNoNamespace() {
    CompiledPolicy policy =
        compile(
            "ingress:\n- fromEndpoints:\n"
                + "  - matchExpressions: [{key: \"reserved:health\", operator: DoesNotExist}]");
    assertTrue(passes(policy, INGRESS, C, TCP, 80));
    assertTrue(passes(policy, INGRESS, WORLD, TCP, 80));
    assertFalse(passes(policy, INGRESS, HEALTH, TCP, 80));
  }

  @Test
  void doesNotExist_inNamespacedPolicy_staysInTheNamespace() {
    CompiledPolicy policy =
        compile(
            "ingress:\n- fromEndpoints:\n"
                + "  - matchExpressions: [{key: nokey, operator: DoesNotExist}]");
    assertTrue(passes(policy, INGRESS, B, TCP, 80));
    assertFalse(passes(policy, INGRESS, C, TCP, 80));
    assertFalse(passes(policy, INGRESS, WORLD, TCP, 80));
  }

  @Test
  void enableDefaultDeny_false_leavesOthersOpen() {
    CompiledPolicy policy =
        compile("enableDefaultDeny: {egress: false}\negressDeny: [{toEntities: [world]}]");
    assertFalse(passes(policy, EGRESS, WORLD, TCP, 80));
    assertTrue(passes(policy, EGRESS, B, TCP, 80));
  }

  @Test
  void icmpTypeZero_isThatTypeAlone() {
    String echoReply = "ingress: [{icmps: [{fields: [{type: EchoReply}]}]}]";
    CompiledPolicy policy = compile(echoReply);
    assertTrue(passes(policy, INGRESS, B, ICMP, 0));
    assertFalse(passes(policy, INGRESS, B, ICMP, 8));
    assertFalse(passes(policy, INGRESS, B, UDP, 0));
    CompiledPolicy compat = compile(PolicyConfig.DEFAULT.withReferenceCompat(), echoReply);
    assertTrue(passes(compat, INGRESS, B, ICMP, 8));
    assertFalse(passes(compat, INGRESS, B, UDP, 8));
  }

  @Test
  void icmpTypeZero_deniedOrOfIpv6_isThatTypeAlone() {
    for (int protocol : new int[] {ICMP, ICMPV6}) {
      String family = protocol == ICMP ? "IPv4" : "IPv6";
      String type0 = "{icmps: [{fields: [{family: " + family + ", type: 0}]}]}";
      for (TrafficDirection direction : TrafficDirection.values()) {
        boolean in = direction == INGRESS;
        String section = in ? "ingress" : "egress";
        CompiledPolicy allowed = compile(section + ": [" + type0 + "]");
        assertTrue(passes(allowed, direction, B, protocol, 0));
        assertFalse(passes(allowed, direction, B, protocol, 1));
        String all = section + ": [{" + (in ? "from" : "to") + "Endpoints: [{}]}]\n";
        CompiledPolicy denied = compile(all + section + "Deny: [" + type0 + "]");
        assertFalse(passes(denied, direction, B, protocol, 0));
        assertTrue(passes(denied, direction, B, protocol, 1));
        assertTrue(passes(denied, direction, B, TCP, 0));
      }
    }
  }

  @Test
  void always_withoutRules_deniesAllButTheHost() {
    PolicyConfig always = PolicyConfig.DEFAULT.withEnforcement(EnforcementMode.ALWAYS);
    CompiledPolicy policy = compile(always);
    assertTrue(passes(policy, INGRESS, HOST, TCP, 80));
    assertFalse(passes(policy, INGRESS, B, TCP, 80));
    assertFalse(passes(policy, EGRESS, B, TCP, 80));
    assertFalse(passes(policy, EGRESS, HOST, TCP, 80));
    assertFalse(passes(compile(always.withoutLocalhostAccess()), INGRESS, HOST, TCP, 80));
    assertFalse(passes(compile(always.withReferenceCompat()), INGRESS, HOST, TCP, 80));
  }

  @Test
  void always_hostDenied_deniesTheHost() {
    PolicyConfig always = PolicyConfig.DEFAULT.withEnforcement(EnforcementMode.ALWAYS);
    CompiledPolicy policy = compile(always, "ingressDeny: [{fromEntities: [host]}]");
    assertFalse(passes(policy, INGRESS, HOST, TCP, 80));
  }

  @Test
  void explain_ofAnAllow_namesRuleAndPath() {
    CompiledPolicy policy =
        compile(
            "ingress:\n- fromEndpoints: [{matchLabels: {app: b}}]\n"
                + "  toPorts: [{ports: [{port: \"80\", protocol: TCP}]}]");
    Explanation allowed = policy.explain(INGRESS, B, TCP, 80);
    assertEquals(
        "CiliumNetworkPolicy/default/p0 spec.ingress[0].toPorts[0]",
        allowed.decider().orElseThrow().toString());
    assertTrue(allowed.remedy().isEmpty());
  }

  @Test
  void explain_ofDefaultDeny_namesWhatRestrictsAndWhatWouldHelp() {
    CompiledPolicy policy = compile("ingress: [{fromEndpoints: [{matchLabels: {app: x}}]}]");
    Explanation denied = policy.explain(INGRESS, C, TCP, 80);
    assertEquals(Verdict.DENIED, denied.verdict());
    assertTrue(denied.decider().isEmpty());
    assertEquals(1, denied.restrictedBy().size());
    assertEquals(1, denied.others().size());
    var repository = new PolicyRepository(PolicyConfig.DEFAULT);
    repository.add(
        PolicyParser.parse(PolicyWriter.toJson(denied.remedy().orElseThrow()), "remedy"));
    CompiledPolicy after =
        new PolicyCompiler(PolicyConfig.DEFAULT)
            .compile(policy.subject(), repository.snapshot(), IDENTITIES);
    assertTrue(passes(after, INGRESS, C, TCP, 80));
    assertFalse(passes(after, INGRESS, C, TCP, 81));
    assertFalse(passes(after, INGRESS, B, TCP, 80));
  }

  @Test
  void with_identityThatComesAndGoes_isThatOfAFreshCompilation() {
    CompiledPolicy before = compile("ingress: [{fromEndpoints: [{}]}]");
    IdentitiesSnapshot more = IDENTITIES.with(pod(1009, "default", "z"));
    CompiledPolicy after = before.with(more);
    assertFalse(passes(before, INGRESS, 1009, TCP, 80));
    assertTrue(passes(after, INGRESS, 1009, TCP, 80));
    CompiledPolicy gone = after.with(more.without(List.of(1009)));
    assertEquals(before.state(), gone.state());
  }

  @Test
  void warnings_ofEmptyListsAndForeignNamespaces_nameTheirPaths() {
    String yaml =
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: p}
        spec:
          endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system}}
          ingress:
          - fromEndpoints: []
          - toPorts: [{ports: []}]
        """;
    List<String> warnings = PolicyWarnings.of(PolicyParser.parse(yaml, "p").getFirst());
    assertEquals(3, warnings.size(), warnings.toString());
    assertTrue(warnings.get(1).startsWith("CiliumNetworkPolicy default/p: spec.ingress[0]: "));
  }

  @Test
  void warnings_rulesInADirectionLeftOut_areEnforcedAllTheSame() {
    String yaml =
        """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: p}
        spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{}], egress: [{}]}
        """;
    assertEquals(
        List.of(
            "NetworkPolicy default/p: spec.egress: policyTypes leaves Egress out: its rules are"
                + " enforced as by Cilium, where others ignore them"),
        PolicyWarnings.of(PolicyParser.parse(yaml, "p").getFirst()));
    String without = yaml.replace("policyTypes: [Ingress], ", "");
    assertEquals(List.of(), PolicyWarnings.of(PolicyParser.parse(without, "p").getFirst()));
  }

  @Test
  void cookie_ofAReplacedPolicy_staysWithItsPath() {
    var repository = new PolicyRepository(PolicyConfig.DEFAULT);
    String yaml =
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: p}
        spec: {endpointSelector: {}, ingress: [{fromEntities: [world]}]}
        """;
    PolicyResource policy = PolicyParser.parse(yaml, "p").getFirst();
    RulesSnapshot first = repository.add(policy);
    RulesSnapshot second = repository.add(policy);
    assertEquals(first.origin(1), second.origin(1));
    assertTrue(second.revision() > first.revision());
    RulesSnapshot third = repository.delete(policy.resource());
    assertTrue(third.origin(1).isEmpty());
    assertTrue(first.origin(1).isPresent());
  }
}
