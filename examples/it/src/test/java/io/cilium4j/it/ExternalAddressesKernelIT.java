// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static io.cilium4j.it.NodePortKernelIT.NODE_PORT;
import static io.cilium4j.it.NodePortKernelIT.NOTHING;
import static io.cilium4j.it.NodePortKernelIT.PORT;
import static io.cilium4j.it.NodePortKernelIT.TARGET;
import static io.cilium4j.it.NodePortKernelIT.atWorld;
import static io.cilium4j.it.NodePortKernelIT.awaitSeen;
import static io.cilium4j.it.NodePortKernelIT.seen;
import static io.cilium4j.it.NodePortKernelIT.serve;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.model.Service;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.Way;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * Services that are asked at addresses which somebody leads to nodes, or only says that he does.
 */
class ExternalAddressesKernelIT {

  /** Neither a node's nor a pod's; the world sends there by a node. */
  private static final Map<IpFamily, String> EXTERNAL =
      Map.of(IpFamily.IPV4, "198.51.100.20", IpFamily.IPV6, "2001:db8:5::20");

  private static IpAddress external(IpFamily family) {
    return IpAddress.parse(Objects.requireNonNull(EXTERNAL.get(family)));
  }

  @Test
  void externalAddresses_sourcesAndConflicts_areAsTheyMustBe() throws Exception {
    try (var cluster = new TestCluster("itq", Routing.NATIVE)) {
      cluster.start();
      Pod web = cluster.hiddenPod(cluster.first, "app=web");
      cluster.awaitKnown(List.of(web));
      for (IpFamily family : IpFamily.values()) {
        cluster.routeFromWorld(external(family), cluster.first);
        cluster.routeToWorld(external(family), cluster.first);
      }
      try (var _ = new Mirror(web.netns(), TARGET)) {
        Map<IpFamily, String> balanced =
            EXTERNAL.entrySet().stream()
                .collect(
                    Collectors.toMap(
                        Map.Entry::getKey,
                        each ->
                            "status: {loadBalancer: {ingress: [{ip: \"%s\"}]}}"
                                .formatted(each.getValue())));
        serve(cluster, "type: LoadBalancer", balanced, web);
        for (IpFamily family : IpFamily.values()) {
          String world = Objects.requireNonNull(TestCluster.WORLD.get(family)).toString();
          awaitSeen(cluster, cluster.world, external(family), PORT, Way.TCP, world);
          awaitSeen(cluster, cluster.world, external(family), PORT, Way.UDP, world);
          // At another port nobody serves, and it does not go back to where it came from.
          String other = seen(cluster.world, external(family), PORT + 1, Way.TCP);
          assertTrue(other.contains("Connection refused"), other);
        }
        serve(
            cluster,
            "type: LoadBalancer\n  loadBalancerSourceRanges: [192.168.77.0/24]",
            balanced,
            web);
        for (IpFamily family : IpFamily.values()) {
          awaitSeen(cluster, cluster.world, external(family), PORT, Way.UDP, NOTHING);
          // The node's own ports are not the balancer's.
          awaitSeen(
              cluster,
              cluster.world,
              atWorld(cluster.first, family),
              NODE_PORT,
              Way.TCP,
              Objects.requireNonNull(TestCluster.WORLD.get(family)).toString());
        }
        // A port of the node for one pod.
        cluster.write(
            "edge.yaml",
            """
            apiVersion: v1
            kind: Pod
            metadata: {name: edge, namespace: default}
            spec:
              nodeName: %s
              containers: [{name: c, ports: [{containerPort: 8080, hostPort: 8443}]}]
            status: {podIPs: [{ip: "%s"}, {ip: "%s"}]}
            """
                .formatted(
                    cluster.first.name(), web.address(IpFamily.IPV4), web.address(IpFamily.IPV6)));
        for (IpFamily family : IpFamily.values()) {
          awaitSeen(
              cluster,
              cluster.world,
              atWorld(cluster.first, family),
              8443,
              Way.TCP,
              Objects.requireNonNull(TestCluster.WORLD.get(family)).toString());
        }
        // An external IP that is a node's own captures nothing.
        cluster.write(
            "thief.yaml",
            """
            apiVersion: v1
            kind: Service
            metadata: {name: thief, namespace: default}
            spec:
              clusterIPs: ["10.96.0.66"]
              externalIPs: ["%s", "%s"]
              ports: [{port: 8080}]
            """
                .formatted(cluster.second.address(IpFamily.IPV4), web.address(IpFamily.IPV4)));
        cluster.await(
            "the status tells of the thief",
            () -> cluster.first.status().contains("is the own address of a node, a pod"));
        assertFalse(
            cluster.first.client().list("/service", Service.class).stream()
                .map(each -> Objects.requireNonNull(each.spec()).frontendAddress())
                .anyMatch(each ->
                    each != null
                        && each.ip().equals(cluster.second.address(IpFamily.IPV4).toString())
                        && each.port() == TARGET));
      }
    }
  }

