// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.spi.Datapath.Mended;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.core.spi.EndpointDevices.AdoptRequest;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.datapath.net.DeviceManifest;
import io.cilium4j.datapath.net.IngressBarrier;
import io.cilium4j.datapath.net.InstanceClaim;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.NodeDevices;
import io.cilium4j.datapath.net.NodeNetwork;
import io.cilium4j.datapath.net.NodeRoutes;
import io.cilium4j.datapath.net.NodeRoutes.Way;
import io.cilium4j.datapath.net.NodeWatch;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.PodMtu;
import io.cilium4j.datapath.net.PrefixUse;
import io.cilium4j.datapath.net.ProxyNamespace;
import io.cilium4j.datapath.net.RemoteNodes;
import io.cilium4j.datapath.net.RemoteNodes.TunnelEnds;
import io.cilium4j.datapath.net.ReversePathFilter;
import io.cilium4j.datapath.net.ReversePathFilter.Mode;
import io.cilium4j.datapath.net.SourceGuard;
import io.cilium4j.datapath.net.Sysctl;
import io.cilium4j.datapath.net.TunnelSocket;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The devices of an instance: the node's pair, the pods' pairs, and the forwarder between them. The
 * forwarder alone acts on what comes in by them. There is one only where packets are really to be
 * moved; see {@link MemoryDatapath}.
 *
 * <p>Not safe for use by several threads: {@link MemoryDatapath} holds its lock.
 */
final class PodNetwork implements AutoCloseable {

  /** What pods' packets are as large as, without a tunnel. */
  private static final int ETHERNET_MTU_BYTES = 1500;

  private final InstanceClaim claim;
  private final InstanceNames names;
  private final Netlink node;
  private final NodeDevices devices;
  private final PodConnector connector;
  private final Forwarder forwarder;
  private final IngressBarrier barrier;
  private final RoutedPods routed;
  private final RemoteNodes nodes;
  private final SourceGuard guard;
  private final DeviceManifest manifest;
  private final ReversePathFilter deafDevices = new ReversePathFilter(Mode.STRICT);
  private final NodeWatch watch;

  private final Path proxyFolder;
  private final @Nullable ProxyNamespace proxy;

  /** The addresses of the pods that this process connected, by device. */
  private final Map<Integer, List<IpAddress>> connected = new HashMap<>();

  /**
   * Makes what is missing, and takes over what an earlier process left.
   *
   * @param hasProxy whether there is to be a place for a proxy
   */
  PodNetwork(Config config, PacketDecider decider, boolean hasProxy) {
    this.claim = InstanceClaim.take(config);
    this.proxyFolder = folderOfProxy(config);
    this.names = new InstanceNames(config.instance());
    this.manifest = new DeviceManifest(config.runFolder(), "memory");
    this.node = openNode(claim);
    this.barrier = new IngressBarrier(names);
    var opened = new ArrayDeque<Runnable>();
    try {
      // Where what the manifest said is lost, a pair of our names and settings is ours.
      this.devices =
          new NodeDevices(
              node, names, config, manifest, twin -> manifest.isDamaged() && twin.isNoArp());
      NodeDevices.acceptPackets(devices.host().name());
      makeDeaf(devices.net().index(), devices.net().name());
      // Pods' routes say how much each takes; what a pod sends is never too large for the stack.
      devices.ensureMtu(NodeDevices.MAX_MTU_BYTES);
      devices.up();
      this.connector = new PodConnector(node, config.nodeAddresses());
      this.routed = new RoutedPods(devices);
      this.nodes =
          new RemoteNodes(TunnelEnds.NONE, new NodeRoutes(node, devices, Way.of(config.routing())));
      this.guard =
          new SourceGuard(node, names, config.devices(), this::isOurs, decider::dropForged);
      opened.push(guard::close);
      TunnelSocket tunnel = config.routing().tunnel().map(TunnelSocket::open).orElse(null);
      this.forwarder = new Forwarder(config.instance(), decider, devices, tunnel);
      opened.push(forwarder::close);
      this.proxy = hasProxy ? openProxy(config) : null;
      this.watch = NodeWatch.open(config.instance() + "-network", new NetworkFollower());
    } catch (RuntimeException e) {
      opened.forEach(Runnable::run);
      barrier.close();
      node.close();
      claim.close();
      throw e;
    }
  }

