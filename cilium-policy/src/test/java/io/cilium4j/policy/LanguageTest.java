// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the reference cases lack: services, groups, nodes, options, and what clusters add. */
class LanguageTest {
  private static final String COMPAT = "config: {reference-compat: true}\n";
  private static final String NODES = "config: {enable-node-selector-labels: true}\n";

  private static final String SERVICES =
      """
      services:
      - {name: db, namespace: other, labels: {tier: data}, selector: {app: b}}
      - {name: outside, labels: {tier: data}, backends: [10.1.1.1]}
      """;

  private static final String PORT_80 = "  toPorts: [{ports: [{port: \"80\", protocol: TCP}]}]";

  // ---- toServices

  @Test
  void toServices_byName_reachesThePodsBehindIt() {
    String policy =
        Ask.aboutA("egress:", "- toServices: [{k8sService: {serviceName: db, namespace: other}}]");
    assertEquals(
        List.of("ALLOWED/ALLOWED", "DENIED/ALLOWED", "DENIED/ALLOWED"),
        Ask.flows(policy, SERVICES, "a > c tcp 80", "a > b tcp 80", "a > ten1host tcp 80"));
  }

  @Test
  void toServices_byLabel_reachesPodsAndAddresses() {
    String policy =
        Ask.aboutA(
            "egress:",
            "- toServices:",
            "  - k8sServiceSelector: {selector: {matchLabels: {tier: data}}}",
            PORT_80);
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/ALLOWED", "DENIED/ALLOWED", "DENIED/ALLOWED"),
        Ask.flows(
            policy,
            SERVICES,
            "a > c tcp 80",
            "a > ten1host tcp 80",
            "a > ten1 tcp 80",
            "a > c tcp 81"));
  }

  @Test
  void toServices_inAnotherNamespaceThanNamed_isNobody() {
    String policy =
        Ask.aboutA("egress:", "- toServices: [{k8sService: {serviceName: db, namespace: x}}]");
    assertEquals(List.of("DENIED/ALLOWED"), Ask.flows(policy, SERVICES, "a > c tcp 80"));
  }

  @Test
  void toServices_denied_isNobodyElse() {
    String policy =
        Ask.aboutA(
            "egress: [{toEntities: [all]}]",
            "egressDeny:",
            "- toServices: [{k8sService: {serviceName: db, namespace: other}}]",
            PORT_80);
    assertEquals(
        List.of("DENIED/ALLOWED", "ALLOWED/ALLOWED"),
        Ask.flows(policy, SERVICES, "a > c tcp 80", "a > b tcp 80"));
    // The reference does not look the services of denials up, and so denies the port to all.
    assertEquals(
        List.of("DENIED/ALLOWED", "DENIED/ALLOWED", "ALLOWED/ALLOWED"),
        Ask.flows(policy, SERVICES + COMPAT, "a > c tcp 80", "a > b tcp 80", "a > b tcp 81"));
  }

  @Test
  void toServices_nobodyBehind_opensNothingUnlessAsTheReference() {
    String policy = Ask.aboutA("egress:", "- toServices: [{}]", PORT_80);
    assertEquals(List.of("DENIED/ALLOWED"), Ask.flows(policy, "a > b tcp 80"));
    assertEquals(List.of("ALLOWED/ALLOWED"), Ask.flows(policy, COMPAT, "a > b tcp 80"));
  }

  @Test
  void setServices_afterThePolicy_isSeenByIt() {
    PolicyCase world =
        Ask.of(Ask.aboutA("egress:", "- toServices: [{k8sService: {serviceName: late}}]"));
    PolicyRepository repository = world.repository();
    int peer = Ask.id("ten1host");
    assertEquals(
        Verdict.DENIED,
        Ask.compileA(world, repository.snapshot()).verdict(TrafficDirection.EGRESS, peer, 6, 80));
    List<IpAddress> backends = List.of(IpAddress.parse("10.1.1.1"));
    repository.setServices(
        List.of(new PolicyService("default", "late", Map.of(), Map.of(), backends)));
    assertEquals(
        Verdict.ALLOWED,
        Ask.compileA(world, repository.snapshot()).verdict(TrafficDirection.EGRESS, peer, 6, 80));
  }

  // ---- Groups

  private static final String GROUPS =
      """
      cidrGroups:
      - {name: corp, labels: {env: prod}, cidrs: [10.1.0.0/16]}
      - {name: all, labels: {env: test}, cidrs: [10.0.0.0/8]}
      """;

  @Test
  void cidrGroupRef_selectsPrefixesInside() {
    String policy = Ask.aboutA("egress: [{toCIDRSet: [{cidrGroupRef: corp}]}]");
    assertEquals(
        List.of("DENIED/ALLOWED", "ALLOWED/ALLOWED", "ALLOWED/ALLOWED", "DENIED/ALLOWED"),
        Ask.flows(
            policy,
            GROUPS,
            "a > ten tcp 80",
            "a > ten1 tcp 80",
            "a > ten1host tcp 80",
            "a > b tcp 80"));
  }

  @Test
  void cidrGroupSelector_ofEveryOperator_selectsByLabel() {
    String[] flows = {GROUPS, "a > ten tcp 80", "a > ten1 tcp 80", "a > six tcp 80"};
    String in = "matchExpressions: [{key: env, operator: In, values: [prod, x]}]";
    assertEquals(
        List.of("DENIED/ALLOWED", "ALLOWED/ALLOWED", "DENIED/ALLOWED"),
        Ask.flows(bySelector(in), flows));
    // The narrower prefix is in both groups, so it has both values.
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/ALLOWED", "DENIED/ALLOWED"),
        Ask.flows(bySelector("matchLabels: {env: test}"), flows));
    String notIn = "matchExpressions: [{key: env, operator: NotIn, values: [prod]}]";
    assertEquals(
        List.of("ALLOWED/ALLOWED", "DENIED/ALLOWED", "ALLOWED/ALLOWED"),
        Ask.flows(bySelector(notIn), flows));
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/ALLOWED", "DENIED/ALLOWED"),
        Ask.flows(bySelector("matchExpressions: [{key: env, operator: Exists}]"), flows));
    assertEquals(
        List.of("DENIED/ALLOWED", "DENIED/ALLOWED", "ALLOWED/ALLOWED"),
        Ask.flows(bySelector("matchExpressions: [{key: env, operator: DoesNotExist}]"), flows));
  }

  private static String bySelector(String selector) {
    return Ask.aboutA("egress: [{toCIDRSet: [{cidrGroupSelector: {" + selector + "}}]}]");
  }

  @Test
  void cidrGroup_amongThePolicies_countsAsWell() {
    String group =
        """
        - apiVersion: cilium.io/v2
          kind: CiliumCIDRGroup
          metadata: {name: corp}
          spec: {externalCIDRs: [10.1.0.0/16]}
        """;
    String policy =
        Ask.aboutA("egress: [{toCIDRSet: [{cidrGroupRef: corp, except: [10.1.1.1/32]}]}]");
    assertEquals(
        List.of("ALLOWED/ALLOWED", "DENIED/ALLOWED"),
        Ask.flows(policy + group, "a > ten1 tcp 80", "a > ten1host tcp 80"));
  }

  @Test
  void groups_ofAProvider_selectItsPrefixes() {
    String policy = Ask.aboutA("egress: [{toGroups: [{aws: {securityGroupsIds: [sg-1]}}]}]");
    String groups = "groups: [{group: {aws: {securityGroupsIds: [sg-1]}}, cidrs: [10.1.0.0/16]}]\n";
    assertEquals(
        List.of("ALLOWED/ALLOWED", "DENIED/ALLOWED"),
        Ask.flows(policy, groups, "a > ten1 tcp 80", "a > ten tcp 80"));
  }

  // ---- Nodes and the host

  @Test
  void fromNodes_byLabel_selectsOtherNodesOnly() {
    String policy = Ask.aboutA("ingress: [{fromNodes: [{matchLabels: {\"node:zone\": a}}]}]");
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/DENIED", "ALLOWED/DENIED"),
        Ask.flows(policy, NODES, "node > a tcp 80", "host > a tcp 80", "remote > a tcp 80"));
  }

  @Test
  void cidr_ofNodes_matchesInThatModeOnly() {
    String policy = Ask.aboutA("ingress: [{fromCIDR: [192.0.2.0/24]}]");
    assertEquals(List.of("ALLOWED/DENIED"), Ask.flows(policy, "node > a tcp 80"));
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/DENIED"),
        Ask.flows(
            policy,
            "config: {policy-cidr-match-mode: [nodes]}\n",
            "node > a tcp 80",
            "b > a tcp 80"));
  }

  @Test
  void nodeSelector_isAboutTheHostAndWithFirewallOnly() {
    String policy =
        Ask.policy(
            "CiliumClusterwideNetworkPolicy",
            "nodeSelector: {}",
            "ingress: [{fromEntities: [world]}]");
    String[] flows = {"b > host tcp 80", "world > host tcp 80", "b > a tcp 80"};
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/ALLOWED", "ALLOWED/ALLOWED"), Ask.flows(policy, flows));
    assertEquals(
        List.of("ALLOWED/DENIED", "ALLOWED/ALLOWED", "ALLOWED/ALLOWED"),
        Ask.flows(policy + "config: {enable-host-firewall: true}\n", flows));
  }

  @Test
  void flow_ofAnUnknownIdentity_isAnError() {
    for (String end : List.of("from", "to")) {
      for (int unknown : new int[] {0, 11, 14, 4711, 16_800_000}) {
        String flow =
            "flows: [{from: 2, to: 2, proto: TCP}]".replace(end + ": 2", end + ": " + unknown);
        for (PolicyConfig config :
            List.of(PolicyConfig.DEFAULT, PolicyConfig.DEFAULT.withReferenceCompat())) {
          var refusal =
              assertThrows(
                  PolicyParseException.class, () -> PolicyCase.parse(flow, "case", config));
          assertEquals("flows[0]." + end, refusal.path());
        }
      }
    }
  }

  // ---- Modes

  @Test
  void enforcement_perEndpoint_overridesTheConfiguration() {
    String always =
        "identities: [{id: 7000, labels: [\"k8s:x=y\"], enforcement: always},"
            + " {id: 7001, labels: [\"k8s:x=z\"]}]\n"
            + "flows: [{from: 2, to: 7000, proto: TCP, port: 80},"
            + " {from: 2, to: 7001, proto: TCP, port: 80}]\n";
    assertEquals(
        List.of(
            "{\"egress\":\"ALLOWED\",\"flow\":0,\"ingress\":\"DENIED\"}",
            "{\"egress\":\"ALLOWED\",\"flow\":1,\"ingress\":\"ALLOWED\"}"),
        PolicyCase.parse(always, "case", PolicyConfig.DEFAULT).answers());
    assertEquals(
        List.of(
            "{\"egress\":\"DENIED\",\"flow\":0,\"ingress\":\"DENIED\"}",
            "{\"egress\":\"DENIED\",\"flow\":1,\"ingress\":\"DENIED\"}"),
        PolicyCase.parse(always + "config: {enable-policy: always}\n", "c", PolicyConfig.DEFAULT)
            .answers());
  }

  @Test
  void never_isAllowAllWhateverTheRules() {
    String policy = Ask.aboutA("ingressDeny: [{fromEntities: [all]}]");
    assertEquals(
        List.of("ALLOWED/ALLOWED"),
        Ask.flows(policy, "config: {enable-policy: never}\n", "b > a tcp 80"));
  }

  @Test
  void always_withoutRules_letsTheHostIn() {
    String options = "config: {enable-policy: always, allow-localhost: always}\n";
    String[] flows = {"host > a tcp 80", "b > a tcp 80", "remote > a tcp 80", "host > init tcp 80"};
    String[] asked = Stream.concat(Stream.of(options), Stream.of(flows)).toArray(String[]::new);
    assertEquals(
        List.of("ALLOWED/ALLOWED", "DENIED/DENIED", "DENIED/DENIED", "ALLOWED/ALLOWED"),
        Ask.flows("", asked));
    asked[0] = options.replace("{", "{reference-compat: true, ");
    assertEquals(
        List.of("ALLOWED/DENIED", "DENIED/DENIED", "DENIED/DENIED", "ALLOWED/DENIED"),
        Ask.flows("", asked));
    String egressOnly = Ask.aboutA("egress: [{}]");
    assertEquals(List.of("ALLOWED/ALLOWED"), Ask.flows(egressOnly, options, "host > a tcp 80"));
    String rule = Ask.aboutA("ingress: [{fromEndpoints: [{}]}]");
    assertEquals(List.of("ALLOWED/ALLOWED"), Ask.flows(rule, options, "host > a tcp 80"));
  }

  @Test
  void init_isDefaultDenyWithoutRules() {
    assertEquals(
        List.of("DENIED/ALLOWED", "ALLOWED/DENIED"),
        Ask.flows("", "init > a tcp 80", "a > init tcp 80"));
  }

  @Test
  void audit_letsDenialsThroughAndSaysSo() {
    String policy =
        Ask.aboutA("ingress: [{fromEndpoints: [{}]}]", "ingressDeny: [{fromEntities: [health]}]");
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/AUDITED", "ALLOWED/AUDITED"),
        Ask.flows(
            policy,
            "config: {policy-audit-mode: true}\n",
            "b > a tcp 80",
            "world > a tcp 80",
            "health > a tcp 80"));
  }

  @Test
  void nonDefaultDeny_off_restrictsWhateverTheRuleSays() {
    String policy =
        Ask.aboutA("enableDefaultDeny: {ingress: false}", "ingress: [{fromEndpoints: [{}]}]");
    assertEquals(List.of("ALLOWED/ALLOWED"), Ask.flows(policy, "world > a tcp 80"));
    assertEquals(
        List.of("ALLOWED/DENIED"),
        Ask.flows(
            policy, "config: {enable-non-default-deny-policies: false}\n", "world > a tcp 80"));
  }

  @Test
  void localCluster_off_reachesTheSameNamespaceOfOthers() {
    String policy = Ask.aboutA("ingress: [{fromEndpoints: [{}]}]");
    assertEquals(List.of("ALLOWED/DENIED"), Ask.flows(policy, "far > a tcp 80"));
    assertEquals(
        List.of("ALLOWED/ALLOWED"),
        Ask.flows(policy, "config: {policy-default-local-cluster: false}\n", "far > a tcp 80"));
  }

  @Test
  void singleStack_hasOneWorld() {
    String policy = Ask.aboutA("egress: [{toCIDR: [0.0.0.0/0]}]");
    assertEquals(List.of("DENIED/ALLOWED"), Ask.flows(policy, "a > world tcp 80"));
    assertEquals(
        List.of("ALLOWED/ALLOWED"),
        Ask.flows(policy, "config: {enable-ipv6: false}\n", "a > world tcp 80"));
  }

  // ---- Plain rules, as the API takes them

  @Test
  void plainRules_haveNoNamespaceAndNoCluster() {
    String rules =
        """
        - - endpointSelector: {matchLabels: {app: a}}
            ingress: [{fromEndpoints: [{matchLabels: {app: b}}]}]
            labels: [{key: owner, value: me, source: k8s}]
        """;
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/ALLOWED", "ALLOWED/ALLOWED", "ALLOWED/DENIED"),
        Ask.flows(rules, "b > a tcp 80", "c > a tcp 80", "far > a tcp 80", "world > a tcp 80"));
  }

  @Test
  void plainRules_readBackEqual() {
    String text =
        "[{\"endpointSelector\": {}, \"ingress\": [{}]}, {\"nodeSelector\": {}, \"egress\": [{}]}]";
    PolicyResource rules = PolicyParser.parse(text, "rules.json").getFirst();
    assertEquals(List.of(rules), PolicyParser.parse(PolicyWriter.toJson(rules), "rules.json"));
    assertEquals("Rules rules.json", rules.resource().toString());
  }

  // ---- NetworkPolicy

  @Test
  void networkPolicy_podSelectorNamingANamespace_staysInItsOwn() {
    String policy =
        Ask.network(
            """
            podSelector: {matchLabels: {app: a}}
            ingress:
            - from: [{podSelector: {matchLabels: {io.kubernetes.pod.namespace: other}}}]
            """);
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/DENIED"),
        Ask.flows(policy, "b > a tcp 80", "c > a tcp 80"));
  }

  @Test
  void networkPolicy_portAsText_isANumberWhereItIsOne() {
    String policy =
        Ask.network("podSelector: {}\ningress: [{ports: [{port: \"80\"}, {port: web}]}]\n");
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/ALLOWED", "ALLOWED/DENIED"),
        Ask.flows(policy, "b > a tcp 80", "b > a tcp 8000", "b > a tcp 81"));
  }

  @Test
  void networkPolicy_withoutSpec_deniesWhatComesIn() {
    String policy =
        "- {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy,"
            + " metadata: {name: n, namespace: default}}\n";
    assertEquals(
        List.of("ALLOWED/DENIED", "ALLOWED/ALLOWED"),
        Ask.flows(policy, "b > a tcp 80", "a > c tcp 80"));
  }

  // ---- ClusterNetworkPolicy

  @Test
  void clusterPolicy_domainNames_alsoAllowAskingForThem() {
    String policy =
        Ask.cluster(
            "Admin",
            1,
            """
            egress:
            - {action: Accept, to: [{domainNames: ["a.example"]}]}
            - {action: Deny, to: [{networks: ["0.0.0.0/0", "::/0"]}]}
            - {action: Deny, to: [{namespaces: {}}]}
            """);
    assertEquals(
        List.of(
            "ALLOWED/ALLOWED",
            "DENIED/ALLOWED",
            "REDIRECTED/ALLOWED",
            "REDIRECTED/ALLOWED",
            "DENIED/ALLOWED"),
        Ask.flows(
            policy,
            "a > name tcp 443",
            "a > ten tcp 443",
            "a > c udp 53",
            "a > c tcp 53",
            "a > c tcp 54"));
  }

  @Test
  void clusterPolicy_unknownPeer_neverWeakensADenial() {
    String accept = "egress: [{action: Accept, to: [{galaxies: {}}]}]";
    String pass = "egress: [{action: Pass, to: [{galaxies: {}}]}]";
    assertEquals(
        List.of("ALLOWED/ALLOWED"), Ask.flows(Ask.cluster("Admin", 1, accept), "a > b tcp 80"));
    assertEquals(
        List.of("DENIED/ALLOWED"), Ask.flows(Ask.cluster("Admin", 1, pass), "a > b tcp 80"));
  }

  @Test
  void clusterPolicy_nodes_areTheHostAndTheOthers() {
    String policy = Ask.cluster("Admin", 1, "egress: [{action: Deny, to: [{nodes: {}}]}]");
    assertEquals(
        List.of("DENIED/ALLOWED", "DENIED/ALLOWED", "ALLOWED/ALLOWED"),
        Ask.flows(policy, NODES, "a > host tcp 80", "a > node tcp 80", "a > b tcp 80"));
  }
}
