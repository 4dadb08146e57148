// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.spi.EndpointDevices;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.net.DeviceManifest;
import io.cilium4j.datapath.net.DeviceManifest.Device;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.NodeDevices;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.PodMtu;
import io.cilium4j.datapath.net.ReversePathFilter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The pods' devices: each has a line in the manifest, its settings and its program before it is up,
 * so that no packet of a pod is undecided.
 *
 * <p>Safe for use by several threads. Its monitor is the lock of all that changes devices.
 */
final class PodDevices implements EndpointDevices {

  private static final Logger LOG = LoggerFactory.getLogger(PodDevices.class);

  /**
   * The program of pods' devices, and how it is attached.
   *
   * @param program {@code cil_from_container}
   */
  record Hook(Hooks hooks, BpfProgram program) {}

  /**
   * What else of the node is concerned.
   *
   * @param links the node's namespace
   * @param devices the instance's own pair
   * @param loose the devices whose reverse path filter is kept loose
   * @param network the devices that lead to a network: one that becomes a pod's is none
   */
  record Node(
      Netlink links,
      NodeDevices devices,
      ReversePathFilter loose,
      NetworkDevices network,
      Prefilter prefilter) {}

  private final InstanceNames names;
  private final DeviceManifest manifest;
  private final Node node;
  private final Hook hook;
  private final PodConnector connector;

  PodDevices(
      InstanceNames names, DeviceManifest manifest, Node node, Hook hook, PodConnector connector) {
    this.names = names;
    this.manifest = manifest;
    this.node = node;
    this.hook = hook;
    this.connector = connector;
  }

  /** Gives the devices of an earlier process the present program. */
  synchronized void attachAgain(Collection<EndpointRecord> rows) {
    Map<Integer, String> pods = new TreeMap<>();
    // By the rows as well as by the manifest, which does without rows that were not written yet.
    rows.stream()
        .filter(row -> row.ifindex() != 0)
        .flatMap(row -> node.links.linkByIndex(row.ifindex()).stream())
        .forEach(link -> pods.put(link.index(), link.name()));
    manifest
        .leftBehind()
        .forEach((name, device) ->
            node.links
                .linkByName(name)
                .filter(link -> link.index() == device.ifindex())
                .ifPresent(link -> pods.put(link.index(), name)));
    pods.forEach(this::attach);
  }

  @Override
  public synchronized EndpointInterface connect(ConnectRequest request) {
    String name = names.podDevice(request.endpointId());
    if (node.links.linkByName(name).isEmpty()) {
      manifest.announce(name);
    }
    try {
      return connector.connect(
          request,
          name,
          device -> {
            manifest.add(name, device.hostIfindex(), device.hostMac());
            attach(device.hostIfindex(), name);
          });
    } catch (RuntimeException e) {
      Device device = manifest.devices().get(name);
      if (device != null && node.links.linkByName(name).isEmpty()) {
        forget(name, device.ifindex());
      }
      throw e;
    }
  }

  @Override
  public synchronized EndpointInterface adopt(AdoptRequest request) {
    node.devices.requirePods(request.device());
    List<EndpointInterface> taken = new ArrayList<>(1);
    try {
      return connector.adopt(
          request.device(),
          device -> {
            manifest.adopt(device.hostName(), device.hostIfindex(), device.hostMac());
            taken.add(device);
            node.network.leave(device.hostIfindex(), device.hostName());
            node.prefilter.leave(device.hostIfindex(), device.hostName());
            attach(device.hostIfindex(), device.hostName());
          });
    } catch (RuntimeException e) {
      taken.forEach(this::release);
      throw e;
    }
  }

  /** Before the device is up, so that no packet of the pod is undecided. */
  private void attach(int ifindex, String name) {
    acceptPackets(ifindex, name);
    hook.hooks.attach(hook.program, ifindex, name);
  }

  private List<String> acceptPackets(int ifindex, String name) {
    return node.devices.acceptPodPackets(name, ifindex, node.loose);
  }

  /** The device before its hook: without one it would hand its packets to the node's stack. */
  @Override
  public synchronized void disconnect(EndpointInterface device) {
    connector.disconnect(device);
    forget(device.hostName(), device.hostIfindex());
  }

  /** Down before its hook goes, as {@link #disconnect}. */
  @Override
  public synchronized void release(EndpointInterface device) {
    if (holds(device)) {
      release(device.hostName(), device.hostIfindex());
    }
    forget(device.hostName(), device.hostIfindex());
  }

  private void release(String name, int ifindex) {
    connector.release(name, ifindex);
    node.devices.refusePodPackets(name, ifindex, node.loose);
  }

  private void forget(String name, int ifindex) {
    node.loose.forget(ifindex);
    hook.hooks.detach(ifindex, name);
    manifest.remove(name, ifindex);
    node.network.refresh();
  }

  @Override
  public synchronized List<EndpointInterface> setMtu(
      List<EndpointInterface> devices, int formerBytes, int mtuBytes) {
    return PodMtu.set(node.links, devices, formerBytes, mtuBytes);
  }

  @Override
  public boolean holds(EndpointInterface device) {
    return PodConnector.holds(node.links, device);
  }

  @Override
  public List<String> examine(EndpointInterface device, ConnectRequest made) {
    return holds(device)
        ? PodConnector.examine(node.links, device, made)
        : EndpointDevices.super.examine(device, made);
  }

  @Override
  public Optional<EndpointInterface> pairOf(String netns, String podDeviceName) {
    return PodConnector.pairOf(node.links, netns, podDeviceName);
  }

  /** Gives up the devices of an earlier process that have no row. */
  synchronized void prune(Collection<EndpointRecord> rows) {
    Set<Integer> inUse = new HashSet<>();
    rows.forEach(row -> inUse.add(row.ifindex()));
    manifest
        .leftBehind()
        .forEach((name, device) -> {
          if (!inUse.contains(device.ifindex())) {
            LOG.info("device of no endpoint given up name={} origin={}", name, device.origin());
            switch (device.origin()) {
              case MADE -> delete(name);
              case ADOPTED ->
                  node.links
                      .linkByName(name)
                      .filter(manifest::holds)
                      .ifPresent(link -> release(name, link.index()));
            }
            forget(name, device.ifindex());
          }
        });
  }

  /** Deletes a device of ours, and nobody else's of that name. */
  private void delete(String name) {
    delete(node.links, manifest, name);
  }

  private static void delete(Netlink links, DeviceManifest manifest, String name) {
    links
        .linkByName(name)
        .filter(manifest::holds)
        .ifPresent(link -> links.deleteLink(link.index()));
  }

  /** Deletes all devices that the manifest lists, and the manifest. */
  static void deleteAll(Netlink links, DeviceManifest manifest) {
    manifest.devices().keySet().forEach(name -> delete(links, manifest, name));
    manifest.delete();
  }

  /** Mends a pod's device. One that is gone is the endpoint's trouble, and told with it. */
  synchronized void mend(Link link, Mender mender) {
    if (manifest.holds(link)) {
      mender.attempt("device " + link.name(), () -> mendDevice(link, mender));
    }
  }

  private void mendDevice(Link link, Mender mender) {
    if (hook.hooks.mend(hook.program, link.index(), link.name())) {
      mender.detached(link.name());
    }
    List<String> settings = acceptPackets(link.index(), link.name());
    if (link.isUp()) {
      settings.forEach(mender::mended);
    } else {
      node.links.setUp(link.index());
      mender.mended("device " + link.name() + " was down");
    }
  }
}
