// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static io.cilium4j.it.NodePortKernelIT.NODE_PORT;
import static io.cilium4j.it.NodePortKernelIT.atWorld;
import static io.cilium4j.it.NodePortKernelIT.awaitSeen;
import static io.cilium4j.it.NodePortKernelIT.seen;
import static io.cilium4j.it.NodePortKernelIT.serve;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.Way;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whom policies are asked about where a node's stack gives clients the node's address. */
class NodePortPolicyKernelIT {

  /** Whom the backend lets in; alice may speak to nodes alone, whoever is behind them. */
  private static String policies(String rule) {
    return """
    apiVersion: cilium.io/v2
    kind: CiliumNetworkPolicy
    metadata: {name: web, namespace: default}
    spec:
      endpointSelector: {matchLabels: {app: web}}
      ingress: [%s]
    ---
    apiVersion: cilium.io/v2
    kind: CiliumNetworkPolicy
    metadata: {name: alice, namespace: default}
    spec:
      endpointSelector: {matchLabels: {app: alice}}
      egress: [{toEntities: [remote-node]}]
    """
        .formatted(rule);
  }

  /** A node gives clients its own address: it must not give them what it may itself. */
  @ParameterizedTest
  @EnumSource
  void nodePort_ofABackendWithAPolicy_asksAboutTheClientAndNotAboutTheNode(Routing routing)
      throws Exception {
    try (var cluster = new TestCluster("itu", routing)) {
      cluster.start();
      Pod alice = cluster.hiddenPod(cluster.second, "app=alice");
      Pod eve = cluster.hiddenPod(cluster.second, "app=eve");
      Pod near = cluster.hiddenPod(cluster.first, "app=web");
      cluster.awaitKnown(List.of(alice, eve, near));
      try (var _ = new Mirror(near.netns(), NodePortKernelIT.TARGET)) {
        serve(cluster, "type: NodePort", near);
        cluster.write("policy.yaml", policies("{fromEndpoints: [{matchLabels: {app: alice}}]}"));
        cluster.await("enforced", () -> cluster.first.enforces(near, "ingress"));
        cluster.await("enforced", () -> cluster.second.enforces(alice, "egress"));
        for (IpFamily family : IpFamily.values()) {
          IpAddress first = cluster.first.address(family);
          cluster.await(
              "alice is let in by the node",
              () -> IpAddress.tryParse(seen(alice.netns(), first, NODE_PORT, Way.TCP)).isPresent());
        }
        List<Question> strangers = new ArrayList<>();
        List<Question> own = new ArrayList<>();
        for (IpFamily family : IpFamily.values()) {
          IpAddress first = cluster.first.address(family);
          strangers.add(new Question(eve.netns(), first));
          strangers.add(new Question(cluster.second.netns, first));
          for (Node node : cluster.nodes()) {
            strangers.add(new Question(cluster.world, atWorld(node, family)));
          }
          own.add(new Question(cluster.first.netns, first));
        }
        assertServed(cluster, false, strangers);
        assertServed(cluster, true, own);
        cluster.write("policy.yaml", policies("{fromEntities: [world]}"));
        for (IpFamily family : IpFamily.values()) {
          String world = Objects.requireNonNull(TestCluster.WORLD.get(family)).toString();
          awaitSeen(
              cluster, cluster.world, atWorld(cluster.first, family), NODE_PORT, Way.TCP, world);
        }
        List<Question> outside = new ArrayList<>();
        List<Question> further = new ArrayList<>();
        List<Question> inside = new ArrayList<>();
        for (IpFamily family : IpFamily.values()) {
          outside.add(new Question(cluster.world, atWorld(cluster.first, family)));
          further.add(new Question(cluster.world, atWorld(cluster.second, family)));
          inside.add(new Question(alice.netns(), cluster.first.address(family)));
        }
        assertServed(cluster, true, outside);
        // Another node can tell by the tunnel who asked it, and else by its own address alone.
        assertServed(cluster, routing == Routing.VXLAN, further);
        assertServed(cluster, false, inside);
      }
    }
  }

  /** Somebody else's translation, of what no connection tracking tells a program about. */
  @Test
  void ping_underTheNodesAddress_isNotTheNodes() throws Exception {
    try (var cluster = new TestCluster("itv", Routing.VXLAN)) {
      cluster.start();
      Node node = cluster.first;
      Pod near = cluster.pod(node, "app=web");
      cluster.awaitKnown(List.of(near));
      for (IpFamily family : IpFamily.values()) {
        IpAddress pod = near.address(family);
        String ip = family == IpFamily.IPV4 ? "ip" : "ip6";
        node.nft("add", "table", ip, "other");
        node.nft("add chain " + ip + " other out { type nat hook postrouting priority 100 ; }");
        node.nft("add rule " + ip + " other out " + ip + " daddr " + pod + " masquerade");
        cluster.await(
            "the world is let in", () -> Traffic.reaches(cluster.world, pod, 0, Way.ICMP));
      }
      cluster.write("policy.yaml", policies("{fromEndpoints: [{matchLabels: {app: alice}}]}"));
      cluster.await("enforced", () -> node.enforces(near, "ingress"));
      for (IpFamily family : IpFamily.values()) {
        IpAddress pod = near.address(family);
        assertTrue(Traffic.reaches(node.netns, pod, 0, Way.ICMP), cluster::logs);
        assertFalse(Traffic.reaches(cluster.world, pod, 0, Way.ICMP), cluster::logs);
      }
    }
  }

  /** Who asks a node port of which address. */
  private record Question(Netns client, IpAddress address) {}

  /** Asks all at once, since silence takes long. */
  private static void assertServed(
      TestCluster cluster, boolean areServed, List<Question> questions) {
    Map<String, CompletableFuture<String>> answers = new TreeMap<>();
    for (Question question : questions) {
      for (Way way : List.of(Way.TCP, Way.UDP)) {
        answers.put(
            question + " " + way,
            CompletableFuture.supplyAsync(
                () -> seen(question.client, question.address, NODE_PORT, way),
                task -> Thread.ofPlatform().start(task)));
      }
    }
    answers.forEach((question, answer) ->
        assertEquals(
            areServed,
            IpAddress.tryParse(answer.join()).isPresent(),
            () -> question + ": " + answer.join() + "\n" + cluster.logs()));
  }
}
