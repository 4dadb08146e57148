// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is accepted and what is refused, as the reference does, and what a refusal says. */
class ValidationTest {
  private static final String SUBJECT = "endpointSelector: {}\n";

  private static List<String> errors(PolicyConfig config, String spec) {
    String text =
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
            + "metadata: {name: p, namespace: default}\nspec:\n"
            + spec.indent(2);
    return PolicyParser.check(text, "f", config).errors().stream()
        .map(PolicyParseException::getMessage)
        .toList();
  }

  private static void accepted(String... specs) {
    for (String spec : specs) {
      assertEquals(List.of(), errors(PolicyConfig.DEFAULT, spec), spec);
    }
  }

  private static void refused(String... specs) {
    List<String> taken = new ArrayList<>();
    for (String spec : specs) {
      if (errors(PolicyConfig.DEFAULT, spec).isEmpty()
          || errors(PolicyConfig.DEFAULT.withReferenceCompat(), spec).isEmpty()) {
        taken.add(spec);
      }
    }
    assertEquals(List.of(), taken);
  }

  private static String ingress(String item) {
    return SUBJECT + "ingress:\n- " + item;
  }

  private static String egress(String item) {
    return SUBJECT + "egress:\n- " + item;
  }

  private static String ports(String port, String rest) {
    return "toPorts: [{ports: [{" + port + "}]" + rest + "}]";
  }

  @Test
  void subject_exactlyOneOfTwo_isWanted() {
    refused(
        "ingress: [{}]",
        SUBJECT + "nodeSelector: {}\ningress: [{}]",
        "nodeSelector: {}\ningress: [{}]");
    accepted(ingress("{}"));
  }

  @Test
  void sections_atLeastOneItem_isWanted() {
    refused(SUBJECT, SUBJECT + "ingress: []", SUBJECT + "enableDefaultDeny: {ingress: true}");
    accepted(SUBJECT + "egressDeny: [{}]");
  }

