// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class PolicyParserTest {
  private static final String RULE1 =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata:
        name: rule1
        creationTimestamp: null
        managedFields: [{manager: kubectl}]
      spec:
        description: L3-L4 policy to restrict deathstar access to empire ships only
        endpointSelector:
          matchLabels: {org: empire, class: deathstar}
        ingress:
        - fromEndpoints:
          - matchLabels: {org: empire}
          toPorts:
          - ports:
            - {port: "80", protocol: TCP}
      status:
        conditions: [{type: Valid}]
      """;

  private static String spec(String yaml) {
    return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
        + "metadata: {name: rule1}\nspec:\n"
        + yaml.indent(2);
  }

  private static String refusal(String yaml) {
    var refused =
        assertThrows(PolicyParseException.class, () -> PolicyParser.parse(yaml, "rule1.yaml"));
    return String.valueOf(refused.getMessage());
  }

  @Test
  void parse_whatKubectlPrints_isReadLeniently() {
    List<PolicyResource> read = PolicyParser.parse(RULE1, "rule1.yaml");
    assertEquals(
        new ResourceName("CiliumNetworkPolicy", "default", "rule1"), read.getFirst().resource());
  }

  @Test
  void parse_severalDocumentsAndLists_areAllRead() {
    String list = "kind: List\napiVersion: v1\nitems:\n- " + RULE1.indent(2).strip();
    assertEquals(3, PolicyParser.parse(RULE1 + "---\n---\n" + RULE1 + "---\n" + list, "x").size());
  }

  @Test
  void parse_portTooLarge_namesPathFoundAndWanted() {
    assertEquals(
        "rule1.yaml: CiliumNetworkPolicy default/rule1: spec.ingress[0].toPorts[0].ports[0].port:"
            + " found \"70000\", wanted 0 to 65535",
        refusal(RULE1.replace("\"80\"", "\"70000\"")));
  }

  @Test
  void parse_unknownFieldInSpec_namesItsPath() {
    String message = refusal(RULE1.replace("fromEndpoints", "fromEndpoint"));
    assertTrue(
        message.startsWith(
            "rule1.yaml: CiliumNetworkPolicy default/rule1: spec.ingress[0].fromEndpoint:"
                + " found an unknown field"),
        message);
  }

  @Test
  void parse_unknownFieldWithReferenceCompat_isPassedOver() {
    String yaml = spec("endpointSelector: {}\negressDeny:\n- toFQDNs: [{matchName: a.b}]\n");
    refusal(yaml);
    assertEquals(
        1, PolicyParser.parse(yaml, "x", PolicyConfig.DEFAULT.withReferenceCompat()).size());
  }

  @Test
  void parse_unknownVersionOrKind_isRefused() {
    assertEquals(
        "rule1.yaml: apiVersion: found \"cilium.io/v1\", wanted cilium.io/v2 for a"
            + " CiliumNetworkPolicy",
        refusal(RULE1.replace("cilium.io/v2", "cilium.io/v1")));
    assertTrue(refusal("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n").contains("\"Pod\""));
  }

  @Test
  void parse_keyTwiceInOneMap_isRefused() {
    assertTrue(
        refusal(spec("endpointSelector: {}\ningress: [{}]\ningress: [{}]\n")).contains("twice"));
  }

  @Test
  void parse_aliasBomb_isBounded() {
    var yaml = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
      yaml.append("a").append(i).append(": &a").append(i).append(" [");
      yaml.append(("*a" + (i - 1) + ", ").repeat(9)).append("*a").append(i - 1).append("]\n");
    }
    assertTrue(refusal(yaml.toString()).contains("nodes"));
  }

  @Test
  void parse_deepNesting_isBounded() {
    refusal("[".repeat(10_000));
    refusal("a: " + "{a: ".repeat(200) + "1" + "}".repeat(200));
  }

  @Test
  void parse_alias_standsForItsAnchor() {
    String yaml =
        spec(
            """
            endpointSelector: &s {matchLabels: {app: a}}
            ingress:
            - fromEndpoints: [*s]
            """);
    var policy = (CiliumPolicy) PolicyParser.parse(yaml, "x").getFirst();
    assertEquals(
        List.of(new Peers.Endpoints(List.of(policy.rules().getFirst().subject().selector()))),
        policy.rules().getFirst().ingress().getFirst().peers());
  }

  @Test
  void parse_numberWhereATextBelongs_isRefused() {
    assertTrue(refusal(RULE1.replace("\"80\"", "80")).contains("found 80, wanted a text"));
  }

  @Test
  void parse_yamlThatBeginsLikeJson_isReadAsYaml() {
    String text =
        "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: p},"
            + " spec: {endpointSelector: {}, ingress: [{}]}}";
    assertEquals(1, PolicyParser.parse(text, "x").size());
    PolicyParseException e =
        assertThrows(PolicyParseException.class, () -> PolicyParser.parse("{\"a\": ]", "x"));
    assertTrue(e.getMessage().endsWith("wanted JSON"), e.getMessage());
  }

  @Test
  void parse_portName_isNoNumber() {
    var policy =
        (CiliumPolicy) PolicyParser.parse(RULE1.replace("\"80\"", "\"0x50\""), "x").getFirst();
    assertEquals(
        "0x50",
        policy
            .rules()
            .getFirst()
            .ingress()
            .getFirst()
            .ports()
            .getFirst()
            .ports()
            .getFirst()
            .name());
  }

  @Test
  void toJson_ofEverything_readsBackEqual() {
    PolicyConfig config = PolicyConfig.DEFAULT.toBuilder().nodeSelectorLabels(true).build();
    for (PolicyResource policy : PolicyParser.parse(Samples.EVERYTHING, "samples", config)) {
      String json = PolicyWriter.toJson(policy);
      assertEquals(List.of(policy), PolicyParser.parse(json, json, config));
    }
  }

  @Test
  void toJson_ofEmptyAndAbsentPeers_keepsThemApart() {
    String empty = spec("endpointSelector: {}\ningress:\n- fromEndpoints: []\n");
    String absent = spec("endpointSelector: {}\ningress:\n- {}\n");
    PolicyResource readEmpty = PolicyParser.parse(empty, "x").getFirst();
    PolicyResource readAbsent = PolicyParser.parse(absent, "x").getFirst();
    assertTrue(!readEmpty.equals(readAbsent));
    assertTrue(PolicyWriter.toJson(readEmpty).contains("\"fromEndpoints\":[]"));
    assertTrue(!PolicyWriter.toJson(readAbsent).contains("fromEndpoints"));
  }
}
