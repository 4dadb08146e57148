// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.MapSpec;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The maps that programs and agent share, typed and pinned. Pinned under their own names in the
 * instance's folder, so that they outlive the process and other tools find them.
 */
record KernelMaps(
    BpfMap<Integer, Long> epoch,
    NearEpochs near,
    BpfMap<Integer, EndpointRecord> endpoints,
    BpfMap<IpAddress, Integer> addresses,
    BpfMap<IpPrefix, IpcacheRecord> ipcache,
    BpfMap<PolicyRecordKey, PolicyRecord> policy,
    BpfMap<Integer, NodeRecord> nodes,
    BpfMap<FrontendKey, Integer> services,
    ServiceMemory serviceMemory,
    FrontendAddresses frontendAddresses,
    BpfMap<Integer, List<MetricsRecord>> metrics)
    implements AutoCloseable {

  static final String EPOCH = "cilium_epoch";

  /** The element of {@link #EPOCH} that counts the writes of endpoint rows. */
  static final int ROW_WRITES = 1;

  /** The element that is not 0 while flows may stand in the overflow tables. */
  static final int OVERFLOWING = 2;

  static final String EPOCH_NEAR = "cilium_epoch_near";
  static final String ENDPOINTS = "cilium_endpoints";
  static final String ADDRESSES = "cilium_lxc";
  static final String IPCACHE = "cilium_ipcache";
  static final String POLICY = "cilium_policy";
  static final String NODES = "cilium_nodes";

  /** What clients of services ask, and the number of the frontend. */
  static final String SERVICES = "cilium_lb_services";

  /** How many frontends have an address of a hash. */
  static final String FRONTEND_ADDRESSES = "cilium_lb_addresses";

  static final String FRONTENDS = "cilium_lb_frontends";
  static final String REGIONS = "cilium_lb_regions";
  static final String BACKENDS = "cilium_lb_backends";

  /** Which frontend a socket of the node asked; only where sockets can be looked at. */
  static final String REVERSE_SOCKETS = "cilium_lb_reverse_sk";

  static final String CONNTRACK4 = "cilium_ct4_global";
  static final String CONNTRACK6 = "cilium_ct6_global";
  static final String OVERFLOW4 = "cilium_ct4_overflow";
  static final String OVERFLOW6 = "cilium_ct6_overflow";
  static final String OWNERS = "cilium_ct_owners";

  /** How many flows of a family (0: IPv4) stand in the main table beyond their owners' shares. */
  static final String BEYOND = "cilium_ct_beyond";

  /** The proxy's listeners; only where there is a place for one. */
  static final String LISTENERS = "cilium_listeners";

  static final String METRICS = "cilium_metrics";
  static final String EVENTS = "cilium_events";

  /** Where the last packet of a CPU went; only {@link Recording} fills and pins it. */
  static final String TEST = "cilium_test";

  /** Every map that is pinned; the rest (scratch, constants) belong to one loaded object. */
  static final List<String> PINNED =
      List.of(
          EPOCH,
          EPOCH_NEAR,
          ENDPOINTS,
          ADDRESSES,
          IPCACHE,
          POLICY,
          NODES,
          SERVICES,
          FRONTEND_ADDRESSES,
          FRONTENDS,
          REGIONS,
          BACKENDS,
          "cilium_lb_affinity",
          CONNTRACK4,
          CONNTRACK6,
          OVERFLOW4,
          OVERFLOW6,
          OWNERS,
          BEYOND,
          "cilium_frags",
          METRICS,
          "cilium_ratelimit",
          EVENTS);

  /** Those that are pinned where there is what they are for. */
  static final List<String> OPTIONAL = List.of(LISTENERS, REVERSE_SOCKETS);

  /**
   * A table of flows.
   *
   * @param overflow whether it is for what goes beyond an endpoint's share
   */
  record FlowTable(String name, IpFamily family, boolean overflow) {

    /** The table of this name that is pinned in a folder. */
    BpfMap<ConntrackKey, ConntrackRecord> open(Path folder) {
      return BpfMap.openPinned(
          folder.resolve(name), ConntrackKey.codec(family), ConntrackRecord.CODEC);
    }
  }

  static final List<FlowTable> FLOW_TABLES =
      List.of(
          new FlowTable(CONNTRACK4, IpFamily.IPV4, false),
          new FlowTable(CONNTRACK6, IpFamily.IPV6, false),
          new FlowTable(OVERFLOW4, IpFamily.IPV4, true),
          new FlowTable(OVERFLOW6, IpFamily.IPV6, true));

  /** The part of the main table of a family that one endpoint may have in any case. */
  private static final int SHARES = 8;

  /** The part of it that all together may have beyond their shares. */
  private static final int SPARE_PART = 2;

  /** How much smaller than the main table the one is for what goes beyond an endpoint's share. */
  private static final int OVERFLOW_PART = 4;

  /**
   * Sizes the maps of an object that is not yet loaded, and has them pinned or found by pin. An
   * object has those maps that its program needs.
   *
   * @param sizes the capacities that are not those of the object
   */
  static void declare(
      BpfObject object,
      BpfFs pins,
      Limits limits,
      Map<String, Integer> sizes,
      Recording recording) {
    for (MapSpec spec : object.mapSpecs()) {
      String name = spec.name();
      if (PINNED.contains(name) || OPTIONAL.contains(name)) {
        object.pinPath(name, pins.pin(name));
        object.maxEntries(name, sizes.getOrDefault(name, spec.maxEntries()));
      }
    }
    object.setConst("cfg_ct_share", share(limits));
    object.setConst("cfg_ct_spare", limits.conntrackEntries() / SPARE_PART);
    if (recording == Recording.ON) {
      object.setConst("cfg_test", 1).pinPath(TEST, pins.pin(TEST));
    }
  }

  /**
   * Has the maps of an object that is not yet loaded pinned or found by pin, as large as they are.
   */
  static void share(BpfObject object, BpfFs pins) {
    for (MapSpec spec : object.mapSpecs()) {
      if (PINNED.contains(spec.name()) || OPTIONAL.contains(spec.name())) {
        object.pinPath(spec.name(), pins.pin(spec.name()));
      }
    }
  }

  /** Flows of a family that an endpoint may have in the main table in any case. */
  static int share(Limits limits) {
    return limits.conntrackEntries() / SHARES;
  }

  /** The capacities that are not those of the object. */
  static Map<String, Integer> sizes(Limits limits) {
    int flows = limits.conntrackEntries();
    return Map.of(
        POLICY,
        limits.policyEntries(),
        IPCACHE,
        limits.ipcacheEntries(),
        CONNTRACK4,
        flows,
        CONNTRACK6,
        flows,
        OVERFLOW4,
        flows / OVERFLOW_PART,
        OVERFLOW6,
        flows / OVERFLOW_PART);
  }

  /** The maps of a loaded object. */
  static KernelMaps of(BpfObject object) {
    return new KernelMaps(
        object.map(EPOCH, Codec.u32(), Codec.u64()),
        nearEpochs(object),
        object.map(ENDPOINTS, Codec.u32(), EndpointRecord.CODEC),
        object.map(ADDRESSES, AddressKey.CODEC, Codec.u32()),
        object.map(IPCACHE, PrefixKey.CODEC, IpcacheRecord.CODEC),
        object.map(POLICY, PolicyRecordKey.CODEC, PolicyRecord.CODEC),
        object.map(NODES, Codec.u32(), NodeRecord.CODEC),
        object.map(SERVICES, FrontendKeyCodec.CODEC, Codec.u32()),
        serviceMemory(object),
        frontendAddresses(object),
        object.map(METRICS, Codec.u32(), Codec.perCpu(MetricsRecord.CODEC)));
  }

  private static ServiceMemory serviceMemory(BpfObject object) {
    try (BpfMap<Integer, Integer> frontends = object.map(FRONTENDS, Codec.u32(), Codec.u32());
        BpfMap<Integer, byte[]> regions =
            object.map(
                REGIONS, Codec.u32(), Codec.bytes("lb_region", ServiceMemory.ELEMENT_WORDS * 4));
        BpfMap<Integer, byte[]> backends =
            object.map(
                BACKENDS,
                Codec.u32(),
                Codec.bytes("lb_backend", (int) ServiceMemory.BACKEND.byteSize()))) {
      return new ServiceMemory(frontends.mapMemory(), regions.mapMemory(), backends.mapMemory());
    }
  }

  private static FrontendAddresses frontendAddresses(BpfObject object) {
    try (BpfMap<Integer, Integer> map = object.map(FRONTEND_ADDRESSES, Codec.u32(), Codec.u32())) {
      return new FrontendAddresses(map.mapMemory());
    }
  }

  private static NearEpochs nearEpochs(BpfObject object) {
    try (BpfMap<Integer, Integer> map = object.map(EPOCH_NEAR, Codec.u32(), Codec.u32())) {
      return new NearEpochs(map.mapMemory());
    }
  }

  @Override
  public void close() {
    epoch.close();
    near.close();
    endpoints.close();
    addresses.close();
    ipcache.close();
    policy.close();
    nodes.close();
    services.close();
    serviceMemory.close();
    frontendAddresses.close();
    metrics.close();
  }
}
