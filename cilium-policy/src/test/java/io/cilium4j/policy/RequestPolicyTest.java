// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.HttpRequest;
import io.cilium4j.core.L7Rules.Mismatch;
import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.RequestMatcher.Decision;
import io.cilium4j.core.RequestMatcher.HeaderChange;
import io.cilium4j.core.TrafficDirection;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What redirected requests come to. */
class RequestPolicyTest {
  private static final String GET =
      "  toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{method: GET}]}}]";
  private static final String NAMES =
      "  toPorts: [{ports: [{port: \"53\"}], rules: {dns: [{matchPattern: \"*.cilium.io\"}]}}]";

  private static RequestMatcher matcher(
      TrafficDirection direction, String policies, String peer, int protocol, int port) {
    PolicyCase world = Ask.of(policies);
    return Ask.compileA(world, world.repository().snapshot())
        .requests(direction)
        .matcher(Ask.id(peer), protocol, port);
  }

  private static Decision http(String policies, String peer, String method) {
    return matcher(TrafficDirection.INGRESS, policies, peer, 6, 80)
        .decide(HttpRequest.of(method, "/"));
  }

  private static boolean passes(String policies, String peer, String method) {
    return http(policies, peer, method).passes();
  }

  private static boolean dns(String policies, String name) {
    return matcher(TrafficDirection.EGRESS, policies, "b", 17, 53).decideQuery(name).passes();
  }

  @Test
  void http_byTheRulesOfThePeer_passes() {
    String policy = Ask.aboutA("ingress:", "- fromEndpoints: [{matchLabels: {app: b}}]", GET);
    assertTrue(passes(policy, "b", "GET"));
    assertFalse(passes(policy, "b", "POST"));
    assertFalse(passes(policy, "c", "GET"));
  }

  @Test
  void http_plainAllowOfThePeer_letsEveryRequestThrough() {
    String policy = Ask.aboutA("ingress:", "- fromEndpoints: [{}]", "- fromEntities: [all]", GET);
    assertTrue(passes(policy, "b", "POST"));
    assertFalse(passes(policy, "c", "POST"));
  }

  @Test
  void http_denied_isNotReached() {
    String policy =
        Ask.aboutA(
            "ingress:", "- fromEntities: [all]", GET, "ingressDeny: [{fromEndpoints: [{}]}]");
    assertFalse(passes(policy, "b", "GET"));
    assertTrue(passes(policy, "c", "GET"));
  }

  @Test
  void http_nothingRestricts_letsOtherRequestsThrough() {
    String open = "enableDefaultDeny: {ingress: false}\n";
    String policy = Ask.aboutA(open + "ingress:", "- fromEntities: [all]", GET);
    assertTrue(passes(policy, "b", "POST"));
    String restricting = Ask.aboutA("ingress: [{}]");
    assertFalse(passes(policy + restricting, "b", "POST"));
  }

  @Test
  void http_baselineAccept_letsRequestsThroughThatNoRuleMatches() {
    String baseline =
        Ask.cluster("Baseline", 1, "ingress: [{action: Accept, from: [{namespaces: {}}]}]");
    String policy = Ask.aboutA("ingress:", "- fromEntities: [all]", GET);
    assertTrue(passes(policy + baseline, "b", "POST"));
    assertFalse(passes(policy + baseline, "world", "POST"));
  }

  @Test
  void http_headerActions_areAllCarriedOut() {
    String add = "{headerMatches: [{name: X-A, value: \"1\", mismatch: ADD}]}";
    String log = "{method: GET, headerMatches: [{name: X-B, mismatch: LOG}]}";
    String policy =
        Ask.aboutA(
            "ingress:",
            "- fromEntities: [all]",
            "  toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [" + add + "]}}]",
            "- fromEndpoints: [{}]",
            "  toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [" + log + "]}}]");
    assertEquals(
        List.of(
            new HeaderChange(Mismatch.ADD, "X-A", "1"), new HeaderChange(Mismatch.LOG, "X-B", "")),
        http(policy, "b", "GET").changes());
    assertEquals(1, http(policy, "b", "POST").changes().size());
  }

  @Test
  void dns_byTheRulesOfThePortOnly_passes() {
    String policy = Ask.aboutA("egress:", "- toEntities: [all]", NAMES, "- toEndpoints: [{}]");
    assertTrue(dns(policy, "www.cilium.io"));
    assertFalse(dns(policy, "example.com"));
    String plain =
        Ask.aboutA("egress:", "- toEndpoints: [{}]", "  toPorts: [{ports: [{port: \"53\"}]}]");
    assertTrue(dns(policy + plain, "example.com"));
  }

