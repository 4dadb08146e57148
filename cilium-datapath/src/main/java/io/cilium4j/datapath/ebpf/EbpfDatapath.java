// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.Feature;
import io.cilium4j.datapath.bpf.KeptPins;
import io.cilium4j.datapath.bpf.Probes;
import io.cilium4j.datapath.ebpf.Programs.Entry;
import io.cilium4j.datapath.net.DeviceManifest;
import io.cilium4j.datapath.net.DeviceManifest.Device;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.NodeDevices;
import io.cilium4j.datapath.net.NodeNetwork;
import io.cilium4j.datapath.net.NodeWatch;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.PodRoutes;
import io.cilium4j.datapath.net.PrefixUse;
import io.cilium4j.datapath.net.ReversePathFilter;
import io.cilium4j.datapath.net.ReversePathFilter.Mode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The kernel as the datapath: eBPF programs, loaded once, and the maps they read. What it enforces
 * outlives it: maps and links are pinned, and the next process of the same instance takes them
 * over.
 */
final class EbpfDatapath implements Datapath {

  private static final Logger LOG = LoggerFactory.getLogger(EbpfDatapath.class);

  static final String NAME = "ebpf";

  /** How long after a change of the node's network it is looked at whether something is undone. */
  private static final Duration SETTLE = Duration.ofMillis(500);

  /** Subfolder of the instance's pins that holds one link a device. */
  private static final String LINKS = "links";

  /** The same for the devices that lead to a network. */
  private static final String NETWORK_LINKS = "links-network";

  /** Subfolder with the programs, for other tools and for test runs. */
  private static final String PROGRAMS = "programs";

  private final InstanceNames names;
  private final BpfFs pins;
  private final BpfFs linkPins;
  private final BpfFs networkPins;
  private final BpfFs programPins;
  private final Hooks hooks;
  private final Programs programs;
  private final Netlink node;
  private final DeviceManifest manifest;
  private final NodeDevices nodeDevices;
  private final ReversePathFilter looseDevices = new ReversePathFilter(Mode.LOOSE);
  private final NetworkDevices networkDevices;
  private final NodeWatch watch;
  private final PodRoutes routes;
  private final PodConnector connector;
  private final KeptPins keptPins;
  private final Reclaimer reclaimer;
  private final ChangeWriter writer;
  private final FlowReader flows;
  private final FlowCollector collector;
  private final Scheduler scheduler;
  private final KernelState kernelState;
  private final AtomicBoolean mending = new AtomicBoolean();
  private volatile boolean leavesDevices;
  private volatile boolean isOpen;
  private boolean closed;

  EbpfDatapath(Config config, Recording recording) {
    this.names = new InstanceNames(config.instance());
    this.manifest = new DeviceManifest(config.runFolder(), NAME);
    boolean isFirst = !Files.exists(BpfFs.DEFAULT_MOUNT.resolve(names.pinFolder()));
    try (Netlink before = Netlink.open()) {
      PrefixUse.requireFree(before, config, manifest::holds);
    }
    this.pins = BpfFs.open(names.pinFolder());
    this.linkPins = pins.subfolder(LINKS);
    this.networkPins = pins.subfolder(NETWORK_LINKS);
    this.programPins = pins.subfolder(PROGRAMS);
    boolean hasLinks = Probes.of(Feature.TCX_LINK).isSupported();
    this.hooks = hasLinks ? new Hooks.Tcx(linkPins) : Hooks.Clsact.ofPods();
    Hooks networkHooks =
        hasLinks ? new Hooks.Tcx(networkPins) : Hooks.Clsact.ofNetwork(config.instance());
    this.programs = load(config, isFirst, recording);
    this.node = Netlink.open();
    this.keptPins = KeptPins.of(KernelMaps.PINNED.stream().map(pins::pin).toList());
    var lock = new ReentrantLock();
    this.reclaimer = new Reclaimer(lock, config.instance() + "-reclaimer");
    try {
      this.nodeDevices =
          new NodeDevices(
              node, names, config, manifest, twin -> hooks.isAttached(twin.index(), twin.name()));
      noteAttached();
      looseDevices.keep(nodeDevices.host().index(), nodeDevices.host().name());
      NodeDevices.acceptPackets(nodeDevices.host().name());
      acceptPodPackets(nodeDevices.net().index(), nodeDevices.net().name());
      nodeDevices.up();
      this.routes = new PodRoutes(nodeDevices);
      this.connector = new PodConnector(node, config.nodeAddresses());
      this.writer = new ChangeWriter(programs.maps(), lock, reclaimer);
      attachAgain();
      programs.pin(programPins);
      this.networkDevices =
          new NetworkDevices(
              networkHooks, programs.at(Entry.FROM_NETDEV), config.devices(), this::isOurs);
      this.flows = new FlowReader(pins.pin(KernelMaps.EVENTS));
      this.kernelState = new KernelState();
      this.watch = openWatch(config.instance() + "-network");
      this.collector =
          new FlowCollector(
              pins.folder(),
              KernelMaps.share(config.limits()),
              FlowCollector::seconds,
              this::endpointDevices);
      this.scheduler = Scheduler.ofThread(config.instance() + "-conntrack");
      collector.start(scheduler);
      this.isOpen = true;
    } catch (RuntimeException e) {
      reclaimer.close();
      if (isFirst) {
        manifest.devices().keySet().forEach(this::deleteDevice);
        manifest.delete();
      }
      node.close();
      keptPins.close();
      programs.close();
      if (isFirst) {
        removePins();
      }
      throw e;
    }
  }

