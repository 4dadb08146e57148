// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.state.UndoStack;
import io.cilium4j.it.ClusterDns.Server;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rules on DNS where each node has a cache of its own, which pods ask in place of the service. */
@Timeout(600)
class NodeLocalDnsKernelIT {

  /** Where a cache of the node's own network listens. */
  private static final IpAddress CACHE = IpAddress.parse("169.254.20.10");

  private static final String RULES = ClusterDns.rules("[{port: \"53\", protocol: ANY}]");

  private static final String REDIRECT =
      """
      apiVersion: cilium.io/v2
      kind: CiliumLocalRedirectPolicy
      metadata: {name: nodelocaldns, namespace: kube-system}
      spec:
        redirectFrontend:
          serviceMatcher: {serviceName: kube-dns, namespace: kube-system}
        redirectBackend:
          localEndpointSelector: {matchLabels: {k8s-app: node-local-dns}}
          toPorts:
          - {port: "53", name: dns, protocol: UDP}
          - {port: "53", name: dns-tcp, protocol: TCP}
      """;

  /** In a pod to which a policy redirects, or at an address of the node. */
  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void questions_toACacheOfTheNode_areDecidedAndLearnedFrom(String datapath) throws Exception {
    try (var cluster = new TestCluster("itdc", Routing.NATIVE);
        var servers = new UndoStack()) {
      ClusterDns.start(cluster, datapath);
      Node node = cluster.first;
      Pod alice = cluster.pod(node, "app=alice");
      Pod cache = cluster.pod(node, "k8s-app=node-local-dns");
      Pod far = cluster.pod(cluster.second, "k8s-app=kube-dns");
      cluster.awaitKnown(List.of(alice, cache, far));
      cluster.write("names.yaml", RULES);
      cluster.await("alice's egress", () -> node.enforces(alice, "egress"));
      Server own = Server.in(far, 1);
      Server ofPod = Server.in(cache, 2);
      AutoCloseable _ = servers.add(new EchoServer(cluster.world, OutsideWorld.PORT));
      AutoCloseable _ = servers.add(own.dns());
      AutoCloseable _ = servers.add(ofPod.dns());
      cluster.write("dns.yaml", ClusterDns.service(own));
      cluster.write("redirect.yaml", REDIRECT);
      cluster.write("cache.yaml", ClusterDns.cachePod(cache, false));
      ClusterDns.assertDecided(cluster, alice, own, ClusterDns.VIPS);

      cluster.write("cache.yaml", ClusterDns.cachePod(cache, true));
      ClusterDns.assertDecided(cluster, alice, ofPod, ClusterDns.VIPS);
      ClusterDns.assertLearned(alice, ClusterDns.VIPS);
      ClusterDns.forget(cluster, alice);

      cluster.write("cache.yaml", ClusterDns.cachePod(cache, false));
      ClusterDns.assertDecided(cluster, alice, own, ClusterDns.VIPS);
      ClusterDns.assertLearned(alice, ClusterDns.VIPS);
      ClusterDns.forget(cluster, alice);

      Program.run(node.netns, List.of("ip", "address", "add", CACHE + "/32", "dev", "lo"));
      Map<IpFamily, IpAddress> direct = Map.of(IpFamily.IPV4, CACHE);
      Server ofNode = Server.in(node.netns, 3, direct);
      AutoCloseable _ = servers.add(ofNode.dns());
      ClusterDns.assertDecided(cluster, alice, ofNode, direct);
      ClusterDns.assertLearned(alice, direct);
    }
  }
}
