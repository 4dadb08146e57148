// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.MapSpec;
import io.cilium4j.datapath.bpf.Seam;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The pins of a datapath that is closed, made what an agent with maps of layout 1 leaves. */
final class Layout1 {

  /** The maps that were there already and are what they were. */
  private static final List<String> UNCHANGED =
      List.of(
          KernelMaps.ENDPOINTS,
          KernelMaps.ADDRESSES,
          KernelMaps.POLICY,
          KernelMaps.METRICS,
          KernelMaps.EVENTS);

  private static final int EXPIRES_LATE = Integer.MAX_VALUE;

  private final BpfFs pins;
  final long epoch;
  final long rowWrites;
  final Map<IpPrefix, IpcacheRecord> ipcache = new HashMap<>();

  Layout1(BpfFs pins) {
    this.pins = pins;
    try (var map = BpfMap.openPinned(pins.pin(KernelMaps.EPOCH), Codec.u32(), Codec.u64())) {
      epoch = map.lookup(0).orElseThrow();
      rowWrites = map.lookup(KernelMaps.ROW_WRITES).orElseThrow();
    }
    try (var map =
        BpfMap.openPinned(pins.pin(KernelMaps.IPCACHE), PrefixKey.CODEC, IpcacheRecord.CODEC)) {
      map.forEach(ipcache::put);
    }
    LayoutNumber.remove(pins);
    KernelMaps.PINNED.stream().filter(name -> !UNCHANGED.contains(name)).forEach(pins::remove);
    try (BpfObject object = Seam.open("layout1")) {
      object.mapSpecs().stream()
          .map(MapSpec::name)
          .forEach(name -> object.pinPath(name, pins.pin(name)));
      object.load();
      try (var map = object.map(KernelMaps.EPOCH, Codec.u32(), Codec.u64())) {
        map.put(0, epoch);
        map.put(1, rowWrites);
      }
      try (var map = object.map(KernelMaps.IPCACHE, PrefixKey.CODEC, Codec.bytes("value", 16))) {
        ipcache.forEach((prefix, record) ->
            map.put(
                prefix,
                ByteBuffer.allocate(16)
                    .order(ByteOrder.nativeOrder())
                    .putLong(0, record.since())
                    .putInt(8, record.before().identity())
                    .putInt(12, record.after().identity())
                    .array()));
      }
    }
  }

  /**
   * A flow that was answered, between two pods of which the first has the lower address.
   *
   * @param flags as in C; by 1 it began at the high end
   */
  void putFlow(ConntrackKey key, Pod low, Pod high, int flags) {
    putFlow(key, ifindex(low), ifindex(high), flags);
  }

  void putFlow(ConntrackKey key, int low, int high, int flags) {
    byte[] entry =
        ByteBuffer.allocate(40)
            .order(ByteOrder.nativeOrder())
            .putLong(0, epoch)
            .putInt(8, low)
            .putInt(20, high)
            .putInt(32, EXPIRES_LATE)
            .putShort(36, (short) flags)
            .array();
    IpFamily family = key.low().family();
    String name = family == IpFamily.IPV4 ? KernelMaps.CONNTRACK4 : KernelMaps.CONNTRACK6;
    try (var map =
        BpfMap.openPinned(pins.pin(name), ConntrackKey.codec(family), Codec.bytes("ct", 40))) {
      map.put(key, entry);
    }
  }

  static int ifindex(Pod pod) {
    return pod.endpoint().device().hostIfindex();
  }

  /** A key of layout 1. */
  static ConntrackKey key(IpAddress low, int lowPort, IpAddress high, int highPort, int protocol) {
    return new ConntrackKey(low, lowPort, high, highPort, protocol, 0);
  }

  /** Whether all maps that changed are pinned as layout 1 has them, and no others of today's. */
  boolean isUntouched() {
    try (var map = BpfMap.openPinned(pins.pin(KernelMaps.EPOCH), Codec.u32(), Codec.u64())) {
      return map.spec().maxEntries() == 2
          && Files.notExists(pins.pin(KernelMaps.OVERFLOW4))
          && !hasKept();
    }
  }

  boolean hasKept() {
    return pins.list().stream()
        .anyMatch(pin -> pin.getFileName().toString().endsWith(LayoutMigration.KEPT));
  }
}
