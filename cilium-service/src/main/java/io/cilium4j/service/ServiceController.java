// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.StateFile;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.service.FrontendOwners.Moved;
import io.cilium4j.service.FrontendOwners.Occupant;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows Kubernetes' objects and what clients of the API put, and writes what the datapath is to
 * hold of it: a round takes all changes since the last one, and the next one comes 20 ms later at
 * the earliest.
 *
 * <p>Nothing is written before Kubernetes has told all that there was at the start: what an earlier
 * run wrote stays until then, also of a service whose slices come late.
 */
public final class ServiceController implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(ServiceController.class);

  /** The input that the tables wait for. */
  private static final String INPUT = "kubernetes";

  private static final Duration PACE = Duration.ofMillis(20);

  private static final List<IpAddress> LOOPBACK =
      List.of(IpAddress.parse("127.0.0.1"), IpAddress.parse("::1"));

  /** Most problems that a round logs, of which there may be one a service. */
  private static final int MAX_LOGGED = 100;

  /**
   * What it follows.
   *
   * @param resources Kubernetes' objects
   * @param pods pods, of which those of this node may be asked at the node's ports
   * @param requests services that clients ask for, by number
   * @param ipcache whose an address is
   * @param nodeAddresses at which those outside ask this node
   * @param nodes nodes of Kubernetes, of which this one says its zone
   * @param podCidrs the addresses of this node's pods, whether there is such a pod or not; by
   *     whatever each is of
   * @param node this node's name
   * @param localRedirects whether local redirect policies are carried out
   * @param externalIpMitigation whether external IPs are for those outside of the cluster only, and
   *     none is a node's own address
   * @param serviceTopology whether clients are led to the endpoints that slices mean for their zone
   *     or node
   * @param loopback whether the node's own processes ask its ports at loopback addresses as well
   */
  public record Inputs(
      Table<ResourceKey, RawResource> resources,
      Table<ResourceKey, Pod> pods,
      Table<Long, ? extends ServiceRequest> requests,
      Table<IpPrefix, IpcacheEntry> ipcache,
      Table<IpAddress, IpAddress> nodeAddresses,
      Table<String, Node> nodes,
      Table<IpPrefix, String> podCidrs,
      String node,
      boolean localRedirects,
      boolean externalIpMitigation,
      boolean serviceTopology,
      boolean loopback) {}

  private final Inputs inputs;
  private final ServiceNumbers numbers;
  private final FrontendOwners owners;
  private final TableWriter<RowKey, Row> rows =
      TableWriter.create("frontends", Comparator.naturalOrder(), Set.of(INPUT));
  private final TableWriter<Long, Frontend> frontends =
      TableWriter.create("services", Comparator.naturalOrder(), Set.of(INPUT));

  private final Follower follower;
  private volatile Map<String, String> problems = Map.of();

  private final LongAdder added = new LongAdder();
  private final LongAdder updated = new LongAdder();
  private final LongAdder deleted = new LongAdder();

  /**
   * Follows nothing yet.
   *
   * @param numbers where the numbers of frontends outlive the process
   */
  public ServiceController(Inputs inputs, StateFile numbers, Scheduler thread) {
    this.inputs = inputs;
    this.numbers =
        new ServiceNumbers(
            numbers,
            inputs.requests().snapshot().stream()
                .map(io.cilium4j.core.state.Row::key)
                .collect(Collectors.toSet()));
    this.owners =
        new FrontendOwners(
            new Topology(inputs.node(), "", inputs.serviceTopology()),
            inputs.localRedirects(),
            inputs.externalIpMitigation(),
            this.numbers,
            this::occupant);
    if (inputs.loopback()) {
      LOOPBACK.forEach(address -> owners.nodeAddressChanged(address, true));
    }
    this.follower =
        new Follower(
            thread,
            PACE,
            List.of(
                inputs.resources(),
                inputs.pods(),
                inputs.requests(),
                inputs.ipcache(),
                inputs.nodeAddresses(),
                inputs.nodes(),
                inputs.podCidrs()),
            this::round);
  }

  /** What the datapath is to hold. */
  public Table<RowKey, Row> rows() {
    return rows.table();
  }

  /** All frontends by number, also those that are refused. */
  public Table<Long, Frontend> frontends() {
    return frontends.table();
  }

  /** The numbers of frontends. */
  ServiceNumbers numbers() {
    return numbers;
  }

  /** What is wrong now, a whole line each, by where it is wrong. */
  public Map<String, String> problems() {
    return problems;
  }

  /** Whether a frontend at an address would take it from a node or a pod. */
  boolean isOccupied(IpAddress address) {
    return occupant(address) != Occupant.NOBODY;
  }

  /** From whom a frontend would take an address. */
  private Occupant occupant(IpAddress address) {
    if (inputs.podCidrs().snapshot().stream().anyMatch(row -> row.key().contains(address))) {
      return Occupant.POD;
    }
    return inputs
        .ipcache()
        .get(IpPrefix.host(address))
        .map(IpcacheEntry::identity)
        .filter(ServiceController::isOfCluster)
        .map(identity -> isNode(identity) ? Occupant.NODE : Occupant.POD)
        .orElse(Occupant.NOBODY);
  }

  private static boolean isNode(int identity) {
    return identity == ReservedIdentity.HOST.id() || identity == ReservedIdentity.REMOTE_NODE.id();
  }

  /** An address outside has the world's identity, or one for the prefixes that rules name. */
  private static boolean isOfCluster(int identity) {
    boolean isWorld =
        identity == ReservedIdentity.WORLD.id()
            || identity == ReservedIdentity.WORLD_IPV4.id()
            || identity == ReservedIdentity.WORLD_IPV6.id();
    return !isWorld && (identity & ~(Identity.LOCAL_SCOPE - 1)) != Identity.LOCAL_SCOPE;
  }

  @Override
  public void start() {
    follower.start();
  }

  @Override
  public void stop() {
    follower.stop();
  }

  /**
   * Takes all changes into account that there are by now.
   *
   * @return the revision of {@link #rows} from which on they are in it
   */
  long round() {
    follower.look();
    return rows.table().revision();
  }

  /** What is told again changes nothing, so that nothing need be forgotten. */
  private void round(Follower.Look look) {
    var objects = look.of(inputs.resources());
    for (Change<ResourceKey, RawResource> change : objects.list()) {
      if (FrontendOwners.reads(change.key().kind())) {
        switch (change) {
          case Change.Put<ResourceKey, RawResource> put -> owners.put(put.value());
          case Change.Removed<ResourceKey, RawResource> gone -> owners.remove(gone.key());
        }
      }
    }
    var pods = look.of(inputs.pods());
    for (Change<ResourceKey, Pod> change : pods.list()) {
      switch (change) {
        case Change.Put<ResourceKey, Pod> put -> owners.putPod(put.value());
        case Change.Removed<ResourceKey, Pod> gone -> owners.removePod(gone.key());
      }
    }
    look.of(inputs.requests()).list().forEach(this::takeOver);
    for (Change<IpPrefix, IpcacheEntry> change : look.of(inputs.ipcache()).list()) {
      if (change.key().isHost()) {
        owners.occupationChanged(change.key().address());
      }
    }
    for (Change<IpPrefix, String> change : look.of(inputs.podCidrs()).list()) {
      owners.occupationChanged(change.key());
    }
    var own = look.of(inputs.nodeAddresses());
    for (Change<IpAddress, IpAddress> change : own.list()) {
      owners.nodeAddressChanged(change.key(), change instanceof Change.Put);
    }
    var nodes = look.of(inputs.nodes());
    for (Change<String, Node> change : nodes.list()) {
      if (change.key().equals(inputs.node())) {
        owners.zoneChanged(
            change instanceof Change.Put<String, Node> put
                ? put.value().labels().getOrDefault(Topology.ZONE, "")
                : "");
      }
    }
    if (objects.snapshot().isInitialised()
        && nodes.snapshot().isInitialised()
        && pods.snapshot().isInitialised()
        && own.snapshot().isInitialised()) {
      write(owners.look());
    }
    tellProblems();
  }

  private void takeOver(Change<Long, ? extends ServiceRequest> change) {
    switch (change) {
      case Change.Put<Long, ? extends ServiceRequest> put ->
          owners.putRequest(put.key(), put.value());
      case Change.Removed<Long, ? extends ServiceRequest> gone -> owners.removeRequest(gone.key());
    }
  }

  private void write(List<Moved> moved) {
    if (!rows.table().isInitialised()) {
      numbers.retain(owners.numbered());
    }
    // Before anybody hears of them.
    numbers.save();
    rows.write(batch -> {
      for (Moved each : moved) {
        List<FrontendRow> after = each.after().rows();
        Set<RowKey> keys = new HashSet<>();
        after.forEach(row -> keys.add(row.key()));
        each.before().rows().stream()
            .map(FrontendRow::key)
            .filter(key -> !keys.contains(key))
            .forEach(batch::remove);
        after.forEach(row -> batch.put(row.key(), row));
      }
    });
    frontends.write(batch -> writeFrontends(moved, batch));
    frontends.synced(INPUT);
    rows.synced(INPUT);
  }

  /** A service of the API may have moved from one address to another one. */
  private void writeFrontends(List<Moved> moved, TableWriter.Batch<Long, Frontend> batch) {
    Map<Long, Frontend> after = new HashMap<>();
    moved.forEach(each ->
        each.after()
            .frontends()
            .forEach(frontend -> after.put((long) frontend.number(), frontend)));
    for (Moved each : moved) {
      for (Frontend frontend : each.before().frontends()) {
        long number = frontend.number();
        if (!after.containsKey(number) && batch.get(number).isPresent()) {
          batch.remove(number);
          deleted.increment();
        }
      }
    }
    after.forEach((number, frontend) -> {
      Optional<Frontend> known = batch.get(number);
      if (known.isEmpty()) {
        added.increment();
      } else if (!known.get().equals(frontend)) {
        updated.increment();
      }
      batch.put(number, frontend);
    });
  }

  private void tellProblems() {
    Map<String, String> former = problems;
    Map<String, String> now = new TreeMap<>(owners.problems());
    numbers.problem().ifPresent(text -> now.put("numbers of services", text));
    if (now.equals(former)) {
      return;
    }
    now.entrySet().stream()
        .filter(each -> !each.getValue().equals(former.get(each.getKey())))
        .limit(MAX_LOGGED)
        .forEach(each -> LOG.warn("service is not as it is wanted what=\"{}\"", each.getValue()));
    problems = Map.copyOf(now);
  }

  /** What it did. */
  public List<MetricFamily> metrics() {
    return List.of(
        new MetricFamily(
            "cilium_services_events_total",
            Kind.COUNTER,
            "Frontends of services that came, changed and went",
            List.of(
                Sample.Value.of(Map.of("action", "add"), added.sum()),
                Sample.Value.of(Map.of("action", "delete"), deleted.sum()),
                Sample.Value.of(Map.of("action", "update"), updated.sum()))));
  }
}