  private static Netlink openNode(InstanceClaim claim) {
    try {
      return Netlink.open();
    } catch (RuntimeException e) {
      claim.close();
      throw e;
    }
  }

  private boolean isOurs(Link link) {
    return link.index() == devices.host().index()
        || link.index() == devices.net().index()
        || manifest.holds(link.name(), link.index());
  }

  /**
   * Sees to it that deaf devices stay so, that each device's largest packet is known, and that
   * nobody out there is somebody in here. On the watch's thread, without the datapath's lock.
   */
  private final class NetworkFollower implements NodeWatch.Listener {
    @Override
    public void networkChanged(NodeNetwork network) {
      network
          .links()
          .forEach((ifindex, link) -> {
            forwarder.setMtu(ifindex, link.mtuBytes());
            routed.setMtu(ifindex, link.mtuBytes());
          });
      guard.follow(network);
    }

    @Override
    public void reversePathFilterSet(int ifindex) {
      deafDevices.check(ifindex);
    }
  }

  /** Whether an earlier process of the instance left its devices in this namespace. */
  static boolean isLeft(Config config) {
    var manifest = new DeviceManifest(config.runFolder(), "memory");
    try (Netlink node = Netlink.open()) {
      return node.linkByName(new InstanceNames(config.instance()).hostDevice())
          .filter(link -> manifest.holds(link) || manifest.isDamaged())
          .isPresent();
    }
  }

  /** Sees that nothing else here uses the pods' prefixes. */
  static void requireFreePrefixes(Config config) {
    var manifest = new DeviceManifest(config.runFolder(), "memory");
    try (Netlink node = Netlink.open()) {
      PrefixUse.requireFree(node, config, manifest::holds);
    }
  }

  /** The other nodes. */
  RemoteNodes nodes() {
    return nodes;
  }

  private ProxyNamespace openProxy(Config config) {
    int overhead = config.routing().tunnel().map(Tunnel::overheadBytes).orElse(0);
    ProxyNamespace opened =
        ProxyNamespace.open(
            node, names, manifest, folderOfProxy(config), ETHERNET_MTU_BYTES - overhead);
    makeDeaf(opened.link().index(), opened.link().name());
    forwarder.attachProxy(opened);
    opened.up();
    return opened;
  }

  private static Path folderOfProxy(Config config) {
    return config.runFolder().resolve("netns");
  }

  /** The proxy's namespace; empty where there is none. */
  Optional<ProxyNamespace> proxy() {
    return Optional.ofNullable(proxy);
  }

  EndpointInterface connect(ConnectRequest request) {
    String name = names.podDevice(request.endpointId());
    if (node.linkByName(name).isEmpty()) {
      manifest.announce(name);
    }
    var prepared = new ArrayList<EndpointInterface>(1);
    try {
      EndpointInterface device =
          connector.connect(
              request,
              name,
              made -> {
                manifest.add(name, made.hostIfindex(), made.hostMac());
                prepared.add(made);
                prepare(made);
              });
      route(request.addresses(), device);
      connected.put(device.hostIfindex(), request.addresses());
      return device;
    } catch (RuntimeException e) {
      prepared.forEach(this::disconnect);
      if (node.linkByName(name).isEmpty()) {
        manifest.remove(name, 0);
      }
      throw e;
    }
  }

  /** Forwards for a pair that somebody else made. */
  EndpointInterface adopt(AdoptRequest request) {
    devices.requirePods(request.device());
    EndpointInterface device =
        connector.adopt(
            request.device(),
            taken -> {
              manifest.adopt(taken.hostName(), taken.hostIfindex(), taken.hostMac());
              prepare(taken);
            });
    route(request.addresses(), device);
    connected.put(device.hostIfindex(), request.addresses());
    return device;
  }