  private Programs load(Config config, boolean isFirst, Recording recording) {
    try {
      return Programs.load(config, pins, recording);
    } catch (RuntimeException e) {
      if (isFirst) {
        removePins();
      }
      throw e;
    }
  }

  private Set<Integer> endpointDevices() {
    Set<Integer> devices = new HashSet<>();
    writer.endpoints().values().forEach(row -> devices.add(row.ifindex()));
    return devices;
  }

  private NodeWatch openWatch(String threadName) {
    try {
      return NodeWatch.open(threadName, new NetworkFollower());
    } catch (RuntimeException e) {
      flows.close();
      throw e;
    }
  }

  /** What the watch tells goes on to whom it concerns. */
  private final class NetworkFollower implements NodeWatch.Listener {
    @Override
    public void networkChanged(NodeNetwork network) {
      networkDevices.follow(network);
      mendSoon();
    }

    @Override
    public void reversePathFilterSet(int ifindex) {
      looseDevices.check(ifindex);
    }
  }

  /**
   * Not on the watch's thread, for which closing waits; and a moment later, so that changes that
   * come together, this datapath's own as well, are looked at together.
   */
  private void mendSoon() {
    if (isOpen && mending.compareAndSet(false, true)) {
      Thread.startVirtualThread(() -> {
        LockSupport.parkNanos(SETTLE.toNanos());
        synchronized (this) {
          if (leavesDevices) {
            return;
          }
          mending.set(false);
          mend().mended().forEach(each -> LOG.warn("mended what={}", each));
        }
      });
    }
  }

  private boolean isOurs(Link link) {
    return link.index() == nodeDevices.host().index()
        || link.index() == nodeDevices.net().index()
        || manifest.holds(link.name(), link.index());
  }

  private void acceptPodPackets(int ifindex, String name) {
    nodeDevices.acceptPodPackets(name, ifindex, looseDevices);
  }

