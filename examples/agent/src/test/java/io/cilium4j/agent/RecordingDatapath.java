// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.IpcacheKey;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.NodeKey;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.Row.PrefilterKey;
import io.cilium4j.core.spi.Row.PrefilterRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.state.Change;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;

/** A datapath that remembers what it was told, outlives its agents, and fails on demand. */
public final class RecordingDatapath implements DatapathProvider, Datapath {
  public final Map<Integer, EndpointRow> endpoints = new ConcurrentHashMap<>();
  final Map<IpPrefix, IpcacheEntry> ipcache = new HashMap<>();
  final Map<String, NodeRow> nodes = new ConcurrentHashMap<>();
  public final Map<FrontendKey, FrontendRow> frontends = new ConcurrentHashMap<>();

  /** Frontends that it refuses to write. */
  public final Set<FrontendKey> refusedFrontends = ConcurrentHashMap.newKeySet();

  /** Prefixes whose packets it drops. */
  volatile Set<IpPrefix> prefilter = Set.of();

  /** Why it does not. */
  volatile Optional<String> prefilterRefusal = Optional.empty();

  /** The kinds of rows that it carries. */
  public volatile Set<RowKind> rowKinds = Set.of(RowKind.values());

  /** What it can do beyond what every datapath can. */
  volatile Set<Capability> capabilities = Set.of();

  @Override
  public Set<Capability> capabilities() {
    return capabilities;
  }

  /** Nodes that were not to stay at a pruning. */
  final Set<String> prunedNodes = ConcurrentHashMap.newKeySet();

  /** Counts down as nodes are pruned. */
  final CountDownLatch pruned = new CountDownLatch(1);

  public final Set<Integer> devices = new HashSet<>();

  /** Endpoints that it refuses to connect or to write. */
  public final Set<Integer> refusedDevices = new HashSet<>();

  public final Set<Integer> refusedRows = new HashSet<>();

  /** Devices that it refuses to remove, by index. */
  public final Set<Integer> stuckDevices = new HashSet<>();

  /** Devices that are others of the same name and index by now. */
  private final Set<Integer> replaced = new HashSet<>();

  /** What it says that it cannot mend. */
  public volatile List<String> problems = List.of();

  /** Whether it does not tell of flows, which is what a start asks for last. */
  public volatile boolean isBroken;

  /** Where each connection and adoption waits; open at first. */
  public volatile CountDownLatch gate = new CountDownLatch(0);

  /** Counts down as one comes to the gate. */
  public volatile CountDownLatch arrived = new CountDownLatch(0);

  /** The same for removals of a device. */
  public volatile CountDownLatch exitGate = new CountDownLatch(0);

  public volatile CountDownLatch exiting = new CountDownLatch(0);

  /** One that holds nothing and refuses nothing. */
  public RecordingDatapath() {}

  @Override
  public String name() {
    return "recording";
  }

  @Override
  public Availability probe() {
    return new Availability(true, "a test");
  }

  @Override
  public Datapath open(Config config) {
    return this;
  }

  @Override
  public String description() {
    return "remembers";
  }

  @Override
  public EndpointInterface connect(ConnectRequest request) {
    passGate();
    return make(request);
  }

  private synchronized EndpointInterface make(ConnectRequest request) {
    if (refusedDevices.contains(request.endpointId())) {
      throw new DatapathException("no device for " + request.netns());
    }
    devices.add(request.endpointId());
    var mac = new MacAddress(request.endpointId());
    return new EndpointInterface(
        "t" + request.endpointId(), request.endpointId(), mac, mac, request.netns());
  }

  @Override
  public EndpointInterface adopt(AdoptRequest request) {
    passGate();
    return take(request);
  }

  private void passGate() {
    arrived.countDown();
    await(gate);
  }

  private static void await(CountDownLatch gate) {
    try {
      gate.await();
    } catch (InterruptedException e) {
      throw new DatapathException("interrupted", e);
    }
  }

  private synchronized EndpointInterface take(AdoptRequest request) {
    if (refusedDevices.contains(request.endpointId())) {
      throw new DatapathException("no device for " + request.device().hostName());
    }
    devices.add(request.device().hostIfindex());
    return request.device();
  }

