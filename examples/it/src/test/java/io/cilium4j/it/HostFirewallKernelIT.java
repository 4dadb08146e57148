// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.model.Endpoint;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import io.cilium4j.it.Traffic.Way;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Policies for nodes, over two nodes: Cilium's scenarios {@code host-firewall-ingress} and {@code
 * host-firewall-egress}, and what no such policy may touch.
 */
class HostFirewallKernelIT {

  private static final int PORT = 8080;
  private static final int OTHER = 8081;
  private static final Map<String, String> ON =
      Map.of("enable-host-firewall", "true", "kube-proxy-replacement", "true");
  private static final long HOST = 65_535;
  private static final int SIDE_BY_SIDE = 8;

  private static IpAddress world(IpFamily family) {
    return Objects.requireNonNull(TestCluster.WORLD.get(family));
  }

  private static void apply(TestCluster cluster, String spec) throws Exception {
    cluster.write(
        "host.yaml",
        """
        apiVersion: cilium.io/v2
        kind: CiliumClusterwideNetworkPolicy
        metadata: {name: host}
        spec:
          nodeSelector: {}
        """
            + spec.indent(2));
  }

  /** Waits until the host is restricted so; none, ingress, egress or both. */
  private static void awaitEnforced(TestCluster cluster, String direction) {
    for (Node node : cluster.nodes()) {
      cluster.await(
          node.name() + " restricts itself: " + direction,
          () -> {
            var status = node.client().get("/endpoint/" + HOST, Endpoint.class).status();
            var policy = Objects.requireNonNull(status).policy();
            return policy != null
                && policy.realized() != null
                && policy.realized().policyEnabled().equals(direction);
          });
    }
  }

  /** Attempts that are to be made; side by side, since most wait for nothing. */
  private final List<Callable<@Nullable Void>> attempts = new ArrayList<>();

  private void attempt(
      TestCluster cluster, boolean wanted, Netns from, IpAddress to, int port, Way way) {
    attempts.add(() -> {
      assertEquals(
          wanted,
          Traffic.reaches(from, to, port, way),
          () -> way + " to " + to + " " + port + "\n" + cluster.logs());
      return null;
    });
  }

  private void attemptAll() throws Exception {
    try (var threads = Executors.newFixedThreadPool(SIDE_BY_SIDE)) {
      for (Future<?> done : threads.invokeAll(attempts)) {
        done.get();
      }
    }
    attempts.clear();
  }

