// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.ApiJson;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.HttpAccess;
import io.cilium4j.datapath.flow.ReportedFlow;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Flows as the monitor tells them. */
class FlowTextTest {
  private static final RuleOrigin RULE =
      new RuleOrigin(7, "CiliumNetworkPolicy/default/rule1", "spec.ingress[0].toPorts[0]");

  @TempDir Path folder;

  private static HttpAccess put(int status) {
    return new HttpAccess("HTTP/1.1", "PUT", "/v1/exhaust-port", "deathstar", List.of(), status, 0);
  }

  @Test
  void request_thatIsAnswered_isOneLineFromTheClient() {
    try (Agent agent =
        Agent.builder()
            .instance("flowtext")
            .datapath("memory")
            .podCidrs("10.99.0.0/24")
            .stateFolder(folder.resolve("state"))
            .build()) {
      agent.start();
      var flow =
          new Flow(
              System.nanoTime(),
              Verdict.DENIED,
              Optional.empty(),
              TrafficDirection.INGRESS,
              7,
              0x101,
              0x102,
              IpAddress.parse("10.0.0.1"),
              IpAddress.parse("10.0.0.2"),
              6,
              1234,
              80,
              0,
              0,
              0,
              Optional.empty());
      agent.flowLog().acceptRequest(flow, RULE, put(0));
      agent.flowLog().acceptResponse(flow.reversed(flow.timeNanos()), RULE, put(403));
      var text = new FlowText(agent);
      List<ReportedFlow> flows = agent.flows();
      assertEquals(2, flows.size());
      assertEquals(0, text.of(flows.getFirst()).length, "the answer tells of it");
      JsonNode line = ApiJson.mapper().readTree(text.of(flows.getLast()));
      assertEquals("l7", line.path("type").asString());
      assertEquals("denied", line.path("verdict").asString());
      assertEquals("10.0.0.1:1234", line.path("source").path("address").asString());
      assertEquals("10.0.0.2:80", line.path("destination").path("address").asString());
      assertEquals(RULE.toString(), line.path("rule").asString());
      assertEquals(
          "{\"protocol\":\"HTTP/1.1\",\"method\":\"PUT\",\"path\":\"/v1/exhaust-port\","
              + "\"host\":\"deathstar\",\"status\":403,\"latency-ns\":0}",
          line.path("http").toString());
      agent.destroy();
    }
  }
}