  /**
   * Before the device is up: the kernel must not see a packet that the forwarder does not. The
   * device gets an Ethernet address that the pod does not know. The pod writes to the one it was
   * told at first; to the kernel its frames are then somebody else's, and only a packet socket sees
   * them.
   */
  private void prepare(EndpointInterface device) {
    MacAddress unknown = PodConnector.randomMac();
    manifest.changeMac(device.hostName(), unknown);
    node.setMac(device.hostIfindex(), unknown);
    makeDeaf(device.hostIfindex(), device.hostName());
    forwarder.attach(device.hostIfindex(), mtuBytes(device));
  }

  private int mtuBytes(EndpointInterface device) {
    return node.linkByIndex(device.hostIfindex())
        .map(Link::mtuBytes)
        .orElse(NodeDevices.MAX_MTU_BYTES);
  }

  /**
   * No protocol of the node may take a frame for itself, also of those for all stations. The
   * settings do what they can where the kernel has no barrier.
   */
  private void makeDeaf(int ifindex, String device) {
    barrier.shut(device);
    String v4 = "net/ipv4/conf/" + device;
    Sysctl.writeIfPresent(v4 + "/forwarding", "0");
    deafDevices.keep(ifindex, device);
    Sysctl.writeIfPresent(v4 + "/drop_unicast_in_l2_multicast", "1");
    Sysctl.writeIfPresent(v4 + "/arp_ignore", "8");
    Sysctl.writeIfPresent("net/ipv6/conf/" + device + "/disable_ipv6", "1");
  }

  /** Removes an endpoint's devices; its routes stay until {@link #settle}. */
  void disconnect(EndpointInterface device) {
    connector.disconnect(device, link -> isIt(link, device));
    forget(device.hostName(), device.hostIfindex());
  }

  /** Gives endpoints' devices another MTU; those whose other end is not found stay as they are. */
  List<EndpointInterface> setMtu(List<EndpointInterface> devices, int formerBytes, int mtuBytes) {
    List<EndpointInterface> behind = PodMtu.set(node, devices, formerBytes, mtuBytes);
    if (proxy != null) {
      proxy.setMtu(mtuBytes); // It sends what pods send.
    }
    return behind;
  }

  /** Gives devices that were taken over back, down; the routes stay until {@link #settle}. */
  void release(EndpointInterface device) {
    if (holds(device)) {
      connector.release(device.hostName(), device.hostIfindex());
      node.setMac(device.hostIfindex(), device.hostMac()); // The one that its pod knows.
    }
    forget(device.hostName(), device.hostIfindex());
  }

  private void forget(String name, int ifindex) {
    forwarder.detach(ifindex);
    barrier.open(name);
    deafDevices.forget(ifindex);
    manifest.remove(name, ifindex);
    connected.remove(ifindex);
  }

  boolean holds(EndpointInterface device) {
    return PodConnector.holds(node, device, link -> isIt(link, device));
  }

  List<String> examine(EndpointInterface device, ConnectRequest made) {
    return PodConnector.examine(node, device, made);
  }

  Optional<EndpointInterface> pairOf(String netns, String podDeviceName) {
    return PodConnector.pairOf(node, netns, podDeviceName);
  }

  /**
   * Its address is its own, or the one that it got here; where what the manifest said of that is
   * lost, its name and index have to do.
   */
  private boolean isIt(Link link, EndpointInterface device) {
    return link.mac().equals(device.hostMac()) || manifest.holds(link) || manifest.isDamaged();
  }

