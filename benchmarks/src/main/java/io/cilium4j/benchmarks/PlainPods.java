// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.Datapath.ConnectRequest;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.Sysctl;
import java.util.ArrayList;
import java.util.List;

/**
 * Pods without our programs: the same pairs of devices, a route to each address, and the kernel's
 * own forwarding. What the datapath is compared with.
 */
final class PlainPods implements AutoCloseable {
  private final Netlink node = Netlink.open();
  private final PodConnector connector =
      new PodConnector(node, List.of(BenchNode.NODE4, BenchNode.NODE6));
  private final List<EndpointInterface> devices = new ArrayList<>();
  private final List<Netns> namespaces = new ArrayList<>();

  /** A pod with the addresses that {@link BenchNode#addresses} gives to this id. */
  Netns pod(BenchNode bench, int id) {
    Netns netns = bench.netns(id);
    namespaces.add(netns);
    List<IpAddress> addresses = BenchNode.addresses(id);
    EndpointInterface device =
        connector.connect(
            new ConnectRequest(id, netns.path().toString(), "eth0", addresses, 1500),
            "plain" + id,
            made -> {});
    devices.add(device);
    for (String family : List.of("ipv4", "ipv6")) {
      Sysctl.writeIfPresent("net/" + family + "/conf/" + device.hostName() + "/forwarding", "1");
    }
    Sysctl.writeIfPresent("net/ipv4/conf/" + device.hostName() + "/rp_filter", "0");
    for (IpAddress address : addresses) {
      node.setNeighbour(device.hostIfindex(), address, device.podMac());
      node.replaceRoute(Route.to(IpPrefix.host(address), device.hostIfindex()));
    }
    return netns;
  }

  @Override
  public void close() {
    devices.forEach(connector::disconnect);
    namespaces.forEach(BenchNode::delete);
    node.close();
  }
}
