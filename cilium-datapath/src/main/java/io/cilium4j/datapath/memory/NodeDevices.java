// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

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
 * The pair of devices between the node's own stack and the forwarder.
 *
 * <pre>
 *   node's stack --route 10.1.0.5/32--&gt; cilium_host ----- cilium_net [packet socket] forwarder
 * </pre>
 *
 * <p>{@code cilium_host} has the node's addresses and behaves as any device; what the forwarder
 * writes to {@code cilium_net} comes in there. {@code cilium_net}, like every pod's device on the
 * node's side, is made deaf: the forwarder alone acts on what comes in by it.
 */
final class NodeDevices {

  /** Largest packet until a pod's is larger. */
  private static final int MTU_BYTES = 1500;

  private final Netlink node;
  private final InstanceNames names;
  private final List<IpAddress> addresses;
  private final Link host;
  private final Link net;
  private int mtuBytes;

  /**
   * Makes the pair, or takes over that of an earlier process.
   *
   * @param manifest tells whose pair it is, if there is one: it may be another datapath's
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
            .filter(_ -> manifest.holds(host.name(), host.index()))
            .filter(link -> link.kind().equals("veth") && link.peerIndex() == host.index())
            .orElseThrow(() ->
                new DatapathException(
                    "device " + host.name() + " exists and is not this datapath's"));
    this.mtuBytes = host.mtuBytes();
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
    // Without neighbour discovery the kernel writes the device's own address into frames, which is
    // not that of its twin: the twin takes them to be somebody else's.
    node.setNoArp(host.index());
    node.setNoArp(net.index());
    makeDeaf(net.name());
    Sysctl.writeIfPresent("net/ipv6/conf/" + host.name() + "/disable_ipv6", "0");
    Sysctl.writeIfPresent("net/ipv4/conf/" + host.name() + "/forwarding", "1");
    Sysctl.writeIfPresent("net/ipv6/conf/" + host.name() + "/forwarding", "1");
    node.setUp(net.index());
    node.setUp(host.index());
    for (IpAddress address : addresses) {
      node.ensureAddress(host.index(), InterfaceAddress.host(address), DuplicateCheck.SKIP);
    }
  }

  /**
   * Gives a pod's device on the node's side an Ethernet address that the pod does not know, and
   * makes it deaf. The pod writes to the address it was told at first; to the kernel its frames are
   * then somebody else's, and only a packet socket sees them.
   */
  static void deafen(Netlink node, int ifindex, String name) {
    node.setMac(ifindex, PodConnector.randomMac());
    makeDeaf(name);
  }

  /** What is left are frames for all stations: no protocol may take those for itself either. */
  private static void makeDeaf(String device) {
    String v4 = "net/ipv4/conf/" + device;
    Sysctl.writeIfPresent(v4 + "/forwarding", "0");
    Sysctl.writeIfPresent(v4 + "/rp_filter", "1");
    Sysctl.writeIfPresent(v4 + "/drop_unicast_in_l2_multicast", "1");
    Sysctl.writeIfPresent(v4 + "/arp_ignore", "8");
    Sysctl.writeIfPresent("net/ipv6/conf/" + device + "/disable_ipv6", "1");
  }

  /** The end in the node's stack. */
  Link host() {
    return host;
  }

  /** The forwarder's end. */
  Link net() {
    return net;
  }

  /** Lets packets through that are as large as a pod's. */
  void ensureMtu(int wantedBytes) {
    if (mtuBytes < wantedBytes) {
      node.setMtu(net.index(), wantedBytes);
      node.setMtu(host.index(), wantedBytes);
      mtuBytes = wantedBytes;
    }
  }

  /** Has the node send what is for this address to the forwarder. */
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

  /** The pods' addresses that are routed to the forwarder, by whichever process. */
  List<IpAddress> routes() {
    return node.listRoutes(host.index()).stream()
        .map(Route::destination)
        .filter(IpPrefix::isHost)
        .map(IpPrefix::address)
        .filter(address -> !addresses.contains(address))
        .toList();
  }
}
