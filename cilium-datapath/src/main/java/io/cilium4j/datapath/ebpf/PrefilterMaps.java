// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.MapMemory;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The list of prefixes to drop as the program reads it. What is on the list before and after a
 * change is on it all the time.
 *
 * <p>Not safe for use by several threads.
 */
final class PrefilterMaps implements AutoCloseable {

  private final MapMemory blocks4;
  private final MapMemory blocks6;
  private final BpfMap<IpAddress, Integer> hosts;
  private final BpfMap<IpPrefix, Integer> nets;
  private final BpfMap<IpPrefix, Integer> wide;
  private final BpfMap<Integer, Integer> counts;

  /** What may have a row. */
  private final Set<IpPrefix> rows = new HashSet<>();

  /** The maps of a loaded object, empty still. */
  PrefilterMaps(BpfObject object) {
    this.blocks4 = memory(object, "cilium_prefilter4");
    this.blocks6 = memory(object, "cilium_prefilter6");
    this.hosts = object.map("cilium_prefilter_hosts", AddressKey.CODEC, Codec.u32());
    this.nets = object.map("cilium_prefilter_nets", PrefixKey.CODEC, Codec.u32());
    this.wide = object.map("cilium_prefilter_wide", PrefixKey.CODEC, Codec.u32());
    this.counts = object.map("cilium_prefilter_counts", Codec.u32(), Codec.u32());
  }

  private static MapMemory memory(BpfObject object, String name) {
    try (BpfMap<Integer, Long> map = object.map(name, Codec.u32(), Codec.u64())) {
      return map.mapMemory();
    }
  }

  /** Where a prefix has its row; the numbers are those of {@code lib/prefilter.h}. */
  private enum Place {
    HOSTS(0),
    NETS(1),
    WIDE(2),
    /** Bits stand for it. */
    NOWHERE(-1);

    private final int number;

    Place(int number) {
      this.number = number;
    }

    static Place of(IpPrefix prefix) {
      if (PrefilterBlocks.isWhole(prefix)) {
        return NOWHERE;
      }
      if (prefix.isHost()) {
        return HOSTS;
      }
      return prefix.length() < PrefilterBlocks.prefixLength(prefix.family()) ? WIDE : NETS;
    }
  }

  /**
   * Makes the list another one: first what is new gets rows, then bits lead to all rows and no
   * others, then the rest is deleted.
   */
  void write(Set<IpPrefix> wanted) {
    for (IpPrefix prefix : wanted) {
      if (Place.of(prefix) != Place.NOWHERE && rows.add(prefix)) {
        put(prefix);
      }
    }
    writeCounts();
    new PrefilterBlocks(IpFamily.IPV4).write(wanted, blocks4);
    new PrefilterBlocks(IpFamily.IPV6).write(wanted, blocks6);
    for (IpPrefix prefix : Set.copyOf(rows)) {
      if (!wanted.contains(prefix)) {
        delete(prefix);
        rows.remove(prefix);
      }
    }
    writeCounts();
  }

  private void put(IpPrefix prefix) {
    try {
      switch (Place.of(prefix)) {
        case HOSTS -> hosts.put(prefix.address(), 1);
        case NETS -> nets.put(prefix, 1);
        case WIDE -> wide.put(prefix, 1);
        case NOWHERE -> {}
      }
    } catch (RuntimeException e) {
      rows.remove(prefix);
      throw e;
    }
  }

  private void delete(IpPrefix prefix) {
    boolean _ =
        switch (Place.of(prefix)) {
          case HOSTS -> hosts.delete(prefix.address());
          case NETS -> nets.delete(prefix);
          case WIDE -> wide.delete(prefix);
          case NOWHERE -> false;
        };
  }

  private void writeCounts() {
    Map<Place, Integer> found = new EnumMap<>(Place.class);
    rows.forEach(prefix -> found.merge(Place.of(prefix), 1, Integer::sum));
    for (Place place : List.of(Place.HOSTS, Place.NETS, Place.WIDE)) {
      counts.put(place.number, found.getOrDefault(place, 0));
    }
  }

  @Override
  public void close() {
    blocks4.close();
    blocks6.close();
    hosts.close();
    nets.close();
    wide.close();
    counts.close();
  }
}
