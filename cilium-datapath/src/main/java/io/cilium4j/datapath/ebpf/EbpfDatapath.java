// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.Feature;
import io.cilium4j.datapath.bpf.Probes;
import io.cilium4j.datapath.net.DeviceManifest;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.NodeDevices;
import io.cilium4j.datapath.net.PodConnector;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The kernel as the datapath: two eBPF programs, loaded once, and the maps they read. What it
 * enforces outlives it: maps and links are pinned, and the next process of the same instance takes
 * them over.
 */
final class EbpfDatapath implements Datapath {

  static final String NAME = "ebpf";

  /** Subfolder of the instance's pins that holds one link a device. */
  private static final String LINKS = "links";

  /** Subfolder with the programs, for other tools and for test runs. */
  private static final String PROGRAMS = "programs";

  private final InstanceNames names;
  private final BpfFs pins;
  private final BpfFs linkPins;
  private final BpfFs programPins;
  private final Hooks hooks;
  private final Programs programs;
  private final Netlink node;
  private final DeviceManifest manifest;
  private final NodeDevices nodeDevices;
  private final PodConnector connector;
  private final Reclaimer reclaimer;
  private final ChangeWriter writer;
  private final FlowReader flows;
  private boolean closed;

  EbpfDatapath(Config config) {
    this.names = new InstanceNames(config.instance());
    this.pins = BpfFs.open(names.pinFolder());
    this.linkPins = pins.subfolder(LINKS);
    this.programPins = pins.subfolder(PROGRAMS);
    this.hooks =
        Probes.of(Feature.TCX_LINK).isSupported() ? new Hooks.Tcx(linkPins) : new Hooks.Clsact();
    this.programs = Programs.load(config, pins);
    this.node = Netlink.open();
    this.manifest = new DeviceManifest(config.runFolder(), NAME);
    var lock = new ReentrantLock();
    this.reclaimer = new Reclaimer(lock, config.instance() + "-reclaimer");
    try {
      this.nodeDevices = new NodeDevices(node, names, config.nodeAddresses(), manifest);
      NodeDevices.acceptPodPackets(nodeDevices.host().name());
      NodeDevices.acceptPodPackets(nodeDevices.net().name());
      nodeDevices.up();
      this.connector = new PodConnector(node, config.nodeAddresses());
      this.writer = new ChangeWriter(programs.maps(), lock, reclaimer);
      attachAgain();
      programs.pin(programPins);
      this.flows = new FlowReader(pins.pin(KernelMaps.EVENTS));
    } catch (RuntimeException e) {
      reclaimer.close();
      node.close();
      programs.close();
      throw e;
    }
  }

  /** Gives what an earlier process attached the present programs. */
  private void attachAgain() {
    hooks.prune();
    hooks.attach(programs.fromHost(), nodeDevices.net().index(), nodeDevices.net().name());
    for (EndpointRecord row : writer.endpoints().values()) {
      node.linkByIndex(row.ifindex())
          .ifPresent(link -> hooks.attach(programs.fromContainer(), row.ifindex(), link.name()));
    }
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String description() {
    return "eBPF in the kernel, by " + hooks.description();
  }

  @Override
  public EndpointInterface connect(ConnectRequest request) {
    EndpointInterface device =
        connector.connect(request, names.podDevice(request.endpointId()), this::hook);
    manifest.add(device.hostName(), device.hostIfindex());
    request.addresses().forEach(nodeDevices::route);
    return device;
  }

  @Override
  public EndpointInterface adopt(AdoptRequest request) {
    EndpointInterface device = connector.adopt(request.device(), this::hook);
    manifest.add(device.hostName(), device.hostIfindex());
    request.addresses().forEach(nodeDevices::route);
    return device;
  }

  /** Before the device is up, so that no packet of the pod is undecided. */
  private void hook(EndpointInterface device) {
    NodeDevices.acceptPodPackets(device.hostName());
    hooks.attach(programs.fromContainer(), device.hostIfindex(), device.hostName());
  }

  @Override
  public void disconnect(EndpointInterface device) {
    hooks.detach(device.hostIfindex(), device.hostName());
    connector.disconnect(device);
    manifest.remove(device.hostName(), device.hostIfindex());
  }

  @Override
  public void apply(Change change) {
    writer.apply(change).forEach(nodeDevices::unroute);
  }

  @Override
  public void prune(Set<Integer> endpointIds, Set<IpPrefix> ipcache) {
    Map<Integer, EndpointRecord> before = writer.endpoints();
    writer.prune(endpointIds, ipcache).forEach(nodeDevices::unroute);
    before.values().stream()
        .filter(row -> !endpointIds.contains(row.id()))
        .forEach(row ->
            node.linkByIndex(row.ifindex())
                .ifPresent(link -> deleteDevice(link.name(), link.index())));
    hooks.prune();
  }

  /** Deletes a device of ours, and nobody else's of that name or index. */
  private void deleteDevice(String name, int ifindex) {
    if (manifest.holds(name, ifindex)) {
      node.linkByName(name)
          .filter(link -> link.index() == ifindex)
          .ifPresent(link -> node.deleteLink(ifindex));
      manifest.remove(name, ifindex);
    }
  }

  @Override
  public Subscription subscribe(FlowSink sink) {
    return flows.subscribe(sink);
  }

  @Override
  public List<Traffic> traffic() {
    List<Traffic> traffic = new ArrayList<>();
    for (TrafficDirection direction : TrafficDirection.values()) {
      addTraffic(Optional.empty(), direction, traffic);
      for (DropReason reason : DropReason.values()) {
        addTraffic(Optional.of(reason), direction, traffic);
      }
    }
    return traffic;
  }

  private void addTraffic(
      Optional<DropReason> drop, TrafficDirection direction, List<Traffic> traffic) {
    int reason = drop.map(DropReason::code).orElse(0);
    programs
        .maps()
        .metrics()
        .lookup(reason * 2 + direction.code())
        .ifPresent(cpus -> {
          long packets = cpus.stream().mapToLong(MetricsRecord::packets).sum();
          long bytes = cpus.stream().mapToLong(MetricsRecord::bytes).sum();
          if (packets > 0) {
            traffic.add(new Traffic(drop, direction, packets, bytes));
          }
        });
  }

  /** {@code malformed_events}: what came from the kernel and could not be read. */
  @Override
  public Map<String, Long> counters() {
    return Map.of("malformed_events", flows.malformed());
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    flows.close();
    reclaimer.close();
    node.close();
    programs.close();
  }

  @Override
  public synchronized void destroy() {
    if (closed) {
      throw new DatapathException("the datapath is closed");
    }
    manifest.devices().forEach(this::deleteDevice);
    manifest.delete();
    close();
    for (BpfFs folder : List.of(linkPins, programPins)) {
      folder.list().forEach(pin -> folder.remove(pin.getFileName().toString()));
      folder.removeIfEmpty();
    }
    KernelMaps.PINNED.forEach(pins::remove);
    pins.removeIfEmpty();
  }

  // ---- for tests and measurements of this module

  /** Waits until everything that changes left behind is deleted. */
  void drain() throws InterruptedException {
    reclaimer.drain();
  }

  /** The number of the present epoch. */
  long epoch() {
    return writer.epoch();
  }
}
