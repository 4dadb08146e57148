// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.bpf.BpfException;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.ebpf.IpcacheRecord.Behind;
import io.cilium4j.datapath.ebpf.ServiceMemory.Region;
import io.cilium4j.datapath.net.InstanceNames;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * Reads what an instance has in the kernel, by the pins of its maps: no agent need run, and nothing
 * is changed. Each call opens the map that it reads and closes it again.
 *
 * <p>What is read counts at the moment of reading; maps change meanwhile, and two calls need not
 * fit together.
 *
 * <p>Safe for use by several threads.
 */
public final class MapDump {
  private final Path folder;

  private MapDump(Path folder) {
    this.folder = folder;
  }

  /** The maps of an instance under {@code /sys/fs/bpf}. */
  public static MapDump of(String instance) {
    return in(BpfFs.DEFAULT_MOUNT.resolve(new InstanceNames(instance).pinFolder()));
  }

  /** The maps that are pinned in a folder. */
  public static MapDump in(Path folder) {
    return new MapDump(folder);
  }

  /** Where the pins are. */
  public Path folder() {
    return folder;
  }

  /** Whether a map of this name is pinned. */
  public boolean has(String map) {
    return Files.exists(folder.resolve(map));
  }

  // ---- rows ----

  /**
   * An endpoint as the programs know it.
   *
   * @param ifindex its device on the node's side
   * @param identity at the present epoch; 0 where it does not exist any more
   * @param policy the number of its compiled policy
   */
  public record EndpointRow(
      int id,
      int ifindex,
      int identity,
      int policy,
      MacAddress mac,
      MacAddress hostMac,
      List<IpAddress> addresses) {
    public EndpointRow {
      addresses = List.copyOf(addresses);
    }
  }

  /**
   * An address prefix and what is behind it.
   *
   * @param tunnelEndpoint the address of the node to which its packets are tunnelled, if they are
   */
  public record IpcacheRow(IpPrefix prefix, int identity, Optional<IpAddress> tunnelEndpoint) {}

  /**
   * A node as the programs know it.
   *
   * @param number stands for it in other rows
   * @param address where tunnels to it end
   * @param known whether it is one of the cluster's; what is addressed to others is dropped
   * @param mtuBytes the largest packet that may go into the tunnel; 0 for any
   */
  public record NodeRow(int number, IpAddress address, boolean known, int mtuBytes) {}

  /**
   * A frontend of a service.
   *
   * @param service the service's number; 0 for what an address is asked beside its frontends
   */
  public record FrontendRow(FrontendKey key, int service, List<BackendRow> backends) {}

  /**
   * A backend of a frontend.
   *
   * @param isActive whether it takes new flows
   */
  public record BackendRow(int number, IpAddress address, int port, boolean isActive) {}

  /** An entry of a compiled policy. */
  public record PolicyRow(PolicyKey key, PolicyRecord entry) {}

  /** The endpoints, by id. */
  public List<EndpointRow> endpoints() {
    long epoch = epoch();
    List<EndpointRow> rows = new ArrayList<>();
    each(
        KernelMaps.ENDPOINTS,
        Codec.u32(),
        EndpointRecord.CODEC,
        (_, record) -> {
          EndpointRecord.Version now = record.at(epoch);
          rows.add(
              new EndpointRow(
                  record.id(),
                  record.ifindex(),
                  now.identity(),
                  now.policy(),
                  record.mac(),
                  record.hostMac(),
                  record.addresses()));
        });
    rows.sort(Comparator.comparingInt(EndpointRow::id));
    return rows;
  }

  /** The local addresses and the devices behind them. */
  public Map<IpAddress, Integer> addresses() {
    Map<IpAddress, Integer> rows = new HashMap<>();
    each(KernelMaps.ADDRESSES, AddressKey.CODEC, Codec.u32(), rows::put);
    return rows;
  }

  /** The prefixes and their identities, by prefix. */
  public List<IpcacheRow> ipcache() {
    long epoch = epoch();
    Map<Integer, IpAddress> nodes = new HashMap<>();
    nodes().forEach(row -> nodes.put(row.number(), row.address()));
    List<IpcacheRow> rows = new ArrayList<>();
    each(
        KernelMaps.IPCACHE,
        PrefixKey.CODEC,
        IpcacheRecord.CODEC,
        (prefix, record) -> {
          Behind behind = record.at(epoch);
          rows.add(
              new IpcacheRow(
                  prefix, behind.identity(), Optional.ofNullable(nodes.get(behind.node()))));
        });
    rows.sort(Comparator.comparing(row -> row.prefix().toString()));
    return rows;
  }

