// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.Service;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import io.cilium4j.it.Traffic.Way;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Services of Kubernetes, from pods and from the node's own processes, over two nodes. */
class ServicesKernelIT {

  private static final int PORT = 80;
  private static final int TARGET = 8080;

  private static final Map<IpFamily, IpAddress> VIPS =
      Map.of(
          IpFamily.IPV4,
          IpAddress.parse("10.96.0.10"),
          IpFamily.IPV6,
          IpAddress.parse("fd96:0:0:1::10"));

  private static IpAddress vip(IpFamily family) {
    return Objects.requireNonNull(VIPS.get(family));
  }

  private static String service() {
    return """
    apiVersion: v1
    kind: Service
    metadata: {name: web, namespace: default}
    spec:
      type: ClusterIP
      clusterIP: %s
      clusterIPs: [%s, "%s"]
      ipFamilies: [IPv4, IPv6]
      ports: [{name: tcp, port: 80, protocol: TCP}, {name: udp, port: 80, protocol: UDP}]
    """
        .formatted(vip(IpFamily.IPV4), vip(IpFamily.IPV4), vip(IpFamily.IPV6));
  }

  private static String slice(IpFamily family, Pod... pods) {
    String endpoints =
        List.of(pods).stream()
            .map(pod ->
                "{addresses: [\"%s\"], nodeName: %s}"
                    .formatted(pod.address(family), pod.node().name()))
            .collect(Collectors.joining(", "));
    return """
    ---
    apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata:
      name: web-%s
      namespace: default
      labels: {kubernetes.io/service-name: web}
    addressType: %s
    ports: [{name: tcp, port: 8080, protocol: TCP}, {name: udp, port: 8080, protocol: UDP}]
    endpoints: [%s]
    """
        .formatted(
            family.name().toLowerCase(java.util.Locale.ROOT),
            family == IpFamily.IPV4 ? "IPv4" : "IPv6",
            endpoints);
  }

  /** Has the service these backends, and waits until each node's datapath has them. */
  private static void serve(TestCluster cluster, Pod... pods) throws Exception {
    cluster.write("web.yaml", service() + slice(IpFamily.IPV4, pods) + slice(IpFamily.IPV6, pods));
    for (Node node : cluster.nodes()) {
      awaitRealized(cluster, node, pods);
    }
  }

  private static void awaitRealized(TestCluster cluster, Node node, Pod... pods) {
    for (IpFamily family : IpFamily.values()) {
      List<String> wanted =
          List.of(pods).stream().map(pod -> pod.address(family).toString()).sorted().toList();
      cluster.await(
          node.name() + " realised " + wanted,
          () ->
              node.client().list("/service", Service.class).stream()
                      .filter(each -> isOf(each, family) && backends(each).equals(wanted))
                      .count()
                  == 2);
    }
  }

  private static boolean isOf(Service service, IpFamily family) {
    var frontend = Objects.requireNonNull(service.spec()).frontendAddress();
    return frontend != null && frontend.ip().equals(vip(family).toString());
  }

  private static List<String> backends(Service service) {
    var realized = Objects.requireNonNull(service.status()).realized();
    return realized == null
        ? List.of()
        : realized.backendAddresses().stream().map(BackendAddress::ip).sorted().toList();
  }

  private static void assertReached(TestCluster cluster, Pod client, Node node) {
    for (IpFamily family : IpFamily.values()) {
      for (Way way : List.of(Way.TCP, Way.UDP)) {
        assertTrue(
            Traffic.reaches(client.netns(), vip(family), PORT, way),
            () -> "pod " + client.number() + " " + family + " " + way + "\n" + cluster.logs());
        assertTrue(
            Traffic.reaches(node.netns, vip(family), PORT, way),
            () -> node.name() + " " + family + " " + way + "\n" + cluster.logs());
      }
      // No port of the service.
      assertFalse(Traffic.reaches(client.netns(), vip(family), 81, Way.UDP, 200));
    }
  }

  @ParameterizedTest
  @EnumSource
  void service_ofPodsOnBothNodes_isReachedAndKeepsItsConnections(Routing routing) throws Exception {
    try (var cluster = new TestCluster("itx", routing)) {
      cluster.start();
      Pod alice = cluster.pod(cluster.first, "app=alice");
      Pod near = cluster.pod(cluster.first, "app=web");
      Pod far = cluster.pod(cluster.second, "app=web");
      cluster.awaitKnown(List.of(alice, near, far));
      List<Socket> sockets = new ArrayList<>();
      try (var _ = new EchoServer(near.netns(), TARGET);
          var _ = new EchoServer(far.netns(), TARGET)) {
        serve(cluster, near);
        assertReached(cluster, alice, cluster.first);
        assertReached(cluster, far, cluster.second);
        serve(cluster, far);
        assertReached(cluster, alice, cluster.first);
        assertReached(cluster, near, cluster.second);
        List<CountedStream> streams = new ArrayList<>();
        for (IpFamily family : IpFamily.values()) {
          Socket socket = alice.netns().call(() -> new Socket(vip(family).toInetAddress(), PORT));
          sockets.add(socket);
          streams.add(new CountedStream(socket));
        }
        streams.forEach(CountedStream::awaitProgress);
        // Another backend comes: what is open stays where it is.
        serve(cluster, near, far);
        streams.forEach(CountedStream::awaitProgress);
        // The agent dies, and the service goes on without it.
        cluster.first.kill();
        streams.forEach(CountedStream::awaitProgress);
        assertReached(cluster, alice, cluster.first);
        cluster.first.launch();
        cluster.first.agent().awaitReady();
        awaitRealized(cluster, cluster.first, near, far);
        assertReached(cluster, alice, cluster.first);
        streams.forEach(CountedStream::awaitProgress);
        streams.forEach(CountedStream::end);
      } finally {
        for (Socket socket : sockets) {
          socket.close();
        }
      }
    }
  }
}
