// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.HttpMatcher.HeaderChange;
import io.cilium4j.core.HttpMatcher.Outcome;
import io.cilium4j.core.HttpMatcher.Request;
import io.cilium4j.core.L7Rules.Mismatch;
import io.cilium4j.core.TrafficDirection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What redirected requests come to. */
class RequestPolicyTest {
  private static final String GET =
      "  toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{method: GET}]}}]";
  private static final String NAMES =
      "  toPorts: [{ports: [{port: \"53\"}], rules: {dns: [{matchPattern: \"*.cilium.io\"}]}}]";

  private static RequestPolicy requests(TrafficDirection direction, String policies) {
    PolicyCase world = Ask.of(policies);
    return Ask.compileA(world, world.repository().snapshot()).requests(direction);
  }

  private static Outcome http(String policies, String peer, String method) {
    return requests(TrafficDirection.INGRESS, policies)
        .http(Ask.id(peer), 80, new Request(method, "/", "a", Map.of()), _ -> Optional.empty());
  }

  private static boolean passes(String policies, String peer, String method) {
    return http(policies, peer, method).passes();
  }

  private static boolean dns(String policies, String name) {
    return requests(TrafficDirection.EGRESS, policies).dns(Ask.id("b"), 17, 53, name);
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
            "  toPorts: [{ports: [{port: \"443\"}], serverNames: [\"*.a.io\", \"**.b.io\", c.io]}]");
    RequestPolicy requests = requests(TrafficDirection.EGRESS, policy);
    int world = Ask.id("world");
    assertTrue(requests.serverName(world, 443, "x.a.io"));
    assertFalse(requests.serverName(world, 443, "x.y.a.io"));
    assertTrue(requests.serverName(world, 443, "x.y.B.io."));
    assertFalse(requests.serverName(world, 443, "d.io"));
    assertFalse(requests.serverName(world, 443, ""));
    assertTrue(requests.serverName(world, 80, "d.io"));
  }
}