  /** CVE-2020-8554: whoever writes a Service does not get what the cluster sends elsewhere. */
  @Test
  void externalIp_ofSomebodyOutside_takesNothingFromPodsUnlessToldTo() throws Exception {
    try (var cluster = new TestCluster("itx", Routing.VXLAN)) {
      cluster.start();
      Node node = cluster.first;
      Pod alice = cluster.hiddenPod(node, "app=alice");
      Pod thief = cluster.hiddenPod(node, "app=thief");
      cluster.awaitKnown(List.of(alice, thief));
      String external =
          "externalIPs: [\"%s\", \"%s\"]"
              .formatted(
                  TestCluster.WORLD.get(IpFamily.IPV4), TestCluster.WORLD.get(IpFamily.IPV6));
      // The thief's pod answers nobody until it may.
      try (var _ = new Mirror(cluster.world, PORT)) {
        serve(cluster, external, thief);
        String led = "203.0.113.9 . tcp . 80 : goto";
        cluster.await("clients outside are led", () -> node.nft("list", "ruleset").contains(led));
        assertNotTaken(alice, node);
        // Nor is it kept from them where nothing stands behind it.
        serve(cluster, external);
        cluster.await("nothing stands behind it", () -> !node.nft("list", "ruleset").contains(led));
        assertNotTaken(alice, node);
        serve(cluster, external, thief);
        node.kill();
        node.launch(Map.of("disable-external-ip-mitigation", "true"));
        node.agent().awaitReady();
        try (var _ = new Mirror(thief.netns(), TARGET)) {
          for (IpFamily family : IpFamily.values()) {
            for (Way way : List.of(Way.TCP, Way.UDP)) {
              String own = alice.address(family).toString();
              awaitSeen(cluster, alice.netns(), world(family), PORT, way, own);
            }
          }
        }
        node.kill();
        node.launch(Map.of());
        node.agent().awaitReady();
        for (IpFamily family : IpFamily.values()) {
          String left = atWorld(node, family).toString();
          awaitSeen(cluster, alice.netns(), world(family), PORT, Way.TCP, left);
        }
        assertNotTaken(alice, node);
      }
    }
  }

  private static IpAddress world(IpFamily family) {
    return Objects.requireNonNull(TestCluster.WORLD.get(family));
  }

  /** A pod and a process of its node are who they are outside, where they ask somebody there. */
  private static void assertNotTaken(Pod pod, Node node) {
    for (IpFamily family : IpFamily.values()) {
      String left = atWorld(node, family).toString();
      for (Way way : List.of(Way.TCP, Way.UDP)) {
        for (Netns client : List.of(pod.netns(), node.netns)) {
          assertEquals(left, seen(client, world(family), PORT, way));
        }
      }
    }
  }
}
