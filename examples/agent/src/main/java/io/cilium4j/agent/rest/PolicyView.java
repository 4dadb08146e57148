// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.api.ApiJson;
import io.cilium4j.api.model.CIDRPolicy;
import io.cilium4j.api.model.EndpointPolicy;
import io.cilium4j.api.model.EndpointPolicyStatus;
import io.cilium4j.api.model.L4Policy;
import io.cilium4j.api.model.PolicyRule;
import io.cilium4j.api.model.ProxyStatistics;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.controller.PolicyProgress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** An endpoint's policy as the API shows it, from the map that decides its packets. */
final class PolicyView {

  private PolicyView() {}

  /**
   * The policy of an endpoint.
   *
   * @param proxied what of it goes through the proxy
   */
  static EndpointPolicyStatus of(
      Endpoint endpoint, PolicyProgress progress, List<ProxyStatistics> proxied) {
    CompiledPolicy policy = progress.compiled();
    EndpointPolicy shown =
        EndpointPolicy.builder()
            .policyRevision(progress.rulesRevision())
            .id(endpoint.identity())
            .policyEnabled(progress.enforcement().toString())
            .build(policy.revision())
            .allowedIngressIdentities(identities(policy, TrafficDirection.INGRESS, false))
            .deniedIngressIdentities(identities(policy, TrafficDirection.INGRESS, true))
            .allowedEgressIdentities(identities(policy, TrafficDirection.EGRESS, false))
            .deniedEgressIdentities(identities(policy, TrafficDirection.EGRESS, true))
            .l4(
                new L4Policy(
                    ports(policy, TrafficDirection.INGRESS),
                    ports(policy, TrafficDirection.EGRESS)))
            .cidrPolicy(new CIDRPolicy(List.of(), List.of()))
            .build();
    return new EndpointPolicyStatus(
        shown,
        progress.isEnforced() ? shown : unknown(),
        proxied.isEmpty() ? 0 : progress.rulesRevision(),
        proxied);
  }

  /** Of an endpoint whose policy is not known yet. */
  static EndpointPolicyStatus ofUnknown() {
    return new EndpointPolicyStatus(unknown(), unknown(), 0, List.of());
  }

  /**
   * A policy of which nothing can be said: the datapath enforces what an earlier run told it, or
   * drops everything. Without {@code policy-enabled}, which clients show as unknown; {@code none}
   * would say that everything passes. 0 is before every revision.
   */
  private static EndpointPolicy unknown() {
    return EndpointPolicy.builder().build();
  }

  /** The identities of which a verdict holds for every protocol and port. */
  private static List<Long> identities(
      CompiledPolicy policy, TrafficDirection direction, boolean denied) {
    var ids = new TreeSet<Long>();
    policy
        .state()
        .forEach((key, entry) -> {
          if (key.direction() == direction && key.shape() == 0 && entry.isDeny() == denied) {
            ids.add((long) key.identity());
          }
        });
    return List.copyOf(ids);
  }

  /** The ports that entries name, each once, with the rules that did. */
  private static List<PolicyRule> ports(CompiledPolicy policy, TrafficDirection direction) {
    Map<String, TreeSet<String>> byRule = new LinkedHashMap<>();
    policy
        .state()
        .forEach((key, entry) -> {
          if (key.direction() == direction && key.shape() > 0) {
            byRule
                .computeIfAbsent(rule(key, entry), _ -> new TreeSet<>())
                .add(
                    policy
                        .origin(entry.cookie())
                        .map(RuleOrigin::toString)
                        .orElse("added by the agent"));
          }
        });
    List<PolicyRule> rules = new ArrayList<>();
    byRule.forEach((rule, origins) ->
        rules.add(
            new PolicyRule(rule, origins.stream().map(each -> List.of(each)).toList(), Map.of())));
    return rules;
  }

  private static String rule(PolicyKey key, PolicyEntry entry) {
    Map<String, @Nullable Object> rule = new LinkedHashMap<>();
    if (key.portPrefixLength() > 0) {
      rule.put("port", key.port());
      if (key.lastPort() != key.port()) {
        rule.put("endPort", key.lastPort());
      }
    }
    rule.put("protocol", Protocol.nameOf(key.protocol()));
    rule.put("verdict", entry.verdict().toString());
    return ApiJson.mapper().writeValueAsString(rule);
  }
}