  @ParameterizedTest
  @EnumSource
  void hostFirewallIngress_byEntitiesAndLabels_passesThoseAndTheirAnswersAlone(Routing routing)
      throws Exception {
    try (var cluster = new TestCluster("ith", routing)) {
      cluster.start(ON);
      Node node = cluster.first;
      Pod client = cluster.pod(node, "app=client");
      Pod other = cluster.pod(node, "app=other");
      Pod far = cluster.pod(cluster.second, "app=client");
      cluster.awaitKnown(List.of(client, other, far));
      apply(
          cluster,
          """
          ingress:
          - fromEndpoints: [{matchLabels: {app: client}}]
            toPorts: [{ports: [{port: "8080", protocol: TCP}]}]
          - fromEntities: [world]
            toPorts: [{ports: [{port: "8081", protocol: TCP}]}]
          - fromEntities: [remote-node]
            toPorts: [{ports: [{port: "8080"}]}]
          """);
      awaitEnforced(cluster, "ingress");
      try (var _ = new EchoServer(node.netns, PORT);
          var _ = new EchoServer(node.netns, OTHER);
          var _ = new EchoServer(cluster.world, PORT);
          var _ = new EchoServer(far.netns(), PORT);
          var _ = new EchoServer(client.netns(), PORT)) {
        for (IpFamily family : IpFamily.values()) {
          IpAddress host = node.address(family);
          IpAddress outside = TestCluster.onWorldLink(node, family);
          attempt(cluster, true, client.netns(), host, PORT, Way.TCP);
          attempt(cluster, true, far.netns(), host, PORT, Way.TCP);
          attempt(cluster, true, cluster.second.netns, host, PORT, Way.TCP);
          attempt(cluster, true, cluster.world, outside, OTHER, Way.TCP);
          attempt(cluster, false, other.netns(), host, PORT, Way.TCP);
          attempt(cluster, false, far.netns(), host, OTHER, Way.TCP);
          attempt(cluster, false, cluster.second.netns, host, OTHER, Way.UDP);
          attempt(cluster, false, cluster.world, outside, PORT, Way.TCP);
          attempt(cluster, false, cluster.world, outside, OTHER, Way.UDP);
          attempt(cluster, false, cluster.world, outside, OTHER, Way.ICMP);
          // What it asks itself it is answered.
          for (Way way : Way.values()) {
            attempt(cluster, true, node.netns, world(family), PORT, way);
            attempt(cluster, true, node.netns, client.address(family), PORT, way);
            attempt(cluster, true, node.netns, far.address(family), PORT, way);
            // What pods ask is nothing to it.
            attempt(cluster, true, client.netns(), world(family), PORT, way);
            attempt(cluster, true, client.netns(), far.address(family), PORT, way);
          }
        }
        attemptAll();
        node.kill();
        node.launch(ON);
        node.agent().awaitReady();
        IpAddress outside = TestCluster.onWorldLink(node, IpFamily.IPV4);
        attempt(cluster, false, cluster.world, outside, PORT, Way.TCP);
        attempt(cluster, true, cluster.world, outside, OTHER, Way.TCP);
        attemptAll();
        cluster.remove("host.yaml");
        awaitEnforced(cluster, "none");
        attempt(cluster, true, cluster.world, outside, PORT, Way.TCP);
        attemptAll();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void hostFirewallEgress_byPrefixesAndLabels_passesThoseAndTheirAnswersAlone(Routing routing)
      throws Exception {
    try (var cluster = new TestCluster("ite", routing)) {
      cluster.start(ON);
      Node node = cluster.first;
      Pod near = cluster.pod(node, "app=server");
      Pod other = cluster.pod(node, "app=other");
      Pod far = cluster.pod(cluster.second, "app=server");
      cluster.awaitKnown(List.of(near, other, far));
      apply(
          cluster,
          """
          egress:
          - toEndpoints: [{matchLabels: {app: server}}]
            toPorts: [{ports: [{port: "8080", protocol: TCP}]}]
          - toCIDR: ["203.0.113.9/32", "2001:db8:9::9/128"]
            toPorts: [{ports: [{port: "8081"}]}]
          """);
      awaitEnforced(cluster, "egress");
      try (var _ = new EchoServer(near.netns(), PORT);
          var _ = new EchoServer(other.netns(), PORT);
          var _ = new EchoServer(far.netns(), PORT);
          var _ = new EchoServer(cluster.world, PORT);
          var _ = new EchoServer(cluster.world, OTHER);
          var _ = new EchoServer(cluster.second.netns, OTHER);
          var _ = new EchoServer(node.netns, PORT)) {
        for (IpFamily family : IpFamily.values()) {
          attempt(cluster, true, node.netns, near.address(family), PORT, Way.TCP);
          attempt(cluster, true, node.netns, far.address(family), PORT, Way.TCP);
          attempt(cluster, false, node.netns, far.address(family), PORT, Way.UDP);
          attempt(cluster, false, node.netns, other.address(family), PORT, Way.TCP);
          for (Way way : List.of(Way.TCP, Way.UDP)) {
            attempt(cluster, true, node.netns, world(family), OTHER, way);
            attempt(cluster, false, node.netns, world(family), PORT, way);
            attempt(cluster, false, node.netns, cluster.second.address(family), OTHER, way);
            // What pods ask is nothing to it, under whatever address.
            attempt(cluster, true, near.netns(), world(family), PORT, way);
            // What it is asked it answers.
            attempt(cluster, true, cluster.world, TestCluster.onWorldLink(node, family), PORT, way);
          }
          // By UDP a server at every address would answer pods from another one: a flow of its own.
          attempt(cluster, true, near.netns(), node.address(family), PORT, Way.TCP);
          attempt(cluster, true, far.netns(), node.address(family), PORT, Way.TCP);
        }
        attemptAll();
      }
    }
  }

  /** Pods behind the node's address, and services at it, are the pods' own policies' business. */
  @ParameterizedTest
  @EnumSource
  void hostFirewall_deniesEverything_podsAndServicesGoOn(Routing routing) throws Exception {
    try (var cluster = new TestCluster("itg", routing)) {
      cluster.start(ON);
      Pod near = cluster.hiddenPod(cluster.first, "app=web");
      cluster.awaitKnown(List.of(near));
      NodePortKernelIT.serve(cluster, "type: NodePort", near);
      try (var _ = new Mirror(near.netns(), NodePortKernelIT.TARGET);
          var _ = new EchoServer(cluster.world, PORT);
          var _ = new EchoServer(cluster.first.netns, PORT)) {
        for (IpFamily family : IpFamily.values()) {
          for (Way way : List.of(Way.TCP, Way.UDP)) {
            for (Node node : cluster.nodes()) {
              IpAddress address = TestCluster.onWorldLink(node, family);
              cluster.await(
                  "asked at " + address,
                  () ->
                      IpAddress.tryParse(
                              Mirror.seen(cluster.world, address, NodePortKernelIT.NODE_PORT, way))
                          .isPresent());
            }
          }
        }
        apply(
            cluster,
            """
            ingress:
            - fromEntities: [health]
            egress:
            - toEntities: [health]
            """);
        awaitEnforced(cluster, "both");
        for (IpFamily family : IpFamily.values()) {
          IpAddress outside = TestCluster.onWorldLink(cluster.first, family);
          attempt(cluster, false, cluster.world, outside, PORT, Way.TCP);
          attempt(cluster, false, cluster.first.netns, world(family), PORT, Way.TCP);
          for (Way way : List.of(Way.TCP, Way.UDP)) {
            attempt(cluster, true, near.netns(), world(family), PORT, way);
            for (Node node : cluster.nodes()) {
              IpAddress address = TestCluster.onWorldLink(node, family);
              String seen = Mirror.seen(cluster.world, address, NodePortKernelIT.NODE_PORT, way);
              assertTrue(
                  IpAddress.tryParse(seen).isPresent(),
                  () -> way + " at " + address + ": " + seen + "\n" + cluster.logs());
            }
          }
          attempt(cluster, true, near.netns(), world(family), PORT, Way.ICMP);
        }
        attemptAll();
        assertTrue(cluster.first.cilium("endpoint", "list").contains("reserved:host"));
        var firewall = cluster.first.client().get("/healthz", StatusResponse.class).hostFirewall();
        assertEquals("Enabled", Objects.requireNonNull(firewall).mode());
      }
    }
  }
}
