// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import java.util.List;
import java.util.Optional;

/**
 * The pair of devices by which the node and the outside reach pods. Each pod's address is routed to
 * the first; what is sent there comes in at the second, where the datapath decides and hands it to
 * the pod.
 *
 * <pre>
 *   node's stack --route 10.1.0.5/32--&gt; cilium_host ----- cilium_net [datapath] ----&gt; pod's eth0
 * </pre>
 *
 * <p>The first also has the node's own address in the pod network, the pods' next hop. Neither asks
 * for neighbours: each has only one, and the datapath writes the Ethernet addresses.
 *
 * <p>Not safe for use by several threads, but for {@link #route} and {@link #unroute}.
 */
public final class NodeDevices {

  /** Largest packet until a pod's is larger. */
  private static final int MTU_BYTES = 1500;

  /** Largest packet that there is. */
  public static final int MAX_MTU_BYTES = 65_535;

  private final Netlink node;
  private final InstanceNames names;
  private final List<IpAddress> addresses;
  private final Link host;
  private final Link net;
  private int mtuBytes;

  /**
   * Makes the pair, or takes over that of an earlier process. It carries nothing before {@link
   * #up}.
   *
   * @param manifest tells whose pair it is, if there is one: it may be another datapath's
   * @throws DatapathException if there is a device of that name that is somebody else's
   */
  public NodeDevices(
      Netlink node, InstanceNames names, List<IpAddress> addresses, DeviceManifest manifest) {
    this.node = node;
    this.names = names;
    this.addresses = List.copyOf(addresses);
    Optional<Link> existing = node.linkByName(names.hostDevice());
    this.host = existing.orElseGet(() -> create(manifest));
    if (manifest.holds(host.name(), host.index())) {
      // Also where the process that made it did not come to this.
      manifest.add(host.name(), host.index());
    }
    this.net =
        node.linkByName(names.netDevice())
            .filter(_ -> manifest.holds(host.name(), host.index()))
            .filter(twin -> twin.kind().equals("veth") && twin.peerIndex() == host.index())
            .orElseThrow(() ->
                new DatapathException(
                    "device "
                        + host.name()
                        + " exists, and the state folder does not say that it is ours; if it was"
                        + " lost with that folder: ip link delete "
                        + host.name()));
    this.mtuBytes = host.mtuBytes();
    node.setNoArp(host.index());
    node.setNoArp(net.index());
  }

  private Link create(DeviceManifest manifest) {
    manifest.announce(names.hostDevice());
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

  /**
   * Sets both ends up and gives the node its addresses, once their settings are as they must be.
   */
  public void up() {
    node.setUp(net.index());
    node.setUp(host.index());
    for (IpAddress address : addresses) {
      node.ensureAddress(host.index(), InterfaceAddress.host(address), DuplicateCheck.SKIP);
    }
  }

  /**
   * Lets a device take a pod's packets, whose way back leads over another device: its address is
   * routed to {@code cilium_host}. The kernel looks at that by {@code rp_filter}, of which the
   * larger of the device's and the one for all counts; it passes such packets at 0, and at 2 if the
   * device has any IPv4 address. So the device gets 2, which no value for all overrides, and the
   * node's own address in the pod network, valid on the link alone so that nobody speaks from it.
   */
  public void acceptPodPackets(String device, int ifindex, ReversePathFilter loose) {
    addresses.stream()
        .filter(IpAddress::isV4)
        .forEach(address -> node.ensureLinkAddress(ifindex, InterfaceAddress.host(address)));
    loose.keep(ifindex, device);
    acceptPackets(device);
  }

  /** Takes back the address, for a device that is its maker's again; no error if it is gone. */
  public void refusePodPackets(String device, int ifindex, ReversePathFilter loose) {
    loose.forget(ifindex);
    if (node.linkByName(device).filter(link -> link.index() == ifindex).isPresent()) {
      addresses.stream()
          .filter(IpAddress::isV4)
          .forEach(address -> node.deleteAddress(ifindex, InterfaceAddress.host(address)));
    }
  }

  /** Lets a device forward packets of both families. */
  public static void acceptPackets(String device) {
    Sysctl.writeIfPresent("net/ipv4/conf/" + device + "/forwarding", "1");
    Sysctl.writeIfPresent("net/ipv6/conf/" + device + "/disable_ipv6", "0");
    Sysctl.writeIfPresent("net/ipv6/conf/" + device + "/forwarding", "1");
  }

  /** The end in the node's stack. */
  public Link host() {
    return host;
  }

  /** The datapath's end. */
  public Link net() {
    return net;
  }

  /** Lets packets through that are as large as a pod's. */
  public void ensureMtu(int wantedBytes) {
    if (mtuBytes < wantedBytes) {
      node.setMtu(net.index(), wantedBytes);
      node.setMtu(host.index(), wantedBytes);
      mtuBytes = wantedBytes;
    }
  }

  /** Has the node send what is for this address to the datapath. */
  public void route(IpAddress pod) {
    route(pod, 0);
  }

  /**
   * As {@link #route(IpAddress)}; what is larger is answered by the node's stack, as a router does.
   *
   * @param largestBytes the pod's largest packet; 0 for the pair's
   */
  public void route(IpAddress pod, int largestBytes) {
    Route route = Route.to(IpPrefix.host(pod), host.index()).mtu(largestBytes);
    node.replaceRoute(
        addresses.stream()
            .filter(own -> own.family() == pod.family())
            .findFirst()
            .map(route::from)
            .orElse(route));
  }

  /** No error if there is no such route. */
  public void unroute(IpAddress pod) {
    node.deleteRoute(Route.to(IpPrefix.host(pod), host.index()));
  }

  /** The pods' addresses that are routed to the datapath, by whichever process. */
  public List<IpAddress> routes() {
    return node.listRoutes(host.index()).stream()
        .map(Route::destination)
        .filter(IpPrefix::isHost)
        .map(IpPrefix::address)
        .filter(address -> !addresses.contains(address))
        .toList();
  }
}
