// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.ReservedIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Which labels make an identity is the agent's to be told, and may be told anew. */
class IdentityLabelsTest extends AgentFixture {
  private final RecordingDatapath datapath = new RecordingDatapath();
  private List<String> patterns = List.of("!build");

  @Override
  RecordingDatapath datapath() {
    return datapath;
  }

  @Override
  AgentBuilder<Agent> builder() {
    return super.builder().identityLabels(patterns).nodeLabels(List.of("zone"));
  }

  private Endpoint make(String pod, String build) throws IOException {
    Path netns = Files.createFile(temp.resolve("netns-" + pod));
    return agent.createEndpoint(
        new EndpointRequest(
            "default", pod, Map.of("app", "web", "build", build), netns.toString()));
  }

  private List<String> ownLabels(int id) {
    return agent.endpoints().get(id).orElseThrow().labels().stream()
        .map(Label::toString)
        .filter(label -> label.startsWith("k8s:app") || label.startsWith("k8s:build"))
        .toList();
  }

  private int identityOf(Endpoint endpoint) {
    return agent.endpoints().get(endpoint.id()).orElseThrow().identity();
  }

  @Test
  void identity_ofPodsThatDifferInWhatIsIgnored_isOne() throws Exception {
    Endpoint one = make("one", "1");
    Endpoint two = make("two", "2");
    assertEquals(one.identity(), two.identity());
    assertEquals(List.of("k8s:app=web"), ownLabels(one.id()));
    assertEquals(
        "1",
        agent
            .endpointDetails()
            .get(one.id())
            .orElseThrow()
            .derivedLabels()
            .value("k8s", "build")
            .orElseThrow(),
        "it is told all the same");
  }

  @Test
  void restart_withOtherPatterns_givesEndpointsTheirIdentities() throws Exception {
    Endpoint one = make("one", "1");
    Endpoint two = make("two", "2");
    int before = one.identity();
    patterns = List.of("k8s:build");
    restart();
    assertEquals(List.of("k8s:build=1"), ownLabels(one.id()));
    assertTrue(identityOf(one) != identityOf(two), "they differ in what counts now");
    patterns = List.of("!build");
    restart();
    assertEquals(identityOf(one), identityOf(two));
    assertEquals(List.of("k8s:app=web"), ownLabels(one.id()));
    assertTrue(before > 0);
  }

  @Test
  void identityLabels_wrong_areRefusedByName() {
    var wrong =
        assertThrows(IllegalArgumentException.class, () -> builder().identityLabels(List.of("a(")));
    assertTrue(String.valueOf(wrong.getMessage()).contains("\"a(\""), wrong.getMessage());
  }

  @Test
  void host_ofNodeWithLabels_hasThoseThatCount() throws Exception {
    writeManifest(
        "node.yaml",
        "{apiVersion: v1, kind: Node, metadata: {name: node, labels: {zone: a, arch: x}}}");
    Labels wanted =
        Labels.parse("reserved:host", "node:zone=a", "k8s:io.cilium.k8s.policy.cluster=default");
    long end = System.nanoTime() + PATIENCE.toNanos();
    try (var watch = agent.identities().watch()) {
      while (!watch
          .take(PATIENCE)
          .snapshot()
          .get(ReservedIdentity.HOST.id())
          .orElseThrow()
          .labels()
          .equals(wanted)) {
        assertTrue(System.nanoTime() < end, "not in time");
      }
    }
  }
}