  @Override
  public void disconnect(EndpointInterface device) {
    exiting.countDown();
    await(exitGate);
    remove(device);
  }

  private synchronized void remove(EndpointInterface device) {
    if (stuckDevices.contains(device.hostIfindex())) {
      throw new DatapathException("device " + device.hostName() + " is stuck");
    }
    if (holds(device)) {
      devices.remove(device.hostIfindex());
    }
  }

  @Override
  public synchronized void release(EndpointInterface device) {
    devices.remove(device.hostIfindex());
  }

  @Override
  public synchronized boolean holds(EndpointInterface device) {
    return devices.contains(device.hostIfindex()) && !replaced.contains(device.hostIfindex());
  }

  /** As when the device of this index went and somebody made another one. */
  synchronized void replaceDevice(int ifindex) {
    replaced.add(ifindex);
  }

  @Override
  public Mended mend() {
    return new Mended(List.of(), problems);
  }

  /** As when somebody deletes the device of this index. */
  public synchronized void loseDevice(int ifindex) {
    devices.remove(ifindex);
  }

  @Override
  public Set<RowKind> rowKinds() {
    return rowKinds;
  }

  @Override
  public synchronized void apply(List<Change<RowKey, Row>> changes) {
    for (Change<RowKey, Row> change : changes) {
      if (change instanceof Change.Put<RowKey, Row>(_, EndpointRow row, _)
          && refusedRows.contains(row.endpoint().id())) {
        throw new DatapathException("no row for " + row.endpoint().podName());
      }
      if (refusedFrontends.contains(change.key())) {
        throw new DatapathException("no room for " + change.key());
      }
    }
    for (Change<RowKey, Row> change : changes) {
      switch (change) {
        case Change.Put<RowKey, Row>(_, EndpointRow row, _) ->
            endpoints.put(row.endpoint().id(), row);
        case Change.Put<RowKey, Row>(_, IpcacheRow(var entry), _) ->
            ipcache.put(entry.prefix(), entry);
        case Change.Removed<RowKey, Row>(EndpointKey(int id), _, _) -> endpoints.remove(id);
        case Change.Removed<RowKey, Row>(IpcacheKey(var prefix), _, _) -> ipcache.remove(prefix);
        case Change.Put<RowKey, Row>(_, NodeRow node, _) -> nodes.put(node.name(), node);
        case Change.Removed<RowKey, Row>(NodeKey(String name), _, _) -> nodes.remove(name);
        case Change.Put<RowKey, Row>(_, FrontendRow row, _) -> frontends.put(row.key(), row);
        case Change.Removed<RowKey, Row>(FrontendKey key, _, _) -> frontends.remove(key);
        case Change.Put<RowKey, Row>(_, PrefilterRow row, _) -> {
          prefilterRefusal.ifPresent(why -> {
            throw new DatapathException(why);
          });
          prefilter = row.prefixes();
        }
        case Change.Removed<RowKey, Row>(PrefilterKey _, _, _) -> prefilter = Set.of();
      }
    }
  }

  @Override
  public synchronized void prune(RowKind kind, Set<RowKey> wanted) {
    switch (kind) {
      case ENDPOINT -> endpoints.keySet().removeIf(id -> !wanted.contains(new EndpointKey(id)));
      case IPCACHE -> ipcache.keySet().removeIf(prefix -> !wanted.contains(new IpcacheKey(prefix)));
      case FRONTEND -> frontends.keySet().retainAll(wanted);
      case PREFILTER -> prefilter = wanted.isEmpty() ? Set.of() : prefilter;
      case NODE -> {
        nodes.keySet().stream()
            .filter(name -> !wanted.contains(new NodeKey(name)))
            .forEach(prunedNodes::add);
        nodes.keySet().removeAll(prunedNodes);
        pruned.countDown();
      }
    }
  }

  @Override
  public Subscription subscribe(FlowSink sink) {
    if (isBroken) {
      throw new DatapathException("no flows");
    }
    return () -> {};
  }

  @Override
  public List<Traffic> traffic() {
    return List.of();
  }

  @Override
  public Map<String, Long> counters() {
    return Map.of();
  }

  @Override
  public void close() {}

  @Override
  public synchronized void destroy() {
    endpoints.clear();
    ipcache.clear();
    devices.clear();
  }
}
