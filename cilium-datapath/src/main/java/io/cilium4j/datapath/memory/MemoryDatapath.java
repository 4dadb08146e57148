// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

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
import io.cilium4j.datapath.net.FrameKind;
import io.cilium4j.datapath.net.InstanceClaim;
import io.cilium4j.datapath.net.Nft;
import io.cilium4j.datapath.net.ProxyNamespace;
import io.cilium4j.datapath.net.ProxySteering;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * User space as the datapath: the verdicts of the eBPF programs, by threads of this process.
 *
 * <p>It begins without a device. Rows may be applied and verdicts asked for at once, see {@link
 * #decide}; nothing but memory is needed for that, and it works on any machine. With the first
 * {@link #connect} it makes network devices and forwards packets, which needs CAP_NET_ADMIN and
 * CAP_NET_RAW over the namespace: root has them, and so has anybody inside {@code unshare -Urnm}.
 *
 * <p>What it enforces ends with the process: while none runs, the pods' packets go nowhere. Devices
 * outlive it, and the next process of the same instance goes on with them, endpoint by endpoint as
 * their rows are applied.
 *
 * <p>Packets that policy redirects go to the proxy's namespace, which takes nftables there. Without
 * it, or without a listener of the name that the rule has, they are dropped: passing them on unseen
 * would widen the rule.
 */
public final class MemoryDatapath implements Datapath {

  private static final Logger LOG = LoggerFactory.getLogger(MemoryDatapath.class);

  private static final Set<RowKind> ROW_KINDS =
      Set.of(RowKind.ENDPOINT, RowKind.IPCACHE, RowKind.NODE, RowKind.FRONTEND);

  private final Config config;
  private final Counters counters = new Counters();
  private final FlowReporter reporter;
  private final PacketDecider decider;

  /** Absent until a pod is connected; guarded by this. */
  private @Nullable PodNetwork network;

  /** Absent where there can be none; guarded by this. */
  private @Nullable MemoryProxy proxy;

  /** What pods' devices take, once that was said; guarded by this. */
  private int podMtuBytes;

  /** Guarded by this. */
  private boolean closed;

  /** Opens an instance; see {@link MemoryDatapathProvider#open}. */
  MemoryDatapath(Config config) {
    this(config, System::nanoTime);
  }

  /** As {@link #MemoryDatapath(Config)}, by a clock of the caller's. */
  MemoryDatapath(Config config, LongSupplier clockNanos) {
    this.config = config;
    this.reporter = new FlowReporter(config.instance());
    this.decider =
        new PacketDecider(
            clockNanos,
            reporter,
            counters,
            config.limits().conntrackEntries(),
            new PacketDecider.Choices(
                config.noBackendResponse(), config.routing().tunnel(), config.tracing()));
  }

  /** Goes on with the devices that an earlier process of the instance left, if it left some. */
  synchronized void resume() {
    boolean left;
    try {
      left = PodNetwork.isLeft(config);
    } catch (DatapathException e) {
      LOG.debug("no network devices here instance={}", config.instance(), e);
      return;
    }
    openProxy();
    InstanceClaim.take(config).close(); // One that has pods lets no other begin.
    PodNetwork.requireFreePrefixes(config);
    if (left || config.routing().tunnel().isPresent()) {
      // With tunnels now: somebody may have the port.
      network = new PodNetwork(config, decider, proxy != null);
    }
  }

  /** Where a proxy can be: it takes nftables, and the policies' listeners have names. */
  private void openProxy() {
    Optional<Nft> nft = Nft.find();
    if (config.listeners().ports().isEmpty() || nft.isEmpty()) {
      return;
    }
    try {
      ProxySteering.check(nft.get());
    } catch (DatapathException e) {
      LOG.warn("no place for a proxy instance={} error=\"{}\"", config.instance(), e.getMessage());
      return;
    }
    proxy = new MemoryProxy(nft.get(), this::proxyNamespace, decider);
    decider.setState(decider.state().with(config.listeners()));
  }

  private synchronized ProxyNamespace proxyNamespace() {
    return network()
        .proxy()
        .orElseThrow(() -> new DatapathException("instance " + config.instance() + ": no proxy"));
  }

  @Override
  public synchronized Optional<ProxyPlace> proxyPlace() {
    return Optional.ofNullable(proxy);
  }

  @Override
  public String name() {
    return "memory";
  }

  @Override
  public synchronized String description() {
    return network == null
        ? "user space, verdicts alone: no pod is connected"
        : "user space, frames forwarded by packet sockets";
  }

  /**
   * Decides a packet as if it had come in from {@code origin} just now, and takes note of its flow:
   * what a simulation asks. No packet is sent.
   *
   * @param frame an Ethernet frame, between position and limit; not changed
   * @param origin an endpoint's device, or {@link Origin#NODE}
   */
  public Decision decide(ByteBuffer frame, Origin origin) {
    return decide(frame, FrameKind.PLAIN, origin);
  }

  /** As {@link #decide(ByteBuffer, Origin)}, of a frame of which the kernel told more. */
  public Decision decide(ByteBuffer frame, FrameKind kind, Origin origin) {
    ByteBuffer copy = ByteBuffer.allocate(frame.remaining());
    return decider.decide(copy.put(frame.duplicate()).flip(), kind, origin);
  }

  @Override
  public synchronized EndpointInterface connect(ConnectRequest request) {
    return network().connect(request);
  }

  @Override
  public synchronized EndpointInterface adopt(AdoptRequest request) {
    return network().adopt(request);
  }

  private PodNetwork network() {
    checkOpen();
    if (network == null) {
      network = new PodNetwork(config, decider, proxy != null);
      if (podMtuBytes != 0) {
        network.setMtu(List.of(), 0, podMtuBytes);
      }
      LOG.info("forwarding packets in user space instance={}", config.instance());
    }
    return network;
  }

  @Override
  public synchronized void disconnect(EndpointInterface device) {
    checkOpen();
    if (network != null) {
      network.disconnect(device);
      network.settle(addressesInRows());
    }
  }

  @Override
  public synchronized List<EndpointInterface> setMtu(
      List<EndpointInterface> devices, int formerBytes, int mtuBytes) {
    checkOpen();
    podMtuBytes = mtuBytes;
    return network == null ? List.of() : network.setMtu(devices, formerBytes, mtuBytes);
  }

  @Override
  public synchronized void release(EndpointInterface device) {
    checkOpen();
    if (network != null) {
      network.release(device);
      network.settle(addressesInRows());
    }
  }

  @Override
  public synchronized boolean holds(EndpointInterface device) {
    checkOpen();
    return network != null && network.holds(device);
  }

  @Override
  public synchronized List<String> examine(EndpointInterface device, ConnectRequest made) {
    checkOpen();
    return network != null && network.holds(device)
        ? network.examine(device, made)
        : Datapath.super.examine(device, made);
  }

  @Override
  public synchronized Optional<EndpointInterface> pairOf(String netns, String podDeviceName) {
    return network().pairOf(netns, podDeviceName);
  }

  @Override
  public synchronized Mended mend() {
    return network == null || closed ? new Mended(List.of(), List.of()) : network.mend();
  }

  @Override
  public Set<RowKind> rowKinds() {
    return ROW_KINDS;
  }

  @Override
  public void apply(List<Change<RowKey, Row>> changes) {
    MemoryProxy place;
    synchronized (this) {
      place = proxy;
    }
    if (place != null) {
      place.prepareFor(changes);
    }
    applyRows(changes);
  }

  private synchronized void applyRows(List<Change<RowKey, Row>> changes) {
    checkOpen();
    State before = decider.state();
    enforce(before, before.after(changes, config.limits()));
    followNodes(changes);
    // Also where no row is new: the batch may be a second try after this failed.
    if (network != null) {
      for (Change<RowKey, Row> change : changes) {
        if (change instanceof Change.Put<RowKey, Row>(_, EndpointRow row, _)) {
          network.resume(row.endpoint());
        }
      }
      network.settle(addressesInRows());
    }
  }

  /** Routes to other nodes where that is this datapath's to do; packets then go by the stack. */
  private void followNodes(List<Change<RowKey, Row>> changes) {
    boolean routes = config.routing().directRoutes() || config.routing().tunnel().isPresent();
    if (routes && changes.stream().anyMatch(change -> change.key().kind() == RowKind.NODE)) {
      network().nodes().apply(changes);
    }
  }

  private void enforce(State before, State after) {
    if (!after.equals(before)) {
      decider.setState(after);
    }
  }

  private Set<IpAddress> addressesInRows() {
    Set<IpAddress> addresses = new HashSet<>();
    for (LocalEndpoint endpoint : decider.state().endpoints().values()) {
      addresses.addAll(endpoint.endpoint().addresses());
    }
    return addresses;
  }

  private Set<String> devicesInRows() {
    Set<String> devices = new HashSet<>();
    for (LocalEndpoint endpoint : decider.state().endpoints().values()) {
      devices.add(endpoint.endpoint().device().hostName());
    }
    return devices;
  }

  @Override
  public synchronized void prune(RowKind kind, Set<RowKey> wanted) {
    checkOpen();
    State before = decider.state();
    enforce(before, before.pruned(kind, wanted));
    if (kind == RowKind.NODE && network != null) {
      network.nodes().prune(wanted);
    }
    if (kind == RowKind.ENDPOINT && network != null) {
      network.settle(addressesInRows());
      network.prune(endpointIds(wanted), devicesInRows(), addressesInRows());
    }
  }

  private static Set<Integer> endpointIds(Set<RowKey> keys) {
    Set<Integer> ids = new HashSet<>();
    for (RowKey key : keys) {
      if (key instanceof EndpointKey(int id)) {
        ids.add(id);
      }
    }
    return ids;
  }

  @Override
  public Subscription subscribe(FlowSink sink) {
    return reporter.subscribe(sink);
  }

  @Override
  public List<Traffic> traffic() {
    return counters.read();
  }

  @Override
  public Pressure pressure() {
    // For each family a table for shares and one for what goes beyond.
    long capacity = 4L * config.limits().conntrackEntries();
    return new Pressure(
        List.of(new Table("conntrack", decider.flows(), capacity)),
        decider.endpointFlows(),
        List.of());
  }

  @Override
  public Set<Peer> connected(Set<IpAddress> addresses) {
    return decider.connected(addresses);
  }

  /**
   * {@code lost_events}; with devices also {@code undeliverable} (the receiver's device did not
   * take the frame) and {@code unproxied} (there is no way to a proxy).
   */
  @Override
  public synchronized Map<String, Long> counters() {
    Map<String, Long> all = new TreeMap<>();
    all.put("lost_events", reporter.lost());
    if (network != null) {
      all.put("undeliverable", network.undeliverable());
      all.put("unproxied", network.unproxied());
    }
    return all;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      if (network != null) {
        network.close();
      }
      reporter.close();
    }
  }

  @Override
  public synchronized void destroy() {
    checkOpen();
    closed = true;
    if (network != null) {
      network.destroy();
    }
    reporter.close();
  }

  private void checkOpen() {
    if (closed) {
      throw new DatapathException("the datapath of instance " + config.instance() + " is closed");
    }
  }
}