  /** Looks at the devices and routes again, and mends what somebody undid. */
  Mended mend() {
    List<String> mended = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    try {
      // Where IPv6 is off there can be no address of it.
      mended.addAll(NodeDevices.acceptPackets(devices.host().name()));
      mended.addAll(devices.mend());
      NodeDevices.acceptPackets(devices.host().name());
      makeDeaf(devices.net().index(), devices.net().name());
      forwarder.moveStack(devices);
      routed.mend().forEach(pod -> mended.add("the route to " + pod + " was gone"));
      for (Link link : node.listLinks("")) {
        boolean isPods = link.index() != devices.host().index() && manifest.holds(link);
        if (isPods && forwarder.isAttached(link.index()) && !link.isUp()) {
          makeDeaf(link.index(), link.name());
          node.setUp(link.index());
          mended.add("device " + link.name() + " was down");
        }
      }
      guard.mend();
      if (proxy != null) {
        mended.addAll(proxy.mend());
      }
      devices.requireWorkable();
    } catch (RuntimeException e) {
      problems.add(String.valueOf(e.getMessage()));
    }
    try {
      nodes
          .mend()
          .forEach(prefix -> mended.add("the route to " + prefix + " was gone or led elsewhere"));
    } catch (DatapathException e) {
      // A node that cannot be reached keeps nothing else from being mended.
      problems.add(String.valueOf(e.getMessage()));
    }
    return new Mended(mended, problems);
  }

  /** Forwards for an endpoint whose device was made before this process began. */
  void resume(Endpoint endpoint) {
    EndpointInterface device = endpoint.device();
    if (forwarder.isAttached(device.hostIfindex()) && routed.containsAll(endpoint.addresses())) {
      return;
    }
    if (manifest.isDamaged() && holds(device)) {
      node.linkByName(device.hostName())
          .filter(link -> !manifest.devices().containsKey(link.name()))
          .ifPresent(link ->
              manifest.find(link.name(), link.index(), link.mac(), names.isPodDevice(link.name())));
    }
    if (manifest.holds(device.hostName(), device.hostIfindex()) && holds(device)) {
      makeDeaf(device.hostIfindex(), device.hostName());
      forwarder.attach(device.hostIfindex(), mtuBytes(device));
      route(endpoint.addresses(), device);
    }
  }

  private void route(List<IpAddress> pods, EndpointInterface device) {
    routed.add(pods, device.hostIfindex(), mtuBytes(device));
    guard.setPods(routed.addresses());
  }

  /** Takes the routes to addresses that neither a row nor a connected pod has any more. */
  void settle(Set<IpAddress> inRows) {
    Set<IpAddress> kept = new HashSet<>(inRows);
    connected.values().forEach(kept::addAll);
    routed.retain(kept);
    guard.setPods(routed.addresses());
  }

  /**
   * Removes the devices and routes that an earlier process left of endpoints that are not among
   * these.
   *
   * @param inUse the devices of rows: those that were taken over have a name of their maker's
   */
  void prune(Set<Integer> endpointIds, Set<String> inUse, Set<IpAddress> inRows) {
    Set<String> kept = new HashSet<>(inUse);
    endpointIds.forEach(id -> kept.add(names.podDevice(id)));
    manifest
        .leftBehind()
        .forEach((name, device) -> {
          if (!kept.contains(name)) {
            switch (device.origin()) {
              case MADE -> delete(name);
              case ADOPTED ->
                  node.linkByName(name)
                      .filter(manifest::holds)
                      .ifPresent(link -> connector.release(name, link.index()));
            }
            forget(name, device.ifindex());
          }
        });
    routed.addLeftBehind();
    settle(inRows);
    devices.dropFormerAddresses();
  }

  /** Deletes a device of ours: a stranger may have the name by now. */
  private void delete(String name) {
    node.linkByName(name).filter(manifest::holds).ifPresent(link -> node.deleteLink(link.index()));
  }

  long undeliverable() {
    return forwarder.undeliverable();
  }

  long unproxied() {
    return forwarder.unproxied();
  }

  /** Stops forwarding; the devices stay. */
  @Override
  public void close() {
    watch.close();
    guard.close();
    forwarder.close();
    barrier.close();
    if (proxy != null) {
      proxy.close();
    }
    node.close();
    claim.close();
  }

  /** Removes everything this instance made; with a device go its twin and its routes. */
  void destroy() {
    watch.close();
    forwarder.close();
    if (proxy != null) {
      proxy.close();
    }
    manifest.devices().keySet().forEach(this::delete);
    ProxyNamespace.deleteName(proxyFolder);
    manifest.delete();
    guard.remove();
    barrier.remove();
    barrier.close();
    node.close();
    claim.close();
  }
}
