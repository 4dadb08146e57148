// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A node that gets other addresses while its agent runs, as with another lease of DHCP. */
class NodeAddressKernelIT {
  private static final int PORT = 8080;
  private static final int TIMEOUT_MILLIS = 500;
  private static final long MOVED_BY = 10;

  /** Whether a pod is answered from this address. */
  private static boolean reaches(Pod client, IpAddress server) throws IOException {
    try (DatagramSocket socket = client.netns().call(() -> new DatagramSocket())) {
      socket.setSoTimeout(TIMEOUT_MILLIS);
      socket.send(new DatagramPacket(new byte[8], 8, server.toInetAddress(), PORT));
      socket.receive(new DatagramPacket(new byte[8], 8));
      return true;
    }
  }

  private static IpAddress moved(Node node, IpFamily family) {
    return node.address(family).plus(MOVED_BY);
  }

  private static void move(Node node) {
    try (Netlink links = node.network()) {
      int device = links.linkByName("eth0").orElseThrow().index();
      for (IpFamily family : IpFamily.values()) {
        int length = family == IpFamily.IPV4 ? 24 : 64;
        links.deleteAddress(device, new InterfaceAddress(node.address(family), length));
        links.addAddress(
            device, new InterfaceAddress(moved(node, family), length), DuplicateCheck.SKIP);
      }
    }
  }

  private static Optional<ClusterNode> published(ClusterStore store, Node node) {
    return store.nodes().read(node.name()).map(ClusterStore.Stored::value);
  }

  private static Set<Optional<IpAddress>> nodesOfEndpoints(ClusterStore store) {
    return store.endpoints().list().stream()
        .map(ClusterStore.Stored::value)
        .map(PublishedEndpoint::node)
        .collect(Collectors.toSet());
  }

  @ParameterizedTest
  @EnumSource
  void addressesOfANode_areOthers_podsReachEachOtherAgain(Routing routing) throws Exception {
    try (var cluster = new TestCluster("itna", routing);
        ClusterStore store = cluster.openStore()) {
      cluster.start();
      Pod client = cluster.pod(cluster.first, "app=client");
      Pod server = cluster.pod(cluster.second, "app=server");
      cluster.awaitKnown(List.of(client, server));
      try (var _ = new EchoServer(server.netns(), PORT);
          var _ = new EchoServer(client.netns(), PORT)) {
        for (IpFamily family : IpFamily.values()) {
          cluster.await("answered " + family, () -> reaches(client, server.address(family)));
        }
        move(cluster.second);
        for (IpFamily family : IpFamily.values()) {
          cluster.await(
              "the node tells of its address " + family,
              () ->
                  published(store, cluster.second)
                      .flatMap(node -> node.address(AddressType.INTERNAL_IP, family))
                      .equals(Optional.of(moved(cluster.second, family))));
        }
        for (IpFamily family : IpFamily.values()) {
          cluster.await("answered again " + family, () -> reaches(client, server.address(family)));
          cluster.await("answers as well " + family, () -> reaches(server, client.address(family)));
        }
        cluster.await(
            "its endpoints tell of it",
            () ->
                nodesOfEndpoints(store)
                    .equals(
                        Set.of(
                            Optional.of(cluster.first.address(IpFamily.IPV4)),
                            Optional.of(moved(cluster.second, IpFamily.IPV4)))));
        cluster.awaitKnown(List.of(client, server));
        assertEquals(
            2,
            published(store, cluster.second).orElseThrow().addresses().stream()
                .filter(each -> each.type() == AddressType.INTERNAL_IP)
                .count());
      }
    }
  }
}
