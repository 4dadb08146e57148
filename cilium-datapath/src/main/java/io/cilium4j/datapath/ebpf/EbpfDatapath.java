// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.ProxyPlace;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Scheduler;
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
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
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

  private static final Set<RowKind> ROW_KINDS =
      Set.of(RowKind.ENDPOINT, RowKind.IPCACHE, RowKind.NODE, RowKind.FRONTEND, RowKind.PREFILTER);

  private final Runnable release;
  private final InstanceNames names;
  private final Pins pins;
  private final Hooks hooks;
  private final Programs programs;
  private final Netlink node;
  private final DeviceManifest manifest;
  private final NodeDevices nodeDevices;
  private final Config config;
  private final PlaceDevices places;
  private final @Nullable ProxyGate proxy;
  private final RemoteNodes nodes;
  private final ReversePathFilter looseDevices = new ReversePathFilter(Mode.LOOSE);
  private final NetworkDevices networkDevices;
  private final Prefilter prefilter;
  private final NetworkFollower follower;
  private final NodeWatch watch;
  private final PodRoutes routes;
  private final PodDevices pods;
  private final KeptPins keptPins;
  private final Reclaimer reclaimer;
  private final ChangeWriter writer;
  private final FrontendRows frontends;
  private final SocketPrograms sockets;
  private final FlowReader flows;
  private final FlowCollector collector;
  private final Scheduler scheduler;
  private boolean closed;

  /** Opens an instance that nobody else can have. */
  EbpfDatapath(Config config, Recording recording) {
    this(config, recording, () -> {});
  }

  /**
   * Opens an instance.
   *
   * @param release run once this datapath touches nothing of the instance any more; not where
   *     opening fails
   */
  EbpfDatapath(Config config, Recording recording, Runnable release) {
    this.release = release;
    this.config = config;
    this.names = new InstanceNames(config.instance());
    this.manifest = new DeviceManifest(config.runFolder(), NAME);
    boolean isFirst = !Files.exists(BpfFs.DEFAULT_MOUNT.resolve(names.pinFolder()));
    try (Netlink before = Netlink.open()) {
      PrefixUse.requireFree(before, config, manifest::holds);
    }
    this.pins = Pins.open(names);
    boolean hasLinks = Probes.of(Feature.TCX_LINK).isSupported();
    this.hooks = hasLinks ? Hooks.tcx(pins.links()) : Hooks.Clsact.ofPods();
    this.node = Netlink.open();
    this.places = openPlaces(isFirst);
    this.programs = load(isFirst, recording);
    List<String> kept = new ArrayList<>(KernelMaps.PINNED);
    if (places.proxy() != null) {
      kept.add(KernelMaps.LISTENERS);
    }
    this.keptPins = KeptPins.of(kept.stream().map(pins.maps()::pin).toList());
    var lock = new ReentrantLock();
    this.reclaimer = new Reclaimer(lock, config.instance() + "-reclaimer");
    try {
      this.nodeDevices =
          new NodeDevices(
              node, names, config, manifest, twin -> hooks.isAttached(twin.index(), twin.name()));
      noteAttached();
      acceptNodePackets();
      nodeDevices.up();
      this.routes = new PodRoutes(nodeDevices);
      this.networkDevices = NetworkHooks.devices(config, pins, programs, this::isOurs);
      this.prefilter = new Prefilter(pins, config.devices(), this::isOurs);
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
      this.proxy = places.up(aroundPlaces(), pins);
      programs.pin(pins.programs());
      this.flows = new FlowReader(pins.maps().pin(KernelMaps.EVENTS));
      this.follower =
          new NetworkFollower(
              new NetworkFollower.Concerned(
                  this::follow,
                  looseDevices::check,
                  link -> manifest.holds(link.name(), link.index()),
                  () -> mend().mended().forEach(each -> LOG.warn("mended what={}", each))),
              NetworkFollower.later(config.instance() + "-mending"));
      this.watch = openWatch(config.instance() + "-network");
      this.collector =
          new FlowCollector(
              pins.maps().folder(),
              KernelMaps.share(config.limits()),
              FlowCollector::seconds,
              this::endpointDevices);
      this.scheduler = Scheduler.ofThread(config.instance() + "-conntrack");
      collector.start(scheduler);
      this.sockets = new SocketPrograms(config, pins);
      follower.startMending();
    } catch (RuntimeException e) {
      reclaimer.close();
      if (isFirst) {
        PodDevices.deleteAll(node, manifest);
        PlaceDevices.deleteNames(config);
      }
      node.close();
      keptPins.close();
      programs.close();
      places.close();
      if (isFirst) {
        pins.remove();
      }
      throw e;
    }
  }

  private PlaceDevices openPlaces(boolean isFirst) {
    try {
      return PlaceDevices.open(config, node, names, manifest, pins, hooks);
    } catch (RuntimeException e) {
      node.close();
      removeIf(isFirst);
      throw e;
    }
  }

  private Programs load(boolean isFirst, Recording recording) {
    try {
      return Programs.load(config, pins.maps(), recording, places);
    } catch (RuntimeException e) {
      places.close();
      node.close();
      removeIf(isFirst);
      throw e;
    }
  }

  /** Leaves nothing of a start that came to nothing. */
  private void removeIf(boolean isFirst) {
    if (isFirst) {
      try (Netlink links = Netlink.open()) {
        PodDevices.deleteAll(links, manifest);
      }
      PlaceDevices.deleteNames(config);
      pins.remove();
    }
  }

  private PlaceDevices.Node aroundPlaces() {
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

  private NodeWatch openWatch(String threadName) {
    try {
      return NodeWatch.open(threadName, follower);
    } catch (RuntimeException e) {
      flows.close();
      throw e;
    }
  }

  private boolean isOurs(Link link) {
    return link.index() == nodeDevices.host().index()
        || link.index() == nodeDevices.net().index()
        || manifest.holds(link.name(), link.index());
  }

  private List<String> acceptNodePackets() {
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
    return pods.connect(request);
  }

  @Override
  public EndpointInterface adopt(AdoptRequest request) {
    return pods.adopt(request);
  }

  @Override
  public void disconnect(EndpointInterface device) {
    pods.disconnect(device);
  }

  @Override
  public List<EndpointInterface> setMtu(
      List<EndpointInterface> devices, int formerBytes, int mtuBytes) {
    List<EndpointInterface> behind = pods.setMtu(devices, formerBytes, mtuBytes);
    places.setMtu(mtuBytes);
    return behind;
  }

  @Override
  public void release(EndpointInterface device) {
    pods.release(device);
  }

  @Override
  public boolean holds(EndpointInterface device) {
    return pods.holds(device);
  }

  @Override
  public List<String> examine(EndpointInterface device, ConnectRequest made) {
    return pods.examine(device, made);
  }

  @Override
  public Optional<EndpointInterface> pairOf(String netns, String podDeviceName) {
    return pods.pairOf(netns, podDeviceName);
  }

  @Override
  public Mended mend() {
    var mender = new Mender();
    synchronized (pods) {
      if (!closed) {
        mender.attempt("pins", () -> mendPins(mender));
        mender.attempt("devices of the node", () -> mendNode(mender));
        mender.attempt("forwarding", nodeDevices::requireWorkable);
        mender.attempt("programs at sockets", () -> sockets.mend(mender));
        places.mend(aroundPlaces(), proxy, mender);
        mender.attempt(
            "routes to nodes",
            () ->
                nodes.mend().forEach(each -> mender.mended("the route to " + each + " was gone")));
        mender.attempt(
            "routes",
            () -> routes.mend().forEach(pod -> mender.mended("the route to " + pod + " was gone")));
      }
    }
    mender.attempt("devices of pods", () -> mendPods(mender));
    return mender.found();
  }

  /** One after the other, so that a pod that comes meanwhile waits for one and not for all. */
  private void mendPods(Mender mender) {
    Map<Integer, Link> links = new HashMap<>();
    synchronized (pods) {
      if (!closed) {
        node.listLinks("").forEach(link -> links.put(link.index(), link));
      }
    }
    for (EndpointRecord row : writer.endpoints().values()) {
      Link link = links.get(row.ifindex());
      synchronized (pods) {
        if (link != null && !closed) {
          pods.mend(link, mender);
        }
      }
    }
  }

  private void mendPins(Mender mender) {
    pins.ensureFolders();
    keptPins.mend().forEach(pin -> mender.mended("pin " + pin + " was gone"));
    if (programs.pinMissing(pins.programs())) {
      mender.mended("a pin in " + pins.programs().folder() + " was gone");
    }
  }

  private void mendNode(Mender mender) {
    // Where IPv6 is off there can be no address of it.
    for (Link link : List.of(nodeDevices.host(), nodeDevices.net())) {
      NodeDevices.acceptPackets(link.name()).forEach(mender::mended);
    }
    List<String> devices = nodeDevices.mend();
    List<String> settings = acceptNodePackets();
    // A device that is new or was down has lost them.
    (devices.isEmpty() ? settings : devices).forEach(mender::mended);
    Link net = nodeDevices.net();
    if (hooks.mend(programs.at(Entry.FROM_HOST), net.index(), net.name())) {
      mender.detached(net.name());
    }
    networkDevices.mend().forEach(mender::detached);
    if (config.hostFirewall()) {
      mender.attempt("host firewall", networkDevices::requireAll);
    }
    prefilter.mend(mender);
  }

  @Override
  public Optional<ProxyPlace> proxyPlace() {
    return Optional.ofNullable(proxy);
  }

  @Override
  public Set<Capability> capabilities() {
    return EbpfCapabilities.with(sockets, config.hostFirewall());
  }

  @Override
  public Set<RowKind> rowKinds() {
    return ROW_KINDS;
  }

  /** An address is routed as long as a row has it. */
  @Override
  public void apply(List<Change<RowKey, Row>> changes) {
    if (proxy != null) {
      proxy.prepareFor(changes);
    }
    nodes.apply(changes);
    routes.remove(writer.apply(changes));
    frontends.apply(changes);
    prefilter.apply(changes);
    sockets.release(frontends);
    if (!frontends.isEmpty()) {
      sockets.attach();
    }
    for (Change<RowKey, Row> change : changes) {
      if (change instanceof Change.Put<RowKey, Row>(_, EndpointRow row, _)) {
        routes.add(row.endpoint().addresses());
      }
    }
  }

  @Override
  public void prune(RowKind kind, Set<RowKey> wanted) {
    if (kind == RowKind.NODE) {
      nodes.prune(wanted);
      return;
    }
    if (kind == RowKind.PREFILTER) {
      prefilter.prune(wanted);
      return;
    }
    if (kind == RowKind.FRONTEND) {
      frontends.prune(wanted);
      sockets.release(frontends);
      return;
    }
    routes.remove(writer.prune(kind, wanted));
    if (kind == RowKind.ENDPOINT) {
      pruneDevices(wanted);
    }
  }

  private void pruneDevices(Set<RowKey> wanted) {
    Map<Integer, EndpointRecord> rows = writer.endpoints();
    // Whose a device is stands in its row: while one is missing, none is nobody's for sure.
    Set<RowKey> present = new HashSet<>();
    rows.keySet().forEach(id -> present.add(new EndpointKey(id)));
    if (present.containsAll(wanted)) {
      pods.prune(rows.values());
      Set<IpAddress> addresses = new HashSet<>();
      rows.values().forEach(row -> addresses.addAll(row.addresses()));
      routes.retain(addresses);
      nodeDevices.dropFormerAddresses();
    }
    hooks.prune();
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
    tables.addAll(frontends.tables());
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

  @Override
  public Set<Peer> connected(Set<IpAddress> addresses) {
    return collector.connected(addresses);
  }

  /** {@code malformed_events}: what came from the kernel and could not be read. */
  @Override
  public Map<String, Long> counters() {
    return Map.of("malformed_events", flows.malformed());
  }

  @Override
  public Map<Integer, IpAddress> nodeNumbers() {
    return writer.nodeNumbers();
  }

  @Override
  public void close() {
    synchronized (pods) {
      if (!closed) {
        end();
        release.run();
      }
    }
  }

  private void end() {
    closed = true;
    scheduler.close();
    watch.close();
    flows.close();
    reclaimer.close();
    node.close();
    keptPins.close();
    sockets.close();
    prefilter.close();
    programs.close();
    if (proxy != null) {
      proxy.close();
    }
    places.close();
  }

  @Override
  public void destroy() {
    synchronized (pods) {
      if (closed) {
        throw new DatapathException("the datapath is closed");
      }
      PodDevices.deleteAll(node, manifest);
      try {
        end();
        networkDevices.leaveAll();
        pins.remove();
        PlaceDevices.deleteNames(config);
      } finally {
        release.run();
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
    follower.stopMending();
  }

  /** The number of the present epoch. */
  long epoch() {
    return writer.epoch();
  }
}
