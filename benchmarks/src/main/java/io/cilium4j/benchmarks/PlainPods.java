// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.Sysctl;
import java.util.ArrayList;
import java.util.List;

/**
 * Pods without our programs: the same pairs of devices, a route to each address, and the kernel's
 * own forwarding. What the datapath is compared with. Their node is a namespace of its own, because
 * IPv6 forwards for all devices of a namespace or for none.
 */
final class PlainPods implements AutoCloseable {

  /** Names the namespace of the node, as ids name those of pods. */
  private static final int ROUTER = 10;

  private final List<Netns> namespaces = new ArrayList<>();
  private final Netns router;
  private final Netlink node;
  private final PodConnector connector;

  PlainPods(BenchNode bench) {
    router = bench.netns(ROUTER);
    namespaces.add(router);
    node = Netlink.open(router);
    connector = new PodConnector(node, List.of(BenchNode.NODE4, BenchNode.NODE6));
    router.call(() ->
        Sysctl.writeIfPresent("net/ipv4/conf/all/forwarding", "1")
            && Sysctl.writeIfPresent("net/ipv6/conf/all/forwarding", "1"));
  }

  /** A pod with the addresses that {@link BenchNode#addresses} gives to this id. */
  Netns pod(BenchNode bench, int id) {
    Netns netns = bench.netns(id);
    join(netns, id);
    return netns;
  }

  /** Joins a namespace to the node under this id, and takes it over. */
  void join(Netns netns, int id) {
    namespaces.add(netns);
    List<IpAddress> addresses = BenchNode.addresses(id);
    EndpointInterface device =
        connector.connect(
            new ConnectRequest(id, netns.path().toString(), "eth0", addresses, 1500),
            "plain" + id,
            made -> {});
    for (IpAddress address : addresses) {
      node.setNeighbour(device.hostIfindex(), address, device.podMac());
      node.replaceRoute(Route.to(IpPrefix.host(address), device.hostIfindex()));
    }
  }

  @Override
  public void close() {
    node.close();
    // The devices go with their namespaces.
    namespaces.forEach(BenchNode::delete);
  }
}
