// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.api.model.Endpoint;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.core.IpFamily;
import io.cilium4j.it.Requests.Client;
import io.cilium4j.it.Requests.Recorder;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Rules on requests at both ends of connections between two nodes, each by its own agent. */
@Timeout(300)
class HttpNodesKernelIT {
  private static final int PORT = 8080;

  private static final String POLICIES =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: alice, namespace: default}
      spec:
        endpointSelector: {matchLabels: {app: alice}}
        egress:
        - toEndpoints: [{matchLabels: {app: bob}}]
          toPorts:
          - ports: [{port: "8080", protocol: TCP}]
            rules: {http: [{method: GET}]}
      ---
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: bob, namespace: default}
      spec:
        endpointSelector: {matchLabels: {app: bob}}
        ingress:
        - fromEndpoints: [{matchLabels: {app: alice}}]
          toPorts:
          - ports: [{port: "8080", protocol: TCP}]
            rules: {http: [{path: /ok}]}
      """;

  @ParameterizedTest
  @EnumSource
  void requests_ofRulesAtBothNodes_passBoth(Routing routing) throws Exception {
    try (var cluster = new TestCluster("ith", routing)) {
      cluster.start();
      Pod alice = cluster.pod(cluster.first, "app=alice");
      Pod bob = cluster.pod(cluster.second, "app=bob");
      cluster.awaitKnown(List.of(alice, bob));
      cluster.write("requests.yaml", POLICIES);
      cluster.await("alice's egress", () -> cluster.first.enforces(alice, "egress"));
      cluster.await("bob's ingress", () -> cluster.second.enforces(bob, "ingress"));
      try (var recorder = new Recorder(bob.netns(), PORT)) {
        for (IpFamily family : IpFamily.values()) {
          recorder.seen.clear();
          try (Client client = Client.open(alice.netns(), bob.address(family), PORT)) {
            assertEquals(200, client.ask("GET", "/ok"));
            assertEquals(403, client.ask("PUT", "/ok"), "alice's node");
            assertEquals(403, client.ask("GET", "/no"), "bob's node");
            assertEquals(200, client.ask("GET", "/ok"));
            String from = alice.address(family) + " " + client.socket().getLocalPort();
            assertEquals(List.of(from, from), recorder.seen);
          }
        }
      }
      assertEquals("egress " + PORT, redirect(alice));
      assertEquals("ingress " + PORT, redirect(bob));
    }
  }

  /** What the API says of the one redirect that a pod has, and its node. */
  private static String redirect(Pod pod) {
    StatusResponse node = pod.node().client().get("/healthz", StatusResponse.class);
    assertEquals(1, Objects.requireNonNull(node.proxy()).totalRedirects());
    var status =
        pod.node().client().get("/endpoint/" + pod.endpoint().id(), Endpoint.class).status();
    var policy = Objects.requireNonNull(Objects.requireNonNull(status).policy());
    assertEquals(1, policy.proxyStatistics().size());
    var one = policy.proxyStatistics().getFirst();
    return one.location() + " " + one.port();
  }
}
