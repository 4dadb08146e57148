// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Config;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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
 * <p>The first carries a text that names the instance and its pods' prefixes at the moment, by
 * which others see that these are taken.
 *
 * <p>Not safe for use by several threads, but for {@link #route} and {@link #unroute}.
 */
public final class NodeDevices {
  private static final Logger LOG = LoggerFactory.getLogger(NodeDevices.class);

  private static final IpPrefix LINK_LOCAL = IpPrefix.parse("fe80::/10");

  /** Largest packet until a pod's is larger. */
  private static final int MTU_BYTES = 1500;

  /** Largest packet that there is. */
  public static final int MAX_MTU_BYTES = 65_535;

  private final Netlink node;
  private final InstanceNames names;
  private final List<IpAddress> addresses;
  private final DeviceManifest manifest;
  private final Config config;
  private List<IpPrefix> podCidrs;
  private @Nullable DatapathException inUse;
  private final List<String> forwardedBy = forwarding();
  private volatile Link host;
  private volatile Link net;
  private int mtuBytes;

  /**
   * Makes the pair, or takes over that of an earlier process. It carries nothing before {@link
   * #up}.
   *
   * @param manifest tells whose pair it is, if there is one: it may be another datapath's
   * @param isOurs tells it of the second device where the manifest does not know
   * @throws DatapathException if there is a device of that name that is somebody else's
   */
  public NodeDevices(
      Netlink node,
      InstanceNames names,
      Config config,
      DeviceManifest manifest,
      Predicate<Link> isOurs) {
    this.node = node;
    this.names = names;
    this.addresses = config.nodeAddresses();
    this.manifest = manifest;
    this.config = config;
    this.podCidrs = config.podCidrs();
    Optional<Link> existing = node.linkByName(names.hostDevice());
    this.host = existing.orElseGet(this::create);
    this.net =
        twin(host)
            .filter(twin -> manifest.holds(host) || isOurs.test(twin))
            .orElseThrow(() ->
                new DatapathException(
                    "device "
                        + host.name()
                        + " exists, and the state folder does not say that it is ours; if it was"
                        + " lost with that folder: ip link delete "
                        + host.name()));
    // Also where the process that made it did not come to this.
    manifest.add(host.name(), host.index(), host.mac());
    this.mtuBytes = host.mtuBytes();
    settle();
  }

  private Optional<Link> twin(Link first) {
    return node.linkByName(names.netDevice())
        .filter(each -> each.kind().equals("veth") && each.peerIndex() == first.index());
  }

  private void settle() {
    node.setNoArp(host.index());
    node.setNoArp(net.index());
    node.setAlias(host.index(), PrefixUse.alias(names.instance(), podCidrs));
    node.setAlias(net.index(), PrefixUse.alias(names.instance(), List.of()));
  }

  private Link create() {
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
   * Makes the pair as it must be again, whatever somebody did to it: makes it anew where it is
   * gone, sets it up, gives it its addresses.
   *
   * @return what was mended, one line each; where the pair is another one, see {@link #host}
   * @throws DatapathException if somebody else's device has its name by now
   */
  public List<String> mend() {
    List<String> mended = new ArrayList<>();
    Optional<Link> present = node.linkByName(names.hostDevice());
    if (present.isEmpty()) {
      // Without its twin the other end is nothing; it may have been moved away as well.
      node.linkByName(names.netDevice())
          .filter(link -> link.index() == net.index())
          .ifPresent(link -> node.deleteLink(link.index()));
      Link made = create();
      manifest.add(made.name(), made.index(), made.mac());
      host = made;
      net = twin(made).orElseThrow(() -> gone(names.netDevice()));
      int wantedBytes = mtuBytes;
      mtuBytes = made.mtuBytes();
      settle();
      ensureMtu(wantedBytes);
      mended.add("device " + made.name() + " was gone");
    } else if (!manifest.holds(present.get())) {
      throw new DatapathException(
          "device " + names.hostDevice() + " is somebody else's by now; ours is gone");
    } else {
      host = present.get();
      net = twin(host).orElseThrow(() -> gone(names.netDevice()));
    }
    for (Link link : List.of(net, host)) {
      if (!link.isNoArp()) {
        node.setNoArp(link.index());
      }
      if (!link.isUp()) {
        node.setUp(link.index());
        if (mended.isEmpty()) {
          mended.add("device " + link.name() + " was down");
        }
      }
    }
    for (IpAddress address : addresses) {
      if (node.ensureAddress(host.index(), InterfaceAddress.host(address), DuplicateCheck.SKIP)
          && mended.isEmpty()) {
        mended.add("address " + address + " of device " + host.name() + " was gone");
      }
    }
    return mended;
  }

  private static DatapathException gone(String device) {
    return new DatapathException("device " + device + " is gone from this namespace");
  }

  /** Takes addresses off that are of a start with other pod CIDRs. */
  public void dropFormerAddresses() {
    for (InterfaceAddress each : node.listAddresses(host.index())) {
      boolean isOfTheKernel = !each.address().isV4() && LINK_LOCAL.contains(each.address());
      if (!isOfTheKernel && !addresses.contains(each.address())) {
        LOG.info("former address taken off device={} address={}", host.name(), each);
        node.deleteAddress(host.index(), each);
      }
    }
  }

  /**
   * Sees that a device is a pod's and not one by which an instance reaches its pods.
   *
   * @throws DatapathException if it is, whichever instance's
   */
  public void requirePods(EndpointInterface device) {
    int index = device.hostIfindex();
    if (index == host.index()
        || index == net.index()
        || node.linkByIndex(index).filter(PrefixUse::isOfAnInstance).isPresent()) {
      throw new DatapathException(
          "device " + device.hostName() + ": it is the node's, by which an agent reaches its pods");
    }
  }

  /**
   * Lets a device take a pod's packets, whose way back leads over another device: its address is
   * routed to {@code cilium_host}. The kernel looks at that by {@code rp_filter}, of which the
   * larger of the device's and the one for all counts; it passes such packets at 0, and at 2 if the
   * device has any IPv4 address. So the device gets 2, which no value for all overrides, and the
   * node's own address in the pod network, valid on the link alone so that nobody speaks from it.
   *
   * @return what was not so, one line each
   */
  public List<String> acceptPodPackets(String device, int ifindex, ReversePathFilter loose) {
    List<String> mended = new ArrayList<>();
    for (IpAddress address : addresses) {
      if (address.isV4() && node.ensureLinkAddress(ifindex, InterfaceAddress.host(address))) {
        mended.add("address " + address + " of device " + device + " was gone");
      }
    }
    loose.keep(ifindex, device);
    mended.addAll(acceptPackets(device));
    return mended;
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

  /**
   * Lets a device forward packets of both families.
   *
   * @return what was not so, one line each
   */
  public static List<String> acceptPackets(String device) {
    List<String> mended = new ArrayList<>();
    set("net/ipv4/conf/" + device + "/forwarding", "1", mended);
    // Before the others, which are the kernel's defaults again afterwards.
    set("net/ipv6/conf/" + device + "/disable_ipv6", "0", mended);
    set("net/ipv6/conf/" + device + "/forwarding", "1", mended);
    return mended;
  }

  private static void set(String key, String wanted, List<String> mended) {
    Optional<String> found = Sysctl.read(key);
    if (found.isPresent() && !found.get().equals(wanted)) {
      Sysctl.write(key, wanted);
      mended.add(key + " was " + found.get());
    }
  }

  /** Settings by which a node forwards packets, whatever its devices say. */
  private static List<String> forwarding() {
    return Stream.of("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")
        .filter(key -> Sysctl.read(key).filter("0"::equals).isEmpty())
        .toList();
  }

  /**
   * Sees that the node forwards packets if it did when this began, which is its administrator's to
   * say, and that nothing else uses the pods' prefixes, of which there may be others by now.
   *
   * @throws DatapathException if it is not so
   */
  public void requireWorkable() {
    List<IpPrefix> present = config.podCidrs();
    boolean isChanged = !present.equals(podCidrs);
    if (isChanged) {
      podCidrs = present;
      node.setAlias(host.index(), PrefixUse.alias(names.instance(), present));
    }
    inUse = isChanged || inUse != null ? use() : null;
    if (inUse != null) {
      throw inUse;
    }
    requireForwarding();
  }

  private @Nullable DatapathException use() {
    try {
      PrefixUse.requireFree(node, config, manifest::holds);
      return null;
    } catch (DatapathException e) {
      return e;
    }
  }

  private void requireForwarding() {
    List<String> present = forwarding();
    for (String key : forwardedBy) {
      if (!present.contains(key)) {
        throw new DatapathException(
            key + " is 0 by now: nothing is forwarded from other networks to pods");
      }
    }
  }

  /** The node's own addresses in the pod network. */
  public List<IpAddress> addresses() {
    return addresses;
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
