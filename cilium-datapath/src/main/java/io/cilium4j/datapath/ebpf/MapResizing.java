// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.datapath.bpf.BpfException;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.MapSpec;
import io.cilium4j.datapath.bpf.MapType;
import io.cilium4j.datapath.ebpf.KernelMaps.FlowTable;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Pinned maps of an earlier start with other capacities. Each gets another name, the load creates
 * it anew, and its elements are copied before the programs change. A map with more elements than
 * are wanted now keeps its capacity: a start never fails for a size.
 *
 * <p>A kept pin is removed once its elements are copied. While it is there, a start begins again
 * with that map, which the attached programs hold.
 */
final class MapResizing {

  private static final Logger LOG = LoggerFactory.getLogger(MapResizing.class);

  /** Behind a map's name in the name of its kept pin. */
  private static final String KEPT = "@size";

  /** A map whose capacity is an option, as raw elements. */
  private record Sized(String name, int keyBytes, int valueBytes) {

    static Sized of(String name, Codec<?> key, Codec<?> value) {
      return new Sized(name, Math.toIntExact(key.byteSize()), Math.toIntExact(value.byteSize()));
    }

    BpfMap<byte[], byte[]> open(BpfFs pins, String pin) {
      return BpfMap.openPinned(
          pins.pin(pin), Codec.bytes("key", keyBytes), Codec.bytes("value", valueBytes));
    }

    String kept() {
      return name + KEPT;
    }
  }

  private static final List<Sized> SIZED = sized();

  private static List<Sized> sized() {
    List<Sized> all = new ArrayList<>();
    all.add(Sized.of(KernelMaps.POLICY, PolicyRecordKey.CODEC, PolicyRecord.CODEC));
    all.add(Sized.of(KernelMaps.IPCACHE, PrefixKey.CODEC, IpcacheRecord.CODEC));
    for (FlowTable table : KernelMaps.FLOW_TABLES) {
      all.add(Sized.of(table.name(), ConntrackKey.codec(table.family()), ConntrackRecord.CODEC));
    }
    return all;
  }

  private final BpfFs pins;
  private final Map<String, Integer> sizes;

  private MapResizing(BpfFs pins, Map<String, Integer> sizes) {
    this.pins = pins;
    this.sizes = sizes;
  }

  /**
   * Before the load: moves pins of other capacities out of its way.
   *
   * @param wanted capacities by map
   */
  static MapResizing begin(BpfFs pins, Map<String, Integer> wanted) {
    var resizing = new MapResizing(pins, new HashMap<>(wanted));
    for (Sized map : SIZED) {
      // A process that died in the midst of it had attached nothing to the new map.
      resizing.putBack(map);
      resizing.find(map).ifPresent(found -> resizing.keep(map, found));
    }
    return resizing;
  }

  private void keep(Sized map, MapSpec found) {
    int wanted = sizes.getOrDefault(map.name, found.maxEntries());
    if (found.maxEntries() == wanted) {
      return;
    }
    long used = found.type() == MapType.LRU_HASH ? 0 : count(map);
    if (used > wanted) {
      LOG.warn(
          "map keeps its capacity name={} capacity={} wanted={} used={}",
          map.name,
          found.maxEntries(),
          wanted,
          used);
      sizes.put(map.name, found.maxEntries());
      return;
    }
    LOG.info(
        "map gets another capacity name={} from={} to={}", map.name, found.maxEntries(), wanted);
    pins.rename(map.name, map.kept());
  }

  private long count(Sized map) {
    try (var elements = map.open(pins, map.name)) {
      return elements.keys().size();
    }
  }

  /** The pinned map, if it differs in nothing but capacity; what else is there the load tells. */
  private Optional<MapSpec> find(Sized map) {
    if (!Files.exists(pins.pin(map.name))) {
      return Optional.empty();
    }
    try (var found = map.open(pins, map.name)) {
      return Optional.of(found.spec());
    } catch (BpfException e) {
      return Optional.empty();
    }
  }

  private void putBack(Sized map) {
    if (isKept(map)) {
      pins.rename(map.kept(), map.name);
    }
  }

  private boolean isKept(Sized map) {
    return Files.exists(pins.pin(map.kept()));
  }

  /** The capacities to load with. */
  Map<String, Integer> sizes() {
    return sizes;
  }

  /** After the load: copies what the kept maps have, and removes them. */
  void end() {
    for (Sized map : SIZED) {
      if (isKept(map)) {
        try (var from = map.open(pins, map.kept());
            var to = map.open(pins, map.name)) {
          from.forEach(to::put);
        }
        pins.remove(map.kept());
      }
    }
  }

  /** Has the pins as they were, where the load failed. */
  void undo(RuntimeException cause) {
    try {
      SIZED.forEach(this::putBack);
    } catch (RuntimeException e) {
      cause.addSuppressed(e);
    }
  }

  /** Removes the pins of kept maps. */
  static void removeKept(BpfFs pins) {
    SIZED.forEach(map -> pins.remove(map.kept()));
  }
}
