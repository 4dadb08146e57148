// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.policy.controller.AppliedPolicy;
import io.cilium4j.policy.controller.EnforcementStatus;
import io.cilium4j.policy.controller.PolicyProgress;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Of rules that contradict each other nothing passes, whatever came before and in which order. */
class PolicyConflictTest extends AgentFixture {
  private static final int TCP = 6;

  private final RecordingDatapath datapath = new RecordingDatapath();

  @Override
  RecordingDatapath datapath() {
    return datapath;
  }

  private static ResourceKey key(String name) {
    return new ResourceKey("CiliumNetworkPolicy", "default", name);
  }

  /** Alice reaches bob, with or without authentication. */
  private void apply(String name, String mode) throws Exception {
    write(name, mode);
    agent.awaitPolicy(key(name), PATIENCE);
  }

  private void awaitNoConflict() throws Exception {
    try (var watch = agent.policies().watch()) {
      AppliedPolicy two = watch.take(PATIENCE).snapshot().get(key("two")).orElseThrow();
      while (!two.conflicts().isEmpty()) {
        two = watch.take(PATIENCE).snapshot().get(key("two")).orElseThrow();
      }
      var _ = agent.awaitPolicy(two.revision(), PATIENCE);
    }
  }

  private void write(String name, String mode) throws Exception {
    writeManifest(
        name + ".yaml",
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: %s, namespace: default}
        spec:
          endpointSelector: {matchLabels: {app: bob}}
          ingress:
          - fromEndpoints: [{matchLabels: {app: alice}}]
            authentication: {mode: %s}
        """
            .formatted(name, mode));
  }

  private PolicyMapState enforced(Endpoint endpoint) {
    return Objects.requireNonNull(datapath.endpoints.get(endpoint.id())).policy();
  }

  private void assertClosed(Endpoint bob, Endpoint alice) {
    for (TrafficDirection direction : TrafficDirection.values()) {
      for (int peer : new int[] {alice.identity(), 1, 2, 6}) {
        assertEquals(Verdict.DENIED, enforced(bob).verdict(direction, peer, TCP, 80));
      }
    }
    List<String> problems =
        agent.problems().values().stream()
            .filter(each -> each.startsWith("nothing passes from or to"))
            .toList();
    assertEquals(1, problems.size(), agent.problems().toString());
    for (String name : List.of("one", "two")) {
      assertTrue(problems.getFirst().contains("CiliumNetworkPolicy/default/" + name));
      assertEquals(1, agent.policies().get(key(name)).orElseThrow().conflicts().size());
    }
    assertEquals(1, conflictsMetric());
    PolicyProgress progress = agent.policyProgress(bob).orElseThrow();
    assertEquals(EnforcementStatus.BOTH, progress.enforcement());
    assertTrue(progress.compiled().conflict().isPresent());
  }

  private double conflictsMetric() {
    return agent.metrics().read().stream()
        .filter(family -> family.name().equals("cilium_policy_conflicts"))
        .flatMap(family -> family.samples().stream())
        .map(MetricFamily.Sample.Value.class::cast)
        .mapToDouble(MetricFamily.Sample.Value::value)
        .sum();
  }

  @Test
  void contradictingPolicies_whateverCameBefore_closeTheirEndpoints() throws Exception {
    Endpoint alice = create("alice");
    Endpoint bob = create("bob");
    apply("one", "disabled");
    assertEquals(
        Verdict.ALLOWED,
        enforced(bob).verdict(TrafficDirection.INGRESS, alice.identity(), TCP, 80));
    apply("two", "required");
    assertClosed(bob, alice);
    agent.stop();
    agent = newAgent();
    agent.start();
    agent.awaitPolicy(key("one"), PATIENCE);
    agent.awaitPolicy(key("two"), PATIENCE);
    Endpoint restored = agent.endpoint("default", "bob").orElseThrow();
    assertClosed(restored, alice);
    write("two", "disabled");
    awaitNoConflict();
    assertEquals(
        Verdict.ALLOWED,
        enforced(restored).verdict(TrafficDirection.INGRESS, alice.identity(), TCP, 80));
    assertEquals(Map.of(), agent.problems());
    assertEquals(List.of(), agent.policies().get(key("one")).orElseThrow().conflicts());
    assertEquals(0, conflictsMetric());
  }
}
