// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.policy.PortProtocol;
import io.cilium4j.policy.controller.PolicyProgress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A policy that was in force and cannot be read after a restart stays in force. */
class UnreadablePolicyTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final ResourceKey KEY = new ResourceKey("CiliumNetworkPolicy", "default", "p");

  private static final String NOBODY_REACHES_BOB =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: p}
      spec:
        endpointSelector: {matchLabels: {app: bob}}
        ingress: [{fromEndpoints: [{matchLabels: {app: none}}]}]
      """;

  @TempDir private Path temp;
  private final RecordingDatapath datapath = new RecordingDatapath();
  private Path manifests;
  private Agent agent;

  @BeforeEach
  void start() throws Exception {
    manifests = Files.createDirectory(temp.resolve("manifests"));
    write(NOBODY_REACHES_BOB);
    agent = newAgent();
    agent.start();
    create("alice");
    create("bob");
    agent.awaitPolicy(KEY, PATIENCE);
    assertEquals(Verdict.DENIED, aliceToBob());
  }

  @AfterEach
  void stop() {
    agent.stop();
  }

  private Agent newAgent() {
    return Agent.builder()
        .instance("t")
        .datapath(datapath)
        .stateFolder(temp.resolve("state"))
        .manifests(manifests)
        .podCidrs("10.1.0.0/24")
        .build();
  }

  private void write(String text) throws IOException {
    Files.writeString(manifests.resolve("p.yaml"), text);
  }

  private void create(String pod) throws IOException {
    Path netns = Files.createFile(temp.resolve("netns-" + pod));
    agent.createEndpoint(new EndpointRequest("default", pod, Map.of("app", pod), netns.toString()));
  }

  private Verdict aliceToBob() throws InterruptedException {
    Endpoint alice = agent.endpoint("default", "alice").orElseThrow();
    Endpoint bob = agent.endpoint("default", "bob").orElseThrow();
    try (var watch = agent.endpoints().watch()) {
      while (!isEnforced(alice) || !isEnforced(bob)) {
        watch.take(Duration.ofMillis(10));
      }
    }
    return agent.explain(alice, bob, PortProtocol.tcp(80)).getLast().verdict();
  }

  /** Of how many endpoints the metric says that policy decides in these directions. */
  private double enforcement(String directions) {
    return agent.metrics().read().stream()
        .filter(family -> family.name().equals("cilium_policy_endpoint_enforcement_status"))
        .flatMap(family -> family.samples().stream())
        .filter(each -> each.labels().containsValue(directions))
        .mapToDouble(each -> ((Sample.Value) each).value())
        .sum();
  }

  /** Nothing is before every input has said what there is. */
  private boolean isEnforced(Endpoint endpoint) {
    return agent.policyProgress(endpoint).filter(PolicyProgress::isEnforced).isPresent();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "spec: {nonsense: true}",
        "spec: {endpointSelector: {}}",
        "spec: [unclosed",
        "spec:",
        "specs: [{endpointSelector: {}, ingress: [{icmps: [{fields: [{type: 8}]}], toPorts:"
            + " [{}]}]}]"
      })
  void restart_policyCannotBeRead_staysInForceAndIsTold(String spec) throws Exception {
    agent.stop();
    write(NOBODY_REACHES_BOB.substring(0, NOBODY_REACHES_BOB.indexOf("spec:")) + spec + "\n");
    for (int i = 0; i < 2; i++) { // A second restart knows no better version either.
      agent = newAgent();
      agent.start();
      assertEquals(Verdict.DENIED, aliceToBob());
      assertEquals(1, agent.problems().size());
      String problem = agent.problems().values().iterator().next();
      assertTrue(problem.contains("p.yaml"), problem);
      assertEquals(
          1,
          agent.metrics().read().stream()
              .filter(each -> each.name().equals("cilium_agent_problems"))
              .count());
      agent.stop();
    }
    write(NOBODY_REACHES_BOB.replace("app: none", "app: alice"));
    agent = newAgent();
    agent.start();
    assertEquals(Verdict.ALLOWED, aliceToBob());
    assertEquals(Map.of(), agent.problems());
  }

  @Test
  void restart_policyGone_isNotInForce() throws Exception {
    agent.stop();
    Files.delete(manifests.resolve("p.yaml"));
    agent = newAgent();
    agent.start();
    assertEquals(Verdict.ALLOWED, aliceToBob());
  }

  @Test
  void restart_nothingKnownOfTheEarlierRun_changesNothingUntilItCanBeRead() throws Exception {
    agent.stop();
    for (String file : new String[] {"manifests.json", "policies.json"}) {
      Files.writeString(temp.resolve("state").resolve(file), "damaged");
    }
    write("kind: [unclosed");
    agent = newAgent();
    agent.start();
    assertTrue(agent.source().orElseThrow().problems().snapshot().size() >= 2);
    assertTrue(!agent.source().orElseThrow().resources().isInitialised());
    // What is in force is not known: neither "nothing is" nor what follows from the rest.
    for (String pod : List.of("alice", "bob")) {
      Endpoint endpoint = agent.endpoint("default", pod).orElseThrow();
      assertTrue(agent.policyProgress(endpoint).isEmpty());
    }
    assertEquals(0, enforcement("none"));
    write(NOBODY_REACHES_BOB);
    agent.awaitPolicy(KEY, PATIENCE);
    assertEquals(Verdict.DENIED, aliceToBob());
  }
}
