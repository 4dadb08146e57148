// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.Datapath.ConnectRequest;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.datapath.net.DeviceManifest;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.PodConnector;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The devices of an instance: the node's pair, the pods' pairs, and the forwarder between them.
 * There is one only where packets are really to be moved; see {@link MemoryDatapath}.
 *
 * <p>Not safe for use by several threads: {@link MemoryDatapath} holds its lock.
 */
final class PodNetwork implements AutoCloseable {

  private final InstanceNames names;
  private final Netlink node;
  private final NodeDevices devices;
  private final PodConnector connector;
  private final Forwarder forwarder;
  private final DeviceManifest manifest;

  /** The addresses of the pods that this process connected, by device. */
  private final Map<Integer, List<IpAddress>> connected = new HashMap<>();

  /** Makes what is missing, and takes over what an earlier process left. */
  PodNetwork(Config config, PacketDecider decider) {
    this.names = new InstanceNames(config.instance());
    this.manifest = new DeviceManifest(config.runFolder(), "memory");
    this.node = Netlink.open();
    try {
      this.devices = new NodeDevices(node, names, config.nodeAddresses(), manifest);
      this.connector = new PodConnector(node, config.nodeAddresses());
      this.forwarder = new Forwarder(config.instance(), decider, devices);
    } catch (RuntimeException e) {
      node.close();
      throw e;
    }
  }

  /** Whether an earlier process of the instance left its devices in this namespace. */
  static boolean isLeft(Config config) {
    var manifest = new DeviceManifest(config.runFolder(), "memory");
    if (manifest.devices().isEmpty()) {
      return false;
    }
    try (Netlink node = Netlink.open()) {
      return node.linkByName(new InstanceNames(config.instance()).hostDevice())
          .filter(link -> manifest.holds(link.name(), link.index()))
          .isPresent();
    }
  }

  EndpointInterface connect(ConnectRequest request) {
    devices.ensureMtu(request.mtuBytes());
    EndpointInterface device =
        connector.connect(request, names.podDevice(request.endpointId()), this::prepare);
    request.addresses().forEach(devices::route);
    connected.put(device.hostIfindex(), request.addresses());
    return device;
  }

  /** Before the device is up: the kernel must not see a packet that the forwarder does not. */
  private void prepare(EndpointInterface device) {
    NodeDevices.deafen(node, device.hostIfindex(), device.hostName());
    manifest.add(device.hostName(), device.hostIfindex());
    forwarder.attach(device.hostIfindex());
  }

  /**
   * Removes an endpoint's devices.
   *
   * @param inUse addresses that rows still have, whose routes stay
   */
  void disconnect(EndpointInterface device, Set<IpAddress> inUse) {
    forwarder.detach(device.hostIfindex());
    connector.disconnect(device);
    manifest.remove(device.hostName(), device.hostIfindex());
    List<IpAddress> addresses = connected.remove(device.hostIfindex());
    if (addresses != null) {
      addresses.stream().filter(address -> !inUse.contains(address)).forEach(devices::unroute);
    }
  }

  /** Forwards for an endpoint whose device was made before this process began. */
  void resume(Endpoint endpoint) {
    EndpointInterface device = endpoint.device();
    if (ours(device.hostName(), device.hostIfindex()).isPresent()) {
      forwarder.attach(device.hostIfindex());
      endpoint.addresses().forEach(devices::route);
    }
  }

  /** Takes the routes to addresses that no endpoint has any more. */
  void unroute(Collection<IpAddress> addresses) {
    addresses.forEach(devices::unroute);
  }

  /** A device that is there and that this instance made: a stranger may have the name by now. */
  private Optional<Link> ours(String name, int ifindex) {
    return manifest.holds(name, ifindex)
        ? node.linkByName(name).filter(link -> link.index() == ifindex)
        : Optional.empty();
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
    forwarder.close();
    node.close();
  }

  /** Removes everything this instance made; with a device go its twin and its routes. */
  void destroy() {
    forwarder.close();
    manifest
        .devices()
        .forEach((name, ifindex) -> ours(name, ifindex).ifPresent(l -> node.deleteLink(l.index())));
    manifest.delete();
    node.close();
  }
}
