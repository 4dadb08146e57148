// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.bpf.BpfException;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.MapSpec;
import io.cilium4j.datapath.bpf.MapType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes over pinned maps of layout 1, the one before the present. Pins of maps whose layout changed
 * get another name, the load creates those maps anew, and what was in the old ones is copied.
 * Meanwhile the programs that are attached decide by the old maps, which they hold; flows that
 * begin between the copy and the attachment of the present programs are not known to these.
 *
 * <p>The kept pin of the epoch is made first and removed last: while it is there, a start takes the
 * migration up and copies again. A load that fails puts the pins back, so that the former agent can
 * be started again.
 */
final class LayoutMigration {

  private static final Logger LOG = LoggerFactory.getLogger(LayoutMigration.class);

  /** Behind a map's name in the name of its kept pin. */
  static final String KEPT = "@1";

  private static final int LAYOUT_1_ELEMENTS = 2;
  private static final int LAYOUT_1_IPCACHE_BYTES = 16;
  private static final int LAYOUT_1_FLOW_BYTES = 40;

  /** A map as it was in layout 1. */
  private record Former(String name, MapType type, int keyBytes, int valueBytes) {}

  /** The maps that changed; the epoch first. */
  private static final List<Former> FORMER =
      List.of(
          new Former(KernelMaps.EPOCH, MapType.ARRAY, Integer.BYTES, Long.BYTES),
          new Former(KernelMaps.IPCACHE, MapType.LPM_TRIE, 24, LAYOUT_1_IPCACHE_BYTES),
          new Former(KernelMaps.CONNTRACK4, MapType.LRU_HASH, 16, LAYOUT_1_FLOW_BYTES),
          new Former(KernelMaps.CONNTRACK6, MapType.LRU_HASH, 40, LAYOUT_1_FLOW_BYTES),
          // Nothing is copied of these: they begin anew.
          new Former("cilium_frags", MapType.LRU_HASH, 40, 8),
          new Former("cilium_ratelimit", MapType.LRU_HASH, 8, 16));

  // struct ct_entry of layout 1; the sides are as they were.
  private static final int SIDES = 8;
  private static final int SIDE_BYTES = 12;
  private static final int SIDE_ENDPOINT = 10;
  private static final int EXPIRES = 32;
  private static final int FLAGS = 36;
  private static final int PROXY_PORT = 38;

  /** The flags of layout 1, which mean the same now. */
  private static final int KNOWN_FLAGS = 0x1f;

  private static final int ICMP = 1;
  private static final int ICMPV6 = 58;
  private static final int ECHO_REQUEST = 8;
  private static final int ECHO_REQUEST_V6 = 128;

  private final BpfFs pins;

  /** What was pinned before; empty once there is no way back. */
  private Set<Path> before = Set.of();

  private LayoutMigration(BpfFs pins) {
    this.pins = pins;
  }

  /**
   * Before the load: moves pins of layout 1 out of its way, or does nothing where there are none.
   */
  static LayoutMigration begin(BpfFs pins) {
    var migration = new LayoutMigration(pins);
    if (!migration.isKept(KernelMaps.EPOCH)) {
      if (!migration.isLayout1()) {
        return migration;
      }
      migration.before = Set.copyOf(pins.list());
    }
    for (Former map : FORMER) {
      if (migration.find(map).filter(spec -> isLayout1(map, spec)).isPresent()) {
        pins.rename(map.name, map.name + KEPT);
      }
    }
    return migration;
  }

  /** Whether the epoch is of layout 1 and no other map is of a third kind. */
  private boolean isLayout1() {
    return Files.exists(pins.pin(KernelMaps.EPOCH))
        && FORMER.stream()
            .filter(map -> Files.exists(pins.pin(map.name)))
            .allMatch(map -> find(map).filter(spec -> isLayout1(map, spec)).isPresent());
  }

  private static boolean isLayout1(Former map, MapSpec spec) {
    return spec.type() == map.type
        && (!map.name.equals(KernelMaps.EPOCH) || spec.maxEntries() == LAYOUT_1_ELEMENTS);
  }

  /**
   * The pinned map, if it has the sizes of layout 1; what else is there the load complains about.
   */
  private Optional<MapSpec> find(Former map) {
    if (!Files.exists(pins.pin(map.name))) {
      return Optional.empty();
    }
    try (var found =
        BpfMap.openPinned(
            pins.pin(map.name),
            Codec.bytes("key", map.keyBytes),
            Codec.bytes("value", map.valueBytes))) {
      return Optional.of(found.spec());
    } catch (BpfException e) {
      return Optional.empty();
    }
  }

  private boolean isKept(String name) {
    return Files.exists(kept(name));
  }

  private Path kept(String name) {
    return pins.pin(name + KEPT);
  }

  /** After the load: copies what the kept maps have. Doing so again changes nothing. */
  void copy() {
    if (!isKept(KernelMaps.EPOCH)) {
      return;
    }
    // Before the rows, which say from which epoch on they count.
    copyEpoch();
    if (isKept(KernelMaps.IPCACHE)) {
      copyIpcache();
    }
    Map<IpAddress, EndpointRecord> local = new HashMap<>();
    try (var endpoints =
        BpfMap.openPinned(pins.pin(KernelMaps.ENDPOINTS), Codec.u32(), EndpointRecord.CODEC)) {
      endpoints.forEach((_, row) -> row.addresses().forEach(address -> local.put(address, row)));
    }
    if (isKept(KernelMaps.CONNTRACK4)) {
      copyFlows(KernelMaps.CONNTRACK4, IpFamily.IPV4, local);
    }
    if (isKept(KernelMaps.CONNTRACK6)) {
      copyFlows(KernelMaps.CONNTRACK6, IpFamily.IPV6, local);
    }
    LOG.info("took over maps of the former layout");
  }

