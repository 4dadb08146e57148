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
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
  private final EbpfParts parts;
  private final EbpfMending mending;
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
    this.parts = new EbpfParts(config, recording, this::mendAndTell);
    this.mending = new EbpfMending(parts, () -> closed);
    parts.follower.startMending();
  }

  private void mendAndTell() {
    mend().mended().forEach(each -> LOG.warn("mended what={}", each));
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String description() {
    return "eBPF in the kernel, by " + parts.hooks.description();
  }

  @Override
  public EndpointInterface connect(ConnectRequest request) {
    return parts.pods.connect(request);
  }

  @Override
  public EndpointInterface adopt(AdoptRequest request) {
    return parts.pods.adopt(request);
  }

  @Override
  public void disconnect(EndpointInterface device) {
    parts.pods.disconnect(device);
  }

  @Override
  public List<EndpointInterface> setMtu(
      List<EndpointInterface> devices, int formerBytes, int mtuBytes) {
    List<EndpointInterface> behind = parts.pods.setMtu(devices, formerBytes, mtuBytes);
    parts.places.setMtu(mtuBytes);
    return behind;
  }

  @Override
  public void release(EndpointInterface device) {
    parts.pods.release(device);
  }

  @Override
  public boolean holds(EndpointInterface device) {
    return parts.pods.holds(device);
  }

  @Override
  public List<String> examine(EndpointInterface device, ConnectRequest made) {
    return parts.pods.examine(device, made);
  }

  @Override
  public Optional<EndpointInterface> pairOf(String netns, String podDeviceName) {
    return parts.pods.pairOf(netns, podDeviceName);
  }

  @Override
  public Mended mend() {
    return mending.mend();
  }

  @Override
  public Optional<ProxyPlace> proxyPlace() {
    return Optional.ofNullable(parts.proxy);
  }

  @Override
  public Set<Capability> capabilities() {
    return EbpfCapabilities.with(parts.sockets, parts.config.hostFirewall());
  }

  @Override
  public Set<RowKind> rowKinds() {
    return ROW_KINDS;
  }

  /** An address is routed as long as a row has it. */
  @Override
  public void apply(List<Change<RowKey, Row>> changes) {
    if (parts.proxy != null) {
      parts.proxy.prepareFor(changes);
    }
    parts.nodes.apply(changes);
    parts.routes.remove(parts.writer.apply(changes));
    parts.frontends.apply(changes);
    parts.prefilter.apply(changes);
    parts.sockets.release(parts.frontends);
    if (!parts.frontends.isEmpty()) {
      parts.sockets.attach();
    }
    for (Change<RowKey, Row> change : changes) {
      if (change instanceof Change.Put<RowKey, Row>(_, EndpointRow row, _)) {
        parts.routes.add(row.endpoint().addresses());
      }
    }
  }

  @Override
  public void prune(RowKind kind, Set<RowKey> wanted) {
    if (kind == RowKind.NODE) {
      parts.nodes.prune(wanted);
      return;
    }
    if (kind == RowKind.PREFILTER) {
      parts.prefilter.prune(wanted);
      return;
    }
    if (kind == RowKind.FRONTEND) {
      parts.frontends.prune(wanted);
      parts.sockets.release(parts.frontends);
      return;
    }
    parts.routes.remove(parts.writer.prune(kind, wanted));
    if (kind == RowKind.ENDPOINT) {
      pruneDevices(wanted);
    }
  }

  private void pruneDevices(Set<RowKey> wanted) {
    Map<Integer, EndpointRecord> rows = parts.writer.endpoints();
    // Whose a device is stands in its row: while one is missing, none is nobody's for sure.
    Set<RowKey> present = new HashSet<>();
    rows.keySet().forEach(id -> present.add(new EndpointKey(id)));
    if (present.containsAll(wanted)) {
      parts.pods.prune(rows.values());
      Set<IpAddress> addresses = new HashSet<>();
      rows.values().forEach(row -> addresses.addAll(row.addresses()));
      parts.routes.retain(addresses);
      parts.nodeDevices.dropFormerAddresses();
    }
    parts.hooks.prune();
  }

  @Override
  public Subscription subscribe(FlowSink sink) {
    return parts.flows.subscribe(sink);
  }

  @Override
  public List<Traffic> traffic() {
    List<Traffic> traffic = new ArrayList<>();
    parts.programs.maps().metrics().forEach((key, cpus) -> MetricsRecord.add(key, cpus, traffic));
    return traffic;
  }

  /** Of conntrack as of the last collection. */
  @Override
  public Pressure pressure() {
    List<Table> tables = new ArrayList<>(parts.writer.tables());
    tables.addAll(parts.frontends.tables());
    tables.addAll(parts.collector.tables());
    Map<Integer, OwnerRecord> owners = parts.collector.owners();
    List<EndpointFlows> flows = new ArrayList<>();
    for (EndpointRecord row : parts.writer.endpoints().values()) {
      OwnerRecord owner = owners.get(row.ifindex());
      if (owner != null) {
        flows.add(
            new EndpointFlows(
                row.id(), (long) owner.flows4() + owner.flows6(), owner.overflowed()));
      }
    }
    return new Pressure(tables, flows, parts.collector.collections());
  }

  @Override
  public Set<Peer> connected(Set<IpAddress> addresses) {
    return parts.collector.connected(addresses);
  }

  /** {@code malformed_events}: what came from the kernel and could not be read. */
  @Override
  public Map<String, Long> counters() {
    return Map.of("malformed_events", parts.flows.malformed());
  }

  @Override
  public Map<Integer, IpAddress> nodeNumbers() {
    return parts.writer.nodeNumbers();
  }

  @Override
  public void close() {
    synchronized (parts.pods) {
      if (!closed) {
        end();
        release.run();
      }
    }
  }

  private void end() {
    closed = true;
    parts.close();
  }

  @Override
  public void destroy() {
    synchronized (parts.pods) {
      if (closed) {
        throw new DatapathException("the datapath is closed");
      }
      PodDevices.deleteAll(parts.node, parts.manifest);
      try {
        end();
        parts.networkDevices.leaveAll();
        parts.pins.remove();
        PlaceDevices.deleteNames(parts.config);
      } finally {
        release.run();
      }
    }
  }

  // ---- for tests and measurements of this module

  /** Collects flows at once. */
  void collectFlows() {
    parts.collector.collect();
  }

  /** Waits until everything that changes left behind is deleted. */
  void drain() throws InterruptedException {
    parts.reclaimer.drain();
  }

  /** Makes every change a whole one from now on. */
  void onlyWholeChanges() {
    parts.writer.onlyWholeChanges();
  }

  /** How many changes were near ones. */
  long nearChanges() {
    return parts.writer.nearChanges();
  }

  /** Leaves devices as others make them from now on. */
  void stopMending() {
    parts.follower.stopMending();
  }

  /** The number of the present epoch. */
  long epoch() {
    return parts.writer.epoch();
  }
}
