// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.UndoStack;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.Feature;
import io.cilium4j.datapath.bpf.KeptPins;
import io.cilium4j.datapath.bpf.Probes;
import io.cilium4j.datapath.ebpf.Programs.Entry;
import io.cilium4j.datapath.net.DeviceManifest;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.NodeDevices;
import io.cilium4j.datapath.net.NodeNetwork;
import io.cilium4j.datapath.net.NodeRoutes;
import io.cilium4j.datapath.net.NodeRoutes.Way;
import io.cilium4j.datapath.net.NodeWatch;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.PodRoutes;
import io.cilium4j.datapath.net.PrefixUse;
import io.cilium4j.datapath.net.RemoteNodes;
import io.cilium4j.datapath.net.ReversePathFilter;
import io.cilium4j.datapath.net.ReversePathFilter.Mode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What an instance of the datapath in the kernel consists of, opened in an order in which each part
 * finds what it needs. What an earlier process left is taken over; where there was nothing, an
 * opening that fails leaves nothing.
 */
final class EbpfParts implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(EbpfParts.class);

  final Config config;
  final InstanceNames names;
  final Pins pins;
  final Hooks hooks;
  final Programs programs;
  final Netlink node;
  final DeviceManifest manifest;
  final NodeDevices nodeDevices;
  final PlaceDevices places;
  final @Nullable ProxyGate proxy;
  final RemoteNodes nodes;
  final ReversePathFilter looseDevices = new ReversePathFilter(Mode.LOOSE);
  final NetworkDevices networkDevices;
  final Prefilter prefilter;
  final NetworkFollower follower;
  final PodRoutes routes;
  final PodDevices pods;
  final KeptPins keptPins;
  final Reclaimer reclaimer;
  final ChangeWriter writer;
  final FrontendRows frontends;
  final SocketPrograms sockets;
  final FlowReader flows;
  final FlowCollector collector;
  private final UndoStack opened = new UndoStack();

  /**
   * Opens them all.
   *
   * @param mend carried out when the network's devices or routes changed; not before this returns
   */
  EbpfParts(Config config, Recording recording, Runnable mend) {
    this.config = config;
    this.names = new InstanceNames(config.instance());
    this.manifest = new DeviceManifest(config.runFolder(), EbpfDatapath.NAME);
    boolean isFirst = !Files.exists(BpfFs.DEFAULT_MOUNT.resolve(names.pinFolder()));
    try (Netlink before = Netlink.open()) {
      PrefixUse.requireFree(before, config, manifest::holds);
    }
    try {
      this.pins = Pins.open(names);
      if (isFirst) {
        opened.ifFailed(pins::remove);
      }
      boolean hasLinks = Probes.of(Feature.TCX_LINK).isSupported();
      this.hooks = hasLinks ? Hooks.tcx(pins.links()) : Hooks.Clsact.ofPods();
      this.node = opened.add(Netlink.open());
      if (isFirst) {
        opened.ifFailed(() -> PlaceDevices.deleteNames(config));
        opened.ifFailed(() -> PodDevices.deleteAll(node, manifest));
      }
      this.places = opened.add(PlaceDevices.open(config, node, names, manifest, pins, hooks));
      this.programs = opened.add(Programs.load(config, pins.maps(), recording, places));
      List<String> kept = new ArrayList<>(KernelMaps.PINNED);
      if (places.proxy() != null) {
        kept.add(KernelMaps.LISTENERS);
      }
      this.keptPins = opened.add(KeptPins.of(kept.stream().map(pins.maps()::pin).toList()));
      var lock = new ReentrantLock();
      this.reclaimer = opened.add(new Reclaimer(lock, config.instance() + "-reclaimer"));
      this.nodeDevices =
          new NodeDevices(
              node, names, config, manifest, twin -> hooks.isAttached(twin.index(), twin.name()));
      noteAttached();
      acceptNodePackets();
      nodeDevices.up();
      this.routes = new PodRoutes(nodeDevices);
      this.networkDevices = NetworkHooks.devices(config, pins, programs, this::isOurs);
      this.prefilter = opened.add(new Prefilter(pins, config.devices(), this::isOurs));
      this.pods =
          new PodDevices(
              names,
              manifest,
              new PodDevices.Node(node, nodeDevices, looseDevices, networkDevices, prefilter),
              new PodDevices.Hook(hooks, programs.at(Entry.FROM_CONTAINER)),
              new PodConnector(node, config.nodeAddresses()));
      this.writer = new ChangeWriter(programs.maps(), config.listeners(), lock, reclaimer);
      this.frontends = new FrontendRows(programs.maps(), lock, reclaimer);
      this.nodes =
          new RemoteNodes(writer, new NodeRoutes(node, nodeDevices, Way.of(config.routing())));
      attachAgain();
      ProxyGate gate = places.up(aroundPlaces(), pins);
      this.proxy = gate;
      if (gate != null) {
        opened.add(gate);
      }
      programs.pin(pins.programs());
      this.flows = opened.add(new FlowReader(pins.maps().pin(KernelMaps.EVENTS)));
      this.follower =
          new NetworkFollower(
              new NetworkFollower.Concerned(
                  this::follow,
                  looseDevices::check,
                  link -> manifest.holds(link.name(), link.index()),
                  mend),
              NetworkFollower.later(config.instance() + "-mending"));
      NodeWatch _ = opened.add(NodeWatch.open(config.instance() + "-network", follower));
      this.collector =
          new FlowCollector(
              pins.maps().folder(),
              KernelMaps.share(config.limits()),
              FlowCollector::seconds,
              this::endpointDevices);
      Scheduler scheduler = opened.add(Scheduler.ofThread(config.instance() + "-conntrack"));
      collector.start(scheduler);
      this.sockets = opened.add(new SocketPrograms(config, pins));
    } catch (RuntimeException e) {
      opened.undo(e);
      throw e;
    }
  }

  /** What the parts at places stand beside. */
  PlaceDevices.Node aroundPlaces() {
    return new PlaceDevices.Node(nodeDevices, looseDevices, hooks, programs);
  }

  private void follow(NodeNetwork network) {
    networkDevices.follow(network);
    prefilter.follow(network);
  }

  private Set<Integer> endpointDevices() {
    Set<Integer> devices = new HashSet<>();
    writer.endpoints().values().forEach(row -> devices.add(row.ifindex()));
    return devices;
  }

  private boolean isOurs(Link link) {
    return link.index() == nodeDevices.host().index()
        || link.index() == nodeDevices.net().index()
        || manifest.holds(link.name(), link.index());
  }

  /** Has the node take packets from its own devices; gives what it did not take before. */
  List<String> acceptNodePackets() {
    Link host = nodeDevices.host();
    Link net = nodeDevices.net();
    looseDevices.keep(host.index(), host.name());
    List<String> mended = new ArrayList<>(NodeDevices.acceptPackets(host.name()));
    mended.addAll(nodeDevices.acceptPodPackets(net.name(), net.index(), looseDevices));
    return mended;
  }

  /** Where the manifest was lost, links that are pinned say which devices are ours. */
  private void noteAttached() {
    for (Path pin : pins.links().list()) {
      String name = pin.getFileName().toString().replace('%', '.');
      node.linkByName(name)
          .filter(link -> !manifest.devices().containsKey(name))
          .filter(link -> link.index() != nodeDevices.net().index())
          .filter(link -> hooks.isAttached(link.index(), name))
          .ifPresent(link -> {
            LOG.warn("device known by its link alone name={}", name);
            manifest.find(name, link.index(), link.mac(), names.isPodDevice(name));
          });
    }
  }

  /** Gives what an earlier process attached the present programs. */
  private void attachAgain() {
    hooks.prune();
    hooks.attach(programs.at(Entry.FROM_HOST), nodeDevices.net().index(), nodeDevices.net().name());
    pods.attachAgain(writer.endpoints().values());
  }

  /** Closes what is open; the kernel goes on. */
  @Override
  public void close() {
    opened.close();
  }
}