  private void copyEpoch() {
    try (var from = BpfMap.openPinned(kept(KernelMaps.EPOCH), Codec.u32(), Codec.u64());
        var to = BpfMap.openPinned(pins.pin(KernelMaps.EPOCH), Codec.u32(), Codec.u64())) {
      from.forEach(to::put);
    }
  }

  private void copyIpcache() {
    try (var from =
            BpfMap.openPinned(
                kept(KernelMaps.IPCACHE),
                PrefixKey.CODEC,
                Codec.bytes("ipcache_value", LAYOUT_1_IPCACHE_BYTES));
        var to =
            BpfMap.openPinned(pins.pin(KernelMaps.IPCACHE), PrefixKey.CODEC, IpcacheRecord.CODEC)) {
      from.forEach((prefix, value) -> {
        ByteBuffer row = ByteBuffer.wrap(value).order(ByteOrder.nativeOrder());
        to.put(prefix, new IpcacheRecord(row.getLong(0), row.getInt(8), row.getInt(12)));
      });
    }
  }

  private void copyFlows(String table, IpFamily family, Map<IpAddress, EndpointRecord> local) {
    try (var from =
            BpfMap.openPinned(
                kept(table),
                ConntrackKey.codec(family),
                Codec.bytes("ct_entry", LAYOUT_1_FLOW_BYTES));
        var to =
            BpfMap.openPinned(
                pins.pin(table),
                ConntrackKey.codec(family),
                Codec.bytes("ct_entry", Math.toIntExact(ConntrackRecord.CODEC.byteSize())))) {
      from.forEach((key, value) -> {
        ByteBuffer entry = ByteBuffer.wrap(value).order(ByteOrder.nativeOrder());
        key(key, entry).ifPresent(present -> to.put(present, entry(present, entry, local)));
      });
    }
  }

  /**
   * Of an echo both ports were the identifier; of other ICMP messages, which have no flow that is
   * worth keeping, they differ.
   */
  private static Optional<ConntrackKey> key(ConntrackKey key, ByteBuffer entry) {
    if (key.protocol() != ICMP && key.protocol() != ICMPV6) {
      return Optional.of(key);
    }
    if (key.lowPort() != key.highPort()) {
      return Optional.empty();
    }
    int id = key.lowPort();
    int type = key.protocol() == ICMP ? ECHO_REQUEST : ECHO_REQUEST_V6;
    boolean fromHigh = (entry.getShort(FLAGS) & ConntrackRecord.INITIATOR_HIGH) != 0;
    return Optional.of(
        new ConntrackKey(
            key.low(),
            fromHigh ? type : id,
            key.high(),
            fromHigh ? id : type,
            key.protocol(),
            fromHigh ? 2 : 1));
  }

  /**
   * With a stamp of no epoch, so that policy is asked about the flow's next packet, and of the
   * endpoints that have its addresses.
   */
  private static byte[] entry(
      ConntrackKey key, ByteBuffer old, Map<IpAddress, EndpointRecord> local) {
    int flags = old.getShort(FLAGS) & KNOWN_FLAGS;
    ByteBuffer entry =
        ByteBuffer.allocate(Math.toIntExact(ConntrackRecord.CODEC.byteSize()))
            .order(ByteOrder.nativeOrder())
            .put(offset("side"), old, SIDES, 2 * SIDE_BYTES)
            .putInt(offset("expires"), old.getInt(EXPIRES))
            .putShort(offset("proxy_port"), old.getShort(PROXY_PORT));
    List<IpAddress> ends = List.of(key.low(), key.high());
    for (int end = 0; end < ends.size(); end++) {
      EndpointRecord row = local.get(ends.get(end));
      int ifindex = old.getInt(SIDES + end * SIDE_BYTES);
      if (row == null || (ifindex != 0 && ifindex != row.ifindex())) {
        continue;
      }
      if (ifindex == 0) {
        // The endpoint's packets went by the stack, which translated addresses.
        flags |= ConntrackRecord.VIA_STACK;
      }
      entry
          .putShort(offset("side") + end * SIDE_BYTES + SIDE_ENDPOINT, (short) row.id())
          .putInt(offset("identity") + end * Integer.BYTES, row.after().identity());
    }
    return entry.putShort(offset("flags"), (short) flags).array();
  }

  private static int offset(String field) {
    return Math.toIntExact(Fields.offset(ConntrackRecord.CODEC.layout(), field));
  }

  /** After the copy: the old maps go. */
  void end() {
    before = Set.of();
    removeKept(pins);
  }

  /** Has the pins as they were, where nothing came of the migration that this process began. */
  void undo(RuntimeException cause) {
    if (before.isEmpty()) {
      return;
    }
    try {
      KernelMaps.PINNED.stream()
          .filter(name -> !before.contains(pins.pin(name)))
          .forEach(pins::remove);
      for (Former map : FORMER.reversed()) {
        if (isKept(map.name)) {
          pins.rename(map.name + KEPT, map.name);
        }
      }
    } catch (RuntimeException e) {
      cause.addSuppressed(e);
    }
  }

  /** Removes the pins of old maps, of the epoch last. */
  static void removeKept(BpfFs pins) {
    FORMER.reversed().forEach(map -> pins.remove(map.name + KEPT));
  }
}
