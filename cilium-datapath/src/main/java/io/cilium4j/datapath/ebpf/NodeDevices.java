// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.datapath.net.DeviceManifest;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.Sysctl;
import io.cilium4j.datapath.net.VethPair;
import java.util.List;
import java.util.Optional;

/**
 * The pair of devices by which the node and the outside reach pods. Each pod's address is routed to
 * the first; what is sent there comes in at the second, where a program decides and hands it to the
 * pod.
 *
 * <pre>
 *   node's stack --route 10.1.0.5/32--> cilium_host ----- cilium_net [program] ----> pod's eth0
 * </pre>
 *
 * <p>The first also has the node's own address in the pod network, the pods' next hop. It asks for
 * no neighbours: there is only one, and the program writes the Ethernet addresses.
 */
final class NodeDevices {

  /** Largest packet: as the pods' own devices take by default. */
  private static final int MTU_BYTES = 1500;

  private final Netlink node;
  private final InstanceNames names;
  private final List<IpAddress> addresses;
  private final Link host;
  private final Link net;

  /**
   * Makes the pair, or takes over that of an earlier process.
   *
   * @param manifest tells whose pair it is, if there is one
   */
  NodeDevices(
      Netlink node, InstanceNames names, List<IpAddress> addresses, DeviceManifest manifest) {
    this.node = node;
    this.names = names;
    this.addresses = List.copyOf(addresses);
    Optional<Link> existing = node.linkByName(names.hostDevice());
    this.host = existing.orElseGet(this::create);
    if (existing.isEmpty()) {
      manifest.add(host.name(), host.index());
    }
    this.net =
        node.linkByName(names.netDevice())
            .filter(twin -> manifest.holds(host.name(), host.index()))
            .filter(twin -> twin.kind().equals("veth") && twin.peerIndex() == host.index())
            .orElseThrow(() ->
                new DatapathException(
                    "device " + host.name() + " exists and is not this datapath's"));
    configure();
  }

  private Link create() {
    try (Netns here = Netns.current()) {
      return node.createVeth(
          new VethPair(
              names.hostDevice(),
              names.netDevice(),
              PodConnector.randomMac(),
              PodConnector.randomMac(),
              MTU_BYTES),
          here);
    }
  }

  private void configure() {
    for (Link link : List.of(host, net)) {
      node.setNoArp(link.index());
      acceptPodPackets(link.name());
      node.setUp(link.index());
    }
    for (IpAddress address : addresses) {
      node.ensureAddress(host.index(), InterfaceAddress.host(address), DuplicateCheck.SKIP);
    }
  }

  /**
   * Lets a device take packets whose way back leads over another device: a pod's packets come in at
   * the pod's device, while its address is routed to {@code cilium_host}.
   */
  static void acceptPodPackets(String device) {
    Sysctl.writeIfPresent("net/ipv4/conf/" + device + "/rp_filter", "0");
    Sysctl.writeIfPresent("net/ipv4/conf/" + device + "/forwarding", "1");
    Sysctl.writeIfPresent("net/ipv6/conf/" + device + "/disable_ipv6", "0");
    Sysctl.writeIfPresent("net/ipv6/conf/" + device + "/forwarding", "1");
  }

  /** Where the program that decides for the node's packets hangs. */
  Link net() {
    return net;
  }

  /** Has the node send what is for this address to the program. */
  void route(IpAddress pod) {
    Route route = Route.to(IpPrefix.host(pod), host.index());
    node.replaceRoute(
        addresses.stream()
            .filter(own -> own.family() == pod.family())
            .findFirst()
            .map(route::from)
            .orElse(route));
  }

  /** No error if there is no such route. */
  void unroute(IpAddress pod) {
    node.deleteRoute(Route.to(IpPrefix.host(pod), host.index()));
  }
}
