// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.api.model.DaemonConfiguration;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The network between nodes takes larger or smaller packets than before. */
class MtuKernelIT {

  private static final int PORT = 8080;
  private static final int USUAL = 1500;
  private static final int SMALL = 1400;

  private static void setLinkMtu(TestCluster cluster, int bytes) {
    for (Node node : cluster.nodes()) {
      try (Netlink links = node.network()) {
        links.setMtu(links.linkByName("eth0").orElseThrow().index(), bytes);
      }
    }
  }

  private static int eth0Mtu(Netns netns) {
    try (Netlink links = Netlink.open(netns)) {
      return links.linkByName("eth0").map(Link::mtuBytes).orElseThrow();
    }
  }

  private static int hostMtu(Pod pod) {
    try (Netlink links = pod.node().network()) {
      return links
          .linkByName(pod.node().runtime.device(pod.number()))
          .map(Link::mtuBytes)
          .orElseThrow();
    }
  }

  /** Whether both ends of the device of a node's proxy take as much as pods. */
  private static boolean isOfProxy(Node node, int bytes) {
    String device = new InstanceNames(node.instance()).proxyDevice();
    try (Netlink links = node.network();
        Netns proxy = Netns.open(node.folder().resolve("state/datapath/netns/proxy"))) {
      return links.linkByName(device).orElseThrow().mtuBytes() == bytes && eth0Mtu(proxy) == bytes;
    }
  }

  /** What a runtime is told, and what pods have that are there. */
  private static void awaitMtu(TestCluster cluster, List<Pod> pods, int bytes) {
    for (Node node : cluster.nodes()) {
      cluster.await(
          node.name() + " tells the MTU " + bytes,
          () ->
              Objects.requireNonNull(
                          node.client().get("/config", DaemonConfiguration.class).status())
                      .routeMTU()
                  == bytes);
    }
    for (Node node : cluster.nodes()) {
      cluster.await(node.name() + "'s proxy has the MTU " + bytes, () -> isOfProxy(node, bytes));
    }
    for (Pod pod : pods) {
      cluster.await(
          "pod " + pod.number() + " has the MTU " + bytes + ", and it is " + eth0Mtu(pod.netns()),
          () -> eth0Mtu(pod.netns()) == bytes && hostMtu(pod) == bytes);
    }
  }

  @ParameterizedTest
  @EnumSource
  void linkMtu_changes_livingPodsFollowAndNothingIsLost(Routing routing) throws Exception {
    int overhead = routing == Routing.VXLAN ? 50 : 0;
    try (var cluster = new TestCluster("itm", routing)) {
      cluster.start();
      Pod alice = cluster.pod(cluster.first, "app=alice");
      Pod bob = cluster.pod(cluster.second, "app=bob");
      List<Pod> pods = List.of(alice, bob);
      cluster.awaitKnown(pods);
      List<Socket> sockets = new ArrayList<>();
      List<CountedStream> streams = new ArrayList<>();
      try (var _ = new EchoServer(bob.netns(), PORT)) {
        for (IpFamily family : IpFamily.values()) {
          IpAddress address = bob.address(family);
          Socket socket = alice.netns().call(() -> new Socket(address.toInetAddress(), PORT));
          sockets.add(socket);
          streams.add(new CountedStream(socket));
        }
        awaitMtu(cluster, pods, USUAL - overhead);
        setLinkMtu(cluster, SMALL);
        awaitMtu(cluster, pods, SMALL - overhead);
        streams.forEach(CountedStream::awaitProgress);
        setLinkMtu(cluster, USUAL);
        awaitMtu(cluster, pods, USUAL - overhead);
        streams.forEach(CountedStream::awaitProgress);
        // Also what changes while nobody looks.
        cluster.first.kill();
        setLinkMtu(cluster, SMALL);
        cluster.first.launch();
        cluster.first.agent().awaitReady();
        awaitMtu(cluster, pods, SMALL - overhead);
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