  @Test
  void serverName_ofPatterns_matchesLabelsOnly() {
    String policy =
        Ask.aboutA(
            "egress:",
            "- toEntities: [all]",
            "  toPorts: [{ports: [{port: \"443\"}], serverNames: [\"*.a.io\", \"**.b.io\","
                + " c.io]}]");
    RequestMatcher matcher = matcher(TrafficDirection.EGRESS, policy, "world", 6, 443);
    assertTrue(matcher.decideServerName("x.a.io").passes());
    assertFalse(matcher.decideServerName("x.y.a.io").passes());
    assertTrue(matcher.decideServerName("x.y.B.io.").passes());
    assertFalse(matcher.decideServerName("d.io").passes());
    assertFalse(matcher.decideServerName("").passes());
    RequestMatcher other = matcher(TrafficDirection.EGRESS, policy, "world", 6, 80);
    assertFalse(other.asksServerNames());
  }

  private static final String SERVER =
      "  toPorts: [{ports: [{port: \"443\", protocol: TCP}], serverNames: [a.io]}]";

  /** Whether a may ask b for the server {@code other.io}, and b for none at all. */
  private static boolean otherServer(String policies) {
    RequestMatcher matcher = matcher(TrafficDirection.EGRESS, policies, "b", 6, 443);
    boolean passes = matcher.decideServerName("other.io").passes();
    assertEquals(passes, matcher.decideServerName("").passes());
    assertEquals(passes, !matcher.asksServerNames());
    return passes;
  }

  @Test
  void serverName_plainAllowOfThePeerByAnotherRule_letsEveryNameThrough() {
    String names = Ask.aboutA("egress:", "- toEntities: [all]", SERVER);
    assertFalse(otherServer(names));
    String plain = Ask.aboutA("egress:", "- toEndpoints: [{matchLabels: {app: b}}]");
    assertTrue(otherServer(names + plain));
    String ofOther = Ask.aboutA("egress:", "- toEndpoints: [{matchLabels: {app: c}}]");
    assertFalse(otherServer(names + ofOther));
    String port = "  toPorts: [{ports: [{port: \"443\", protocol: TCP}]}]";
    assertFalse(otherServer(names + Ask.aboutA("egress:", "- toEntities: [all]", port)));
    assertTrue(otherServer(names + Ask.aboutA("egress:", "- toEntities: [all]")));
  }

  @Test
  void serverName_nothingRestricts_letsEveryNameThrough() {
    String open = "enableDefaultDeny: {egress: false}\n";
    String names = Ask.aboutA(open + "egress:", "- toEntities: [all]", SERVER);
    assertTrue(otherServer(names));
    assertFalse(otherServer(names + Ask.aboutA("egress: [{}]")));
  }

  @Test
  void http_rulesOnDnsOrTlsAlone_letNoRequestThrough() {
    String dns =
        Ask.aboutA(
            "ingress:",
            "- fromEntities: [all]",
            "  toPorts: [{ports: [{port: \"80\"}], serverNames: [a.io]}]");
    assertFalse(passes(dns, "b", "GET"));
  }

  @Test
  void http_nodesOwnProcesses_passWhereTheyHaveAccess() {
    String policy = Ask.aboutA("ingress:", "- fromEndpoints: [{}]", GET);
    assertFalse(passes(policy, "host", "POST"));
    PolicyCase world = Ask.of(policy);
    CompiledPolicy policyOfA =
        Ask.compileA(world, world.repository().snapshot(), PolicyConfig.DEFAULT);
    Decision decision =
        policyOfA
            .requests(TrafficDirection.INGRESS)
            .matcher(Ask.id("host"), 6, 80)
            .decide(HttpRequest.of("POST", "/"));
    assertTrue(decision.passes());
    assertEquals("the node's own processes", decision.rule().toString());
  }

  @Test
  void http_denied_namesTheRuleThatWasNotMet() {
    String policy = Ask.aboutA("ingress:", "- fromEntities: [all]", GET);
    assertTrue(
        http(policy, "b", "GET")
            .rule()
            .path()
            .endsWith("spec.ingress[0].toPorts[0].rules.http[0]"));
    assertEquals("spec.ingress[0].toPorts[0]", http(policy, "b", "POST").rule().path());
  }
}