  @Test
  void specs_emptyList_isAcceptedAndSaysNothing() {
    String head = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p}\n";
    assertEquals(1, PolicyParser.parse(head + "specs: []", "f").size());
    PolicyResource policy = PolicyParser.parse(head + "specs: []", "f").getFirst();
    assertEquals(List.of(policy), PolicyParser.parse(PolicyWriter.toJson(policy), "f"));
    assertEquals(1, PolicyParser.check(head, "f", PolicyConfig.DEFAULT).errors().size());
    assertEquals(
        1, PolicyParser.check(head + "spec: null", "f", PolicyConfig.DEFAULT).errors().size());
  }

  @Test
  void selectors_keysValuesAndOperators_areKubernetes() {
    refused(
        "endpointSelector: {matchLabels: {\"a b\": c}}\ningress: [{}]",
        "endpointSelector: {matchLabels: {\"a:b:c\": d}}\ningress: [{}]",
        "endpointSelector: {matchLabels: {\"a-b:c\": d}}\ningress: [{}]",
        "endpointSelector: {matchLabels: {a: \"" + "x".repeat(64) + "\"}}\ningress: [{}]",
        "endpointSelector: {matchExpressions: [{key: a, operator: Gt, values: [\"1\"]}]}\ningress: [{}]",
        "endpointSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}\ningress: [{}]",
        "endpointSelector: {matchExpressions: [{key: a, operator: NotIn, values: []}]}\ningress: [{}]",
        ingress("fromEndpoints: [{matchLabels: {a: 1}}]"));
    accepted(
        "endpointSelector: {matchLabels: {\"k8s:a/b\": \"\", \"any:c\": d}}\ningress: [{}]",
        "endpointSelector: {matchExpressions: [{key: \"reserved:host\", operator: Exists}]}\ningress: [{}]");
  }

  @Test
  void peers_ofTwoKinds_areRefusedUnlessOneIsEmpty() {
    refused(
        ingress("{fromEndpoints: [{}], fromEntities: [world]}"),
        egress("{toFQDNs: [{matchName: a}], toServices: [{}]}"),
        egress("{toCIDR: [10.0.0.0/8], toCIDRSet: [{cidr: 10.0.0.0/8}]}"));
    accepted(ingress("{fromEndpoints: [], fromEntities: [world]}"));
  }

  @Test
  void prefixes_mustBePrefixes() {
    refused(
        ingress("fromCIDR: [10.0.0.0/33]"),
        ingress("fromCIDR: [10.0.0.0/08]"),
        ingress("fromCIDR: [010.0.0.0/8]"),
        ingress("fromCIDR: [\"\"]"),
        ingress("fromCIDR: [example.com]"),
        ingress("fromCIDRSet: [{cidr: 10.0.0.1}]"),
        ingress("fromCIDRSet: [{}]"),
        ingress("fromCIDRSet: [{cidr: 10.0.0.0/8, cidrGroupRef: g}]"),
        ingress("fromCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/8]}]"),
        ingress("fromCIDRSet: [{cidr: 10.1.0.0/16, except: [10.0.0.0/8]}]"),
        ingress("fromCIDRSet: [{cidr: 10.0.0.0/8, except: [\"::/0\"]}]"),
        ingress("fromCIDRSet: [{cidrGroupSelector: {matchLabels: {\"k8s:a\": b}}}]"));
    accepted(
        ingress("fromCIDR: [10.1.2.3/8, 10.1.2.3, \"2001:db8::1\"]"),
        ingress("fromCIDRSet: [{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}]"),
        ingress("fromCIDRSet: [{cidrGroupSelector: {}}]"));
  }

  @Test
  void ports_areNumbersOrNames() {
    refused(
        ingress(ports("protocol: TCP", "")),
        ingress(ports("port: \"\"", "")),
        ingress(ports("port: 80", "")),
        ingress(ports("port: \"65536\"", "")),
        ingress(ports("port: \"-1\"", "")),
        ingress(ports("port: \"08\"", "")),
        ingress(ports("port: \"8_\"", "")),
        ingress(ports("port: a--b", "")),
        ingress(ports("port: a-name-too-long-", "")),
        ingress(ports("port: \"80\", protocol: ICMP", "")),
        ingress(ports("port: \"80\", protocol: VRRP", "")),
        ingress(ports("port: \"80\", endPort: \"90\"", "")));
    accepted(
        ingress(ports("port: \"0\", protocol: VRRP", "")),
        ingress(ports("port: \"010\", protocol: tcp", "")),
        ingress(ports("port: \"1_000\"", "")),
        ingress(ports("port: HTTP-alt", "")),
        ingress(ports("port: \"100\", endPort: 50", "")),
        ingress(ports("port: web, endPort: 50", "")));
    String empty = ingress(ports("port: \"\", protocol: GRE", ""));
    PolicyConfig extended = PolicyConfig.DEFAULT.toBuilder().extendedProtocols(true).build();
    assertEquals(List.of(), errors(extended, empty));
  }

  @Test
  void items_beyondForty_areRefused() {
    String port = "{port: \"1\"},";
    accepted(ingress("toPorts: [{ports: [" + port.repeat(40) + "]}]"));
    refused(ingress("toPorts: [{ports: [" + port.repeat(41) + "]}]"));
    String type = "{type: 1},";
    accepted(ingress("icmps: [{fields: [" + type.repeat(40) + "]}]"));
    refused(ingress("icmps: [{fields: [" + type.repeat(41) + "]}]"));
  }

  @Test
  void icmps_familiesAndNames_areKnown() {
    refused(
        ingress("{icmps: [{fields: [{type: 8}]}], " + ports("port: \"80\"", "") + "}"),
        ingress("icmps: [{fields: [{type: 8, family: IPv5}]}]"),
        ingress("icmps: [{fields: [{type: 8, family: ipv4}]}]"),
        ingress("icmps: [{fields: [{type: PacketTooBig}]}]"),
        ingress("icmps: [{fields: [{type: \"00\"}]}]"),
        ingress("icmps: [{fields: [{type: \"8x\"}]}]"),
        ingress("icmps: [{fields: [{family: IPv4}]}]"));
    for (String type : List.of("{type: 256}", "{family: IPv6, type: \"300\"}")) {
      String beyond = ingress("icmps: [{fields: [" + type + "]}]");
      assertEquals(1, errors(PolicyConfig.DEFAULT, beyond).size(), beyond);
      assertEquals(List.of(), errors(PolicyConfig.DEFAULT.withReferenceCompat(), beyond));
    }
    accepted(
        ingress("icmps: [{fields: [{type: 255}, {type: \"8\"}, {type: EchoReply}]}]"),
        ingress("icmps: [{fields: [{type: PacketTooBig, family: IPv6}]}]"));
  }

  @Test
  void names_haveTheCharactersOfDns() {
    refused(
        egress("toFQDNs: [{matchName: a, matchPattern: b}]"),
        egress("toFQDNs: [{matchName: \"*.a\"}]"),
        egress("toFQDNs: [{matchPattern: \"a b\"}]"),
        egress("toFQDNs: [{matchName: " + "a".repeat(256) + "}]"),
        ingress("toFQDNs: [{matchName: a}]").replace("toFQDNs", "fromEntities: [mars]\n  toFQDNs"));
    accepted(
        egress("toFQDNs: [{matchName: a_b.c-d.}, {matchPattern: \"**.a\"}, {}]"),
        egress(ports("port: \"53\"", ", rules: {dns: [{matchName: a, matchPattern: \"*.b\"}]}")));
  }

  @Test
  void requests_areLookedAtWhereAProxyCan() {
    String http = ", rules: {http: [{method: GET}]}";
    String dns = ", rules: {dns: [{matchName: a}]}";
    refused(
        ingress(ports("port: \"80\"", http)),
        ingress(ports("port: \"80\", protocol: ANY", http)),
        ingress(ports("port: \"80\", protocol: tcp", http)),
        ingress(ports("port: \"80\", protocol: UDP", http)),
        ingress(ports("port: \"0\", protocol: TCP", http)),
        ingress(ports("port: \"53\"", dns)),
        egress(ports("port: \"53\", endPort: 54", dns)),
        egress("toPorts: [{rules: {dns: [{matchName: a}]}}]"),
        egress(ports("port: \"53\", protocol: TCP", ", rules: {dns: [{}], http: [{}]}")),
        egress(ports("port: \"53\", protocol: TCP", ", rules: {dns: [], http: [{}]}")),
        ingress(ports("port: \"80\", protocol: TCP", ", rules: {http: [{path: \"(\"}]}")),
        ingress(
            ports(
                "port: \"80\", protocol: TCP", ", rules: {http: [{headerMatches: [{value: x}]}]}")),
        ingress(
            ports(
                "port: \"80\", protocol: TCP",
                ", rules: {http: [{headerMatches: [{name: x, mismatch: DROP}]}]}")),
        ingress(ports("port: \"443\", protocol: TCP", ", serverNames: [\"\"]")),
        ingress(ports("port: \"443\", protocol: TCP", ", serverNames: [a]" + http)),
        ingress(
            ports("port: \"80\", protocol: TCP", ", listener: {envoyConfig: {name: a}, name: b}")),
        egress(
            ports(
                "port: \"80\", protocol: TCP",
                ", listener: {envoyConfig: {name: a}, name: b}" + http)));
    accepted(
        ingress(ports("port: \"80\", protocol: TCP", ", rules: {http: []}")),
        egress(ports("port: \"53\"", dns)),
        egress(ports("port: \"443\"", ", serverNames: [\"*.a\"]")),
        egress(
            ports(
                "port: \"443\", protocol: TCP",
                ", terminatingTLS: {secret: {name: s}}, serverNames: [a]" + http)));
    PolicyConfig noProxy = PolicyConfig.DEFAULT.toBuilder().l7Proxy(false).build();
    assertEquals(1, errors(noProxy, egress(ports("port: \"53\"", dns))).size());
  }

  @Test
  void host_thatIsNoExpression_isRefusedUnlessAsTheReference() {
    String text = ingress(ports("port: \"80\", protocol: TCP", ", rules: {http: [{host: \"(\"}]}"));
    assertEquals(1, errors(PolicyConfig.DEFAULT, text).size());
    assertEquals(List.of(), errors(PolicyConfig.DEFAULT.withReferenceCompat(), text));
  }

  @Test
  void denials_askNothingOfRequests() {
    String text =
        SUBJECT
            + "ingressDeny:\n- "
            + ports("port: \"80\", protocol: TCP", ", rules: {http: [{}]}");
    assertEquals(1, errors(PolicyConfig.DEFAULT, text).size());
    assertEquals(List.of(), errors(PolicyConfig.DEFAULT.withReferenceCompat(), text));
  }

  @Test
  void nodesAsPeers_needTheOption() {
    refused(ingress("fromNodes: [{}]"));
    accepted(ingress("fromNodes: []"));
  }

  @Test
  void namespace_absent_isDefaultAndAsTheReferenceTheCluster() {
    String text =
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: p}
        spec: {endpointSelector: {}, ingress: [{}]}
        """;
    PolicyConfig compat = PolicyConfig.DEFAULT.withReferenceCompat();
    assertEquals("default", PolicyParser.parse(text, "f").getFirst().resource().namespace());
    assertEquals("", PolicyParser.parse(text, "f", compat).getFirst().resource().namespace());
  }

  @Test
  void requires_isGone() {
    refused(ingress("fromRequires: [{}]"));
    accepted(ingress("fromRequires: []"));
  }

  @Test
  void labels_areTextsOrMaps() {
    refused(
        SUBJECT + "ingress: [{}]\nlabels: [\"\"]", SUBJECT + "ingress: [{}]\nlabels: [{value: a}]");
    accepted(SUBJECT + "ingress: [{}]\nlabels: [\"k8s:a=b\", {key: a, value: b, source: k8s}]");
  }

  @Test
  void logValue_tooLong_isAcceptedWithAWarning() {
    String text =
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p}\nspec:\n"
            + "  endpointSelector: {}\n  ingress: [{}]\n  log: {value: \""
            + "x".repeat(33)
            + "\"}";
    PolicyResource policy = PolicyParser.parse(text, "f").getFirst();
    assertTrue(PolicyWarnings.of(policy).getFirst().contains("spec.log.value: "));
  }

  @Test
  void check_ofSeveralMistakes_namesEachOnce() {
    List<String> errors =
        errors(
            PolicyConfig.DEFAULT,
            SUBJECT
                + "ingress:\n- fromEntities: [mars, world, venus]\n"
                + "- toPorts: [{ports: [{port: x y}, {port: \"80\", protocol: TPC}]}]\n"
                + "- fromCIDR: [10.0.0.0/8]\n  unknown: 1\n");
    assertEquals(
        List.of(
            "spec.ingress[0].fromEntities[0]",
            "spec.ingress[0].fromEntities[2]",
            "spec.ingress[1].toPorts[0].ports[0].port",
            "spec.ingress[1].toPorts[0].ports[1].protocol",
            "spec.ingress[2].unknown"),
        errors.stream()
            .map(line -> line.replaceAll("^f: \\S+ \\S+ ", "").replaceAll("^(\\S+): .*", "$1"))
            .map(line -> line.replaceFirst("^default/p: ", ""))
            .toList());
  }

  @Test
  void clusterPolicy_whatNeedsOptions_isRefusedWithoutThem() {
    String nodes = Ask.cluster("Admin", 1, "egress: [{action: Accept, to: [{nodes: {}}]}]");
    assertTrue(Ask.flows(nodes).getFirst().contains("rejected"));
    String names =
        Ask.cluster("Admin", 1, "egress: [{action: Accept, to: [{domainNames: [a.b]}]}]");
    assertEquals(List.of(), Ask.flows(names));
    assertTrue(
        Ask.flows(names, "config: {enable-l7-proxy: false}\n").getFirst().contains("rejected"));
    assertTrue(Ask.flows(names.replace("Accept", "Deny")).getFirst().contains("rejected"));
    assertTrue(Ask.flows(names.replace("a.b", "\"a b\"")).getFirst().contains("rejected"));
  }

  @Test
  void ports_endAndSecret_areOfTheirTypeAlsoWhereNobodyAsks() {
    refused(
        ingress(ports("port: web, endPort: x", "")),
        ingress(ports("port: web, endPort: []", "")),
        ingress(ports("port: \"80\"", ", originatingTLS: {secret: {namespace: 1, name: s}}")));
    accepted(ingress(ports("port: web, endPort: 90", "")));
  }

  /** An API server refuses it, so the reference never looks. */
  @Test
  void holeOutsideOfItsBlock_isAcceptedOnlyAsTheReferenceDoes() {
    String hole =
        """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: p}
        spec:
          podSelector: {}
          ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/8]}}]}]
        """;
    assertEquals(1, PolicyParser.check(hole, "f", PolicyConfig.DEFAULT).errors().size());
    PolicyConfig compat = PolicyConfig.DEFAULT.withReferenceCompat();
    assertEquals(List.of(), PolicyParser.check(hole, "f", compat).errors());
  }

  @Test
  void domainNames_none_isRefused() {
    String text =
        """
        apiVersion: policy.networking.k8s.io/v1alpha2
        kind: ClusterNetworkPolicy
        metadata: {name: p}
        spec:
          tier: Admin
          priority: 1
          subject: {namespaces: {}}
          egress: [{action: Accept, to: [{domainNames: []}]}]
        """;
    assertEquals(1, PolicyParser.check(text, "f", PolicyConfig.DEFAULT).errors().size());
  }
}
