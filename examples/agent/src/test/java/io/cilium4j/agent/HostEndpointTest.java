// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.Datapath.Capability;
import io.cilium4j.core.spi.Row.EndpointRow;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The node itself as an endpoint. */
class HostEndpointTest extends AgentFixture {

  private static final String POLICY =
      """
      apiVersion: cilium.io/v2
      kind: CiliumClusterwideNetworkPolicy
      metadata: {name: host}
      spec:
        nodeSelector: {}
        ingress:
        - fromEntities: [world]
          toPorts: [{ports: [{port: "22", protocol: TCP}]}]
      """;

  private final RecordingDatapath datapath = new RecordingDatapath();

  HostEndpointTest() {
    datapath.capabilities = Set.of(Capability.RESTRICTS_NODE);
  }

  @Override
  RecordingDatapath datapath() {
    return datapath;
  }

  @Override
  AgentBuilder<Agent> builder() {
    return super.builder().hostFirewall(true);
  }

  private EndpointRow row() {
    return Objects.requireNonNull(datapath.endpoints.get(Endpoint.HOST_ID));
  }

  private Verdict verdict(TrafficDirection direction, int port) {
    return row().policy().verdict(direction, ReservedIdentity.WORLD_IPV4.id(), 6, port);
  }

  private void apply() throws Exception {
    var _ = agent.applyPolicy(POLICY, PATIENCE);
  }

  @Test
  void policy_forNodes_restrictsTheHostAndNoPod() throws Exception {
    Endpoint pod = create("a");
    apply();
    assertEquals(Verdict.ALLOWED, verdict(TrafficDirection.INGRESS, 22));
    assertEquals(Verdict.DENIED, verdict(TrafficDirection.INGRESS, 23));
    assertEquals(Verdict.ALLOWED, verdict(TrafficDirection.EGRESS, 23));
    assertEquals(
        Verdict.ALLOWED,
        Objects.requireNonNull(datapath.endpoints.get(pod.id()))
            .policy()
            .verdict(TrafficDirection.INGRESS, ReservedIdentity.WORLD_IPV4.id(), 6, 23));
    assertEquals(Optional.of(row().endpoint()), agent.hostEndpoint());
    assertEquals(Map.of(), agent.problems());
  }

  @Test
  void auditMode_ofTheHost_outlivesTheAgent() throws Exception {
    apply();
    assertFalse(row().audited());
    assertTrue(agent.setOptions(Endpoint.HOST_ID, Map.of(AgentOption.POLICY_AUDIT_MODE, true)));
    restart();
    apply();
    assertTrue(row().audited());
    assertTrue(agent.options().isOn(AgentOption.POLICY_AUDIT_MODE, Endpoint.HOST_ID));
    assertFalse(agent.options().isOn(AgentOption.POLICY_AUDIT_MODE, 1));
  }

  @Test
  void datapath_thatCannotRestrictTheNode_isReported() throws Exception {
    datapath.capabilities = Set.of();
    restart();
    apply();
    assertEquals(Optional.empty(), agent.hostEndpoint());
    assertEquals(Set.of(), datapath.endpoints.keySet());
    assertTrue(agent.problems().containsKey("host firewall"));
    assertTrue(
        agent.problems().values().stream()
            .anyMatch(each -> each.contains("nodes are not restricted") && each.contains("host")));
    assertFalse(agent.setOptions(Endpoint.HOST_ID, Map.of(AgentOption.POLICY_AUDIT_MODE, true)));
  }
}