  /** Where the manifest was lost, links that are pinned say which devices are ours. */
  private void noteAttached() {
    for (Path pin : linkPins.list()) {
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
    Map<Integer, String> pods = new TreeMap<>();
    // By the rows as well as by the manifest, which does without rows that were not written yet.
    writer.endpoints().values().stream()
        .flatMap(row -> node.linkByIndex(row.ifindex()).stream())
        .forEach(link -> pods.put(link.index(), link.name()));
    manifest
        .leftBehind()
        .forEach((name, device) ->
            node.linkByName(name)
                .filter(link -> link.index() == device.ifindex())
                .ifPresent(link -> pods.put(link.index(), name)));
    pods.forEach(this::hook);
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
  public synchronized EndpointInterface connect(ConnectRequest request) {
    String name = names.podDevice(request.endpointId());
    if (node.linkByName(name).isEmpty()) {
      manifest.announce(name);
    }
    try {
      return connector.connect(
          request,
          name,
          device -> {
            manifest.add(name, device.hostIfindex(), device.hostMac());
            hook(device.hostIfindex(), name);
          });
    } catch (RuntimeException e) {
      Device device = manifest.devices().get(name);
      if (device != null && node.linkByName(name).isEmpty()) {
        forget(name, device.ifindex());
      }
      throw e;
    }
  }

  @Override
  public synchronized EndpointInterface adopt(AdoptRequest request) {
    nodeDevices.requirePods(request.device());
    List<EndpointInterface> taken = new ArrayList<>(1);
    try {
      return connector.adopt(
          request.device(),
          device -> {
            manifest.adopt(device.hostName(), device.hostIfindex(), device.hostMac());
            taken.add(device);
            networkDevices.leave(device.hostIfindex(), device.hostName());
            hook(device.hostIfindex(), device.hostName());
          });
    } catch (RuntimeException e) {
      taken.forEach(this::release);
      throw e;
    }
  }

  /** Before the device is up, so that no packet of the pod is undecided. */
  private void hook(int ifindex, String name) {
    acceptPodPackets(ifindex, name);
    hooks.attach(programs.at(Entry.FROM_CONTAINER), ifindex, name);
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
    nodeDevices.refusePodPackets(name, ifindex, looseDevices);
  }

  private void forget(String name, int ifindex) {
    looseDevices.forget(ifindex);
    hooks.detach(ifindex, name);
    manifest.remove(name, ifindex);
    networkDevices.refresh();
  }

  @Override
  public boolean holds(EndpointInterface device) {
    return PodConnector.holds(node, device);
  }

  /** See {@link KernelState}. */
  @Override
  public Mended mend() {
    return kernelState.mend();
  }

  /** An address is routed as long as a row has it. */
  @Override
  public void apply(Change change) {
    routes.remove(writer.apply(change));
    for (EndpointRow row : change.endpoints()) {
      routes.add(row.endpoint().addresses());
    }
  }

  @Override
  public void prune(Set<Integer> endpointIds, Set<IpPrefix> ipcache) {
    routes.remove(writer.prune(endpointIds, ipcache));
    Map<Integer, EndpointRecord> rows = writer.endpoints();
    // Whose a device is stands in its row: while one is missing, none is nobody's for sure.
    if (rows.keySet().containsAll(endpointIds)) {
      pruneDevices(rows);
      nodeDevices.dropFormerAddresses();
    }
    hooks.prune();
  }

  private synchronized void pruneDevices(Map<Integer, EndpointRecord> rows) {
    Set<Integer> inUse = new HashSet<>();
    Set<IpAddress> addresses = new HashSet<>();
    for (EndpointRecord row : rows.values()) {
      inUse.add(row.ifindex());
      addresses.addAll(row.addresses());
    }
    manifest
        .leftBehind()
        .forEach((name, device) -> {
          if (!inUse.contains(device.ifindex())) {
            LOG.info("device of no endpoint given up name={} origin={}", name, device.origin());
            switch (device.origin()) {
              case MADE -> deleteDevice(name);
              case ADOPTED ->
                  node.linkByName(name)
                      .filter(manifest::holds)
                      .ifPresent(link -> release(name, link.index()));
            }
            forget(name, device.ifindex());
          }
        });
    routes.retain(addresses);
  }

  /** Deletes a device of ours, and nobody else's of that name. */
  private void deleteDevice(String name) {
    node.linkByName(name).filter(manifest::holds).ifPresent(link -> node.deleteLink(link.index()));
  }

  @Override
  public Subscription subscribe(FlowSink sink) {
    return flows.subscribe(sink);
  }

  @Override
  public List<Traffic> traffic() {
    List<Traffic> traffic = new ArrayList<>();
    programs.maps().metrics().forEach((key, cpus) -> MetricsRecord.add(key, cpus, traffic));
    return traffic;
  }

  /** Of conntrack as of the last collection. */
  @Override
  public Pressure pressure() {
    List<Table> tables = new ArrayList<>(writer.tables());
    tables.addAll(collector.tables());
    Map<Integer, OwnerRecord> owners = collector.owners();
    List<EndpointFlows> flows = new ArrayList<>();
    for (EndpointRecord row : writer.endpoints().values()) {
      OwnerRecord owner = owners.get(row.ifindex());
      if (owner != null) {
        flows.add(
            new EndpointFlows(
                row.id(), (long) owner.flows4() + owner.flows6(), owner.overflowed()));
      }
    }
    return new Pressure(tables, flows, collector.collections());
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
    scheduler.close();
    watch.close();
    flows.close();
    reclaimer.close();
    node.close();
    keptPins.close();
    programs.close();
  }

  @Override
  public synchronized void destroy() {
    if (closed) {
      throw new DatapathException("the datapath is closed");
    }
    manifest.devices().keySet().forEach(this::deleteDevice);
    manifest.delete();
    close();
    networkDevices.leaveAll();
    removePins();
  }

  private void removePins() {
    for (BpfFs folder : List.of(linkPins, networkPins, programPins)) {
      folder.list().forEach(pin -> folder.remove(pin.getFileName().toString()));
      folder.removeIfEmpty();
    }
    KernelMaps.PINNED.forEach(pins::remove);
    LayoutMigration.removeKept(pins);
    pins.remove(KernelMaps.TEST);
    pins.removeIfEmpty();
  }

  /**
   * What this instance has in the kernel beside the rows of its maps, compared with what it must
   * have: people and programs of the node take devices down, delete routes, detach links.
   */
  private final class KernelState {
    private final List<String> mended = new ArrayList<>();
    private final List<String> problems = new ArrayList<>();

    Mended mend() {
      synchronized (EbpfDatapath.this) {
        mended.clear();
        problems.clear();
        if (!closed) {
          attempt("pins", this::mendPins);
          attempt("devices of the node", this::mendNode);
          attempt("routes", this::mendRoutes);
          attempt("devices of pods", this::mendPods);
        }
        return new Mended(mended, problems);
      }
    }

    private void attempt(String what, Runnable part) {
      try {
        part.run();
      } catch (RuntimeException e) {
        problems.add(what + ": " + e.getMessage());
      }
    }

    private void mendPins() {
      List.of(pins, linkPins, networkPins, programPins).forEach(BpfFs::ensure);
      keptPins.mend().forEach(pin -> mended.add("pin " + pin + " was gone"));
      if (programs.pinMissing(programPins)) {
        mended.add("a pin in " + programPins.folder() + " was gone");
      }
    }

    private void mendNode() {
      mended.addAll(nodeDevices.mend());
      looseDevices.keep(nodeDevices.host().index(), nodeDevices.host().name());
      NodeDevices.acceptPackets(nodeDevices.host().name());
      acceptPodPackets(nodeDevices.net().index(), nodeDevices.net().name());
      mendHook(programs.at(Entry.FROM_HOST), nodeDevices.net());
      networkDevices
          .mend()
          .forEach(name -> mended.add("the program of device " + name + " was detached"));
    }

    private void mendRoutes() {
      routes.mend().forEach(pod -> mended.add("the route to " + pod + " was gone"));
    }

    /** One that is gone is the endpoint's trouble, and told with it. */
    private void mendPods() {
      Map<Integer, Link> links = new TreeMap<>();
      node.listLinks("").forEach(link -> links.put(link.index(), link));
      for (EndpointRecord row : writer.endpoints().values()) {
        Link link = links.get(row.ifindex());
        if (link != null && manifest.holds(link)) {
          attempt("device " + link.name(), () -> mendPod(link));
        }
      }
    }

    private void mendPod(Link link) {
      mendHook(programs.at(Entry.FROM_CONTAINER), link);
      if (!link.isUp()) {
        acceptPodPackets(link.index(), link.name());
        node.setUp(link.index());
        mended.add("device " + link.name() + " was down");
      }
    }

    private void mendHook(BpfProgram program, Link link) {
      if (hooks.mend(program, link.index(), link.name())) {
        mended.add("the program of device " + link.name() + " was detached");
      }
    }
  }

  // ---- for tests and measurements of this module

  /** Collects flows at once. */
  void collectFlows() {
    collector.collect();
  }

  /** Waits until everything that changes left behind is deleted. */
  void drain() throws InterruptedException {
    reclaimer.drain();
  }

  /** Makes every change a whole one from now on. */
  void onlyWholeChanges() {
    writer.onlyWholeChanges();
  }

  /** How many changes were near ones. */
  long nearChanges() {
    return writer.nearChanges();
  }

  /** Leaves devices as others make them from now on. */
  void stopMending() {
    leavesDevices = true;
  }

  /** The number of the present epoch. */
  long epoch() {
    return writer.epoch();
  }
}
