// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.policy.controller.ApiRules;
import io.cilium4j.policy.controller.PolicyRevision;
import java.nio.file.Files;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Whether a change of policies is enforced when the call returns: packets say it. */
class ApplyPolicyTest extends AgentFixture {

  private static final ResourceKey RULE = new ResourceKey("CiliumNetworkPolicy", "default", "rule");

  private final DecidingDatapath datapath = new DecidingDatapath();

  @Override
  DecidingDatapath datapath() {
    return datapath;
  }

  @Override
  AgentBuilder<Agent> builder() {
    return super.builder().podCidrs("10.1.0.0/24");
  }

  /** Who may reach bob on this port, and no other. */
  private static String onlyPort(int port) {
    return """
    apiVersion: cilium.io/v2
    kind: CiliumNetworkPolicy
    metadata: {name: rule, namespace: default}
    spec:
      endpointSelector: {matchLabels: {app: bob}}
      ingress:
      - fromEndpoints: [{matchLabels: {app: alice}}]
        toPorts: [{ports: [{port: "%d", protocol: TCP}]}]
    """
        .formatted(port);
  }

  @Test
  void applyPolicy_manyChanges_eachIsEnforcedWhenTheCallReturns() throws Exception {
    Endpoint alice = create("alice");
    Endpoint bob = create("bob");
    assertTrue(datapath.passes(alice, bob, 80), "no policy yet");
    PolicyRevision last = null;
    for (int i = 0; i < 50; i++) {
      int open = 1_000 + i;
      PolicyRevision revision = agent.applyPolicy(onlyPort(open));
      assertTrue(datapath.passes(alice, bob, open), "change " + i);
      assertFalse(datapath.passes(alice, bob, open - 1), "change " + i);
      assertEquals(PolicyRevision.Input.PROGRAM, revision.input());
      assertTrue(last == null || revision.number() > last.number(), revision + " after " + last);
      last = revision;
    }
    assertTrue(agent.deletePolicy(RULE).isPresent());
    assertTrue(datapath.passes(alice, bob, 80), "no policy any more");
    assertEquals(Optional.empty(), agent.deletePolicy(RULE));
  }

  @Test
  void awaitPolicy_rulesGivenThroughTheApi_areEnforcedWhenItReturns() throws Exception {
    Endpoint alice = create("alice");
    Endpoint bob = create("bob");
    for (int i = 0; i < 50; i++) {
      int open = 1_000 + i;
      String rules =
          """
          [{"labels": [{"key": "name", "value": "r"}],
            "endpointSelector": {"matchLabels": {"app": "bob"}},
            "ingress": [{"toPorts": [{"ports": [{"port": "%d", "protocol": "TCP"}]}]}]}]
          """
              .formatted(open);
      PolicyRevision revision = agent.apiRules().add(rules, new ApiRules.Replaced.SameLabels());
      var _ = agent.awaitPolicy(revision, PATIENCE);
      assertTrue(datapath.passes(alice, bob, open), "change " + i);
      assertFalse(datapath.passes(alice, bob, open - 1), "change " + i);
    }
    ApiRules.Removed removed = agent.apiRules().delete(List.of());
    var _ = agent.awaitPolicy(removed.revision(), PATIENCE);
    assertTrue(datapath.passes(alice, bob, 1));
  }

  @Test
  void applyPolicy_ofTheNameOfAManifest_countsUntilItIsDeleted() throws Exception {
    Endpoint alice = create("alice");
    Endpoint bob = create("bob");
    write(onlyPort(80));
    agent.awaitPolicy(RULE, PATIENCE);
    var _ = agent.applyPolicy(onlyPort(81));
    assertTrue(datapath.passes(alice, bob, 81));
    assertFalse(datapath.passes(alice, bob, 80));
    write(onlyPort(82));
    write(onlyPort(83));
    var _ = agent.applyPolicy(onlyPort(84).replace("name: rule", "name: other"));
    assertTrue(datapath.passes(alice, bob, 81));
    assertTrue(datapath.passes(alice, bob, 84));
    assertFalse(datapath.passes(alice, bob, 83));

    Files.delete(temp.resolve("manifests/rule.yaml"));
    write(onlyPort(85));
    // The source follows its folder in its own time; a second object tells when it is through.
    writeManifest("last.yaml", onlyPort(9).replace("name: rule", "name: last"));
    agent.awaitPolicy(new ResourceKey("CiliumNetworkPolicy", "default", "last"), PATIENCE);
    assertFalse(datapath.passes(alice, bob, 85), "the program's still counts");
    assertTrue(agent.deletePolicy(RULE).isPresent());
    assertFalse(datapath.passes(alice, bob, 81));
    assertTrue(datapath.passes(alice, bob, 85), "the manifest's is in force again");
  }

  private void write(String yaml) throws Exception {
    writeManifest("rule.yaml", yaml);
  }

  @Test
  void applyPolicy_thenRestart_isStillInForce() throws Exception {
    var _ = agent.applyPolicy(onlyPort(80));
    agent.stop();
    agent = newAgent();
    agent.start();
    Endpoint alice = create("alice");
    Endpoint bob = create("bob");
    assertTrue(datapath.passes(alice, bob, 80));
    assertFalse(datapath.passes(alice, bob, 81));
    assertTrue(agent.deletePolicy(RULE).isPresent());
  }

  @Test
  void applyPolicy_thatIsWrong_changesNothing() throws Exception {
    Endpoint alice = create("alice");
    Endpoint bob = create("bob");
    for (String wrong :
        List.of(
            "",
            "kind: Pod",
            onlyPort(80) + "---\n" + onlyPort(80).replace("fromEndpoints", "fromEndpoint"),
            "[{\"endpointSelector\": {}, \"ingress\": []}]")) {
      assertThrows(IllegalArgumentException.class, () -> agent.applyPolicy(wrong), wrong);
    }
    assertTrue(datapath.passes(alice, bob, 81));
  }
}