  /** The nodes to which there may be tunnels, by number. */
  public List<NodeRow> nodes() {
    List<NodeRow> rows = new ArrayList<>();
    each(
        KernelMaps.NODES,
        Codec.u32(),
        NodeRecord.CODEC,
        (number, record) -> {
          if (record.address() != null) {
            rows.add(new NodeRow(number, record.address(), record.known(), record.mtuBytes()));
          }
        });
    rows.sort(Comparator.comparingInt(NodeRow::number));
    return rows;
  }

  /** The frontends of services, by address and port. */
  public List<FrontendRow> frontends() {
    List<FrontendRow> rows = new ArrayList<>();
    try (ServiceMemory memory = ServiceMemory.ofPins(folder)) {
      Map<Integer, List<BackendRow>> backends = new HashMap<>();
      memory.eachBackend((number, backend) -> {
        if (backend.state() != ServiceMemory.State.GONE) {
          backends
              .computeIfAbsent(backend.frontend(), _ -> new ArrayList<>())
              .add(
                  new BackendRow(
                      number,
                      backend.address(),
                      backend.port(),
                      backend.state() == ServiceMemory.State.ACTIVE));
        }
      });
      each(
          KernelMaps.SERVICES,
          FrontendKeyCodec.CODEC,
          Codec.u32(),
          (key, number) ->
              rows.add(
                  number > 0
                      ? new FrontendRow(
                          key,
                          memory.region(memory.place(number)).map(Region::service).orElse(0),
                          backends.getOrDefault(number, List.of()))
                      : new FrontendRow(key, 0, List.of())));
    }
    rows.sort(Comparator.comparing(FrontendRow::key));
    return rows;
  }

  /** The entries of all compiled policies, by the policy's number. */
  public Map<Integer, List<PolicyRow>> policies() {
    Map<Integer, List<PolicyRow>> rows = new HashMap<>();
    each(
        KernelMaps.POLICY,
        PolicyRecordKey.CODEC,
        PolicyRecord.CODEC,
        (key, entry) ->
            rows.computeIfAbsent(key.policy(), _ -> new ArrayList<>())
                .add(new PolicyRow(key.key(), entry)));
    return rows;
  }

  /** The counters that are not 0. */
  public List<Traffic> traffic() {
    List<Traffic> traffic = new ArrayList<>();
    each(
        KernelMaps.METRICS,
        Codec.u32(),
        Codec.perCpu(MetricsRecord.CODEC),
        (key, cpus) -> MetricsRecord.add(key, cpus, traffic));
    return traffic;
  }

  /** The flows that are known, of both families. */
  public List<ConntrackRow> conntrack() {
    long epoch = epoch();
    int[] near = nearCounters();
    List<ConntrackRow> rows = new ArrayList<>();
    eachFlow((_, key, record) -> {
      int counters = near[NearEpochs.index(key.low())] + near[NearEpochs.index(key.high())];
      if (record.has(ConntrackRecord.NAT)) {
        counters += near[NearEpochs.index(record.nat().address(key.low().family()))];
      }
      boolean stale = record.stamp() != NearEpochs.stamp(epoch, counters);
      rows.add(ConntrackRow.of(key, record, stale));
    });
    return rows;
  }

  private int[] nearCounters() {
    int[] counters = new int[NearEpochs.COUNTERS];
    each(
        KernelMaps.EPOCH_NEAR,
        Codec.u32(),
        Codec.u32(),
        (index, counter) -> counters[index] = counter);
    return counters;
  }

  /** Which verdicts count now; rows with an older one are decided anew. */
  public long epoch() {
    try (var map = BpfMap.openPinned(folder.resolve(KernelMaps.EPOCH), Codec.u32(), Codec.u64())) {
      return map.lookup(0).orElse(0L);
    }
  }

  private <K, V> void each(String name, Codec<K> key, Codec<V> value, BiConsumer<K, V> action) {
    try (BpfMap<K, V> map = BpfMap.openPinned(folder.resolve(name), key, value)) {
      map.forEach(action);
    }
  }

  private interface FlowVisitor {
    void visit(BpfMap<ConntrackKey, ConntrackRecord> map, ConntrackKey key, ConntrackRecord record);
  }

  private void eachFlow(FlowVisitor visitor) {
    for (KernelMaps.FlowTable table : KernelMaps.FLOW_TABLES) {
      try (var map = table.open(folder)) {
        map.forEach((key, record) -> visitor.visit(map, key, record));
      }
    }
  }

  /**
   * Forgets the known flows, of one endpoint or of all; each is decided anew by its next packet.
   *
   * @param endpointId 0 for all
   * @return how many were forgotten
   * @throws BpfException if the maps cannot be opened
   */
  public int flushConntrack(int endpointId) {
    int[] count = new int[1];
    eachFlow((map, key, record) -> {
      boolean meant =
          endpointId == 0
              || record.low().endpoint() == endpointId
              || record.high().endpoint() == endpointId;
      if (meant && map.delete(key)) {
        count[0]++;
      }
    });
    return count[0];
  }
}
