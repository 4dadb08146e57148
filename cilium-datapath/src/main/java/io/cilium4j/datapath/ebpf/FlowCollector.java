// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.Datapath.Collection;
import io.cilium4j.core.spi.Datapath.Peer;
import io.cilium4j.core.spi.Datapath.Table;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.Rcu;
import io.cilium4j.datapath.ebpf.ConntrackRecord.Side;
import io.cilium4j.datapath.ebpf.KernelMaps.FlowTable;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rids conntrack of flows that are over, and brings what each endpoint is charged with in line with
 * what it has. Nothing depends on it: entries that have expired count for nothing, and a full table
 * evicts what was not used for longest. But the programs only add to an endpoint's charge, and a
 * flow that was closed keeps its place, since a reset may be forged, until somebody looks.
 *
 * <p>For one thread at a time; {@link #tables} and {@link #collections} for all.
 */
final class FlowCollector {

  private static final Logger LOG = LoggerFactory.getLogger(FlowCollector.class);

  /** In seconds of the programs; the same numbers as in {@code lib/conntrack.h}. */
  private static final int LIFETIME_TCP = 8000;

  private static final int LIFETIME_SHORT = 60;

  /** How long a flow that was closed stays while there is room. */
  private static final int CLOSING_IDLE = 600;

  /** And where there is little. */
  private static final int CLOSING_IDLE_TIGHT = 10;

  private static final int TCP = 6;

  /** Seconds of the programs have 2^30 nanoseconds. */
  private static final int SECOND_SHIFT = 30;

  /**
   * How soon the tables are looked through again: where there was much to do, where there was none.
   */
  private static final Duration MIN_INTERVAL = Duration.ofSeconds(30);

  private static final Duration MAX_INTERVAL = Duration.ofMinutes(5);

  /** The part of the flows of which it is much that they are over. */
  private static final double MUCH = 0.25;

  private final Path folder;
  private final int share;
  private final IntSupplier now;
  private final Supplier<Set<Integer>> devices;

  private volatile List<Table> tables = List.of();
  private volatile List<Collection> collections = List.of();
  private final Map<IpFamily, Long> runs = new EnumMap<>(IpFamily.class);

  /**
   * @param folder where the maps are pinned
   * @param share of a family's flows that an endpoint may have in the main table in any case
   * @param now in seconds of the programs
   * @param devices of the endpoints that there are
   */
  FlowCollector(Path folder, int share, IntSupplier now, Supplier<Set<Integer>> devices) {
    this.folder = folder;
    this.share = share;
    this.now = now;
    this.devices = devices;
  }

  /** Collects again and again. */
  void start(Scheduler scheduler) {
    schedule(scheduler, MIN_INTERVAL);
  }

  private void schedule(Scheduler scheduler, Duration interval) {
    scheduler.schedule(interval, () -> schedule(scheduler, collectAfter(interval)));
  }

  /** Collects, and says when to do so again. */
  private Duration collectAfter(Duration interval) {
    try {
      double gone = collect();
      if (gone > MUCH || tables.stream().anyMatch(t -> t.used() > t.capacity() / 2)) {
        return MIN_INTERVAL;
      }
    } catch (RuntimeException e) {
      LOG.warn("flows that are over stay for now: {}", e.getMessage());
    }
    Duration next = interval.multipliedBy(2);
    return next.compareTo(MAX_INTERVAL) < 0 ? next : MAX_INTERVAL;
  }

  /** What the programs' clock says. */
  static int seconds() {
    return (int) (System.nanoTime() >>> SECOND_SHIFT);
  }

  /** The tables as the last collection left them. */
  List<Table> tables() {
    return tables;
  }

  /** What the last collection did. */
  List<Collection> collections() {
    return collections;
  }

  /** A flow that was closed and may have to go. */
  private record Closed(ConntrackKey key, int idle, int owner) {}

  /** What a walk over one table found. */
  private static final class Walk {
    final FlowTable table;
    final List<ConntrackKey> expired = new ArrayList<>();
    final List<Closed> closed = new ArrayList<>();
    final Map<Integer, Integer> owners = new HashMap<>();
    long tcp;
    long others;
    long deletedTcp;
    long deletedOthers;
    int capacity;

    Walk(FlowTable table) {
      this.table = table;
    }

    long flows() {
      return tcp + others;
    }

    void count(ConntrackKey key, int flows) {
      if (key.protocol() == TCP) {
        tcp += flows;
      } else {
        others += flows;
      }
    }

    void countDeleted(ConntrackKey key) {
      if (key.protocol() == TCP) {
        deletedTcp++;
      } else {
        deletedOthers++;
      }
    }
  }

  /**
   * Walks all tables once.
   *
   * @return the part of what was there that is gone now, from 0 to 1
   */
  double collect() {
    List<Table> left = new ArrayList<>();
    List<Collection> done = new ArrayList<>();
    Map<IpFamily, Map<Integer, Integer>> charges = new EnumMap<>(IpFamily.class);
    Map<Integer, OwnerRecord> before = owners();
    Map<IpFamily, Integer> beyondBefore = beyond();
    long deleted = 0;
    long alive = 0;
    boolean overflowing = false;
    for (IpFamily family : IpFamily.values()) {
      long start = System.nanoTime();
      List<Walk> walks = new ArrayList<>();
      for (FlowTable table : KernelMaps.FLOW_TABLES) {
        if (table.family() == family) {
          walks.add(collect(table));
        }
      }
      var lasted = Duration.ofNanos(System.nanoTime() - start);
      long count = runs.merge(family, 1L, Long::sum);
      done.add(
          new Collection(
              family,
              "TCP",
              count,
              lasted,
              walks.stream().mapToLong(walk -> walk.tcp).sum(),
              walks.stream().mapToLong(walk -> walk.deletedTcp).sum()));
      done.add(
          new Collection(
              family,
              "non-TCP",
              count,
              lasted,
              walks.stream().mapToLong(walk -> walk.others).sum(),
              walks.stream().mapToLong(walk -> walk.deletedOthers).sum()));
      for (Walk walk : walks) {
        left.add(new Table(walk.table.name(), walk.flows(), walk.capacity));
        alive += walk.flows();
        deleted += walk.deletedTcp + walk.deletedOthers;
        if (walk.table.overflow()) {
          overflowing |= walk.flows() > 0;
        } else {
          charges.put(family, walk.owners);
        }
      }
    }
    charge(before, charges);
    chargeBeyond(beyondBefore, charges);
    if (!overflowing) {
      closeOverflow();
    }
    tables = List.copyOf(left);
    collections = List.copyOf(done);
    return alive + deleted == 0 ? 0 : (double) deleted / (alive + deleted);
  }

  private Walk collect(FlowTable table) {
    var walk = new Walk(table);
    try (var map = table.open(folder)) {
      walk.capacity = map.spec().maxEntries();
      int seconds = now.getAsInt();
      map.forEach((key, record) -> look(key, record, seconds, walk));
      walk.expired.forEach(key -> delete(map, key, seconds, walk));
      boolean tight = walk.flows() > walk.capacity / 2;
      for (Closed closed : walk.closed) {
        boolean little = tight || walk.owners.getOrDefault(closed.owner, 0) > share / 2;
        if (closed.idle >= (little ? CLOSING_IDLE_TIGHT : CLOSING_IDLE)) {
          delete(map, closed.key, seconds, walk);
        }
      }
    }
    return walk;
  }

  private static void look(ConntrackKey key, ConntrackRecord record, int seconds, Walk walk) {
    walk.count(key, 1);
    int owner = record.owner();
    walk.owners.merge(owner, 1, Integer::sum);
    if (isExpired(record, seconds)) {
      walk.expired.add(key);
    } else if (record.has(ConntrackRecord.CLOSING)) {
      int idle = idle(key, record, seconds);
      if (idle >= CLOSING_IDLE_TIGHT) {
        walk.closed.add(new Closed(key, idle, owner));
      }
    }
  }

  private static boolean isExpired(ConntrackRecord record, int seconds) {
    return Integer.compareUnsigned(record.expires(), seconds) <= 0;
  }

  /** Every packet renews a flow's life, which tells when it came. */
  private static int idle(ConntrackKey key, ConntrackRecord record, int seconds) {
    boolean isLong =
        key.protocol() == TCP
            && record.has(ConntrackRecord.REPLIED)
            && !record.has(ConntrackRecord.NO_SYN);
    return seconds - (record.expires() - (isLong ? LIFETIME_TCP : LIFETIME_SHORT));
  }

  /** Unless a packet used it since it was looked at. */
  private static void delete(
      BpfMap<ConntrackKey, ConntrackRecord> map, ConntrackKey key, int seconds, Walk walk) {
    map.lookup(key)
        .filter(record -> isOver(key, record, seconds))
        .filter(_ -> map.delete(key))
        .ifPresent(record -> {
          walk.count(key, -1);
          walk.countDeleted(key);
          walk.owners.merge(record.owner(), -1, Integer::sum);
        });
  }

  private static boolean isOver(ConntrackKey key, ConntrackRecord record, int seconds) {
    return isExpired(record, seconds)
        || (record.has(ConntrackRecord.CLOSING)
            && idle(key, record, seconds) >= CLOSING_IDLE_TIGHT);
  }

  /** As {@link io.cilium4j.core.spi.Datapath#connected}: of TCP what nobody closed. */
  Set<Peer> connected(Set<IpAddress> addresses) {
    Set<Peer> found = new HashSet<>();
    for (FlowTable table : KernelMaps.FLOW_TABLES) {
      if (addresses.stream().anyMatch(each -> each.family() == table.family())) {
        try (var map = table.open(folder)) {
          int seconds = now.getAsInt();
          map.forEach((key, record) -> {
            boolean isOver =
                isExpired(record, seconds)
                    || record.has(ConntrackRecord.CLOSING)
                    || record.has(ConntrackRecord.REVOKED);
            if (!isOver) {
              add(record.low(), key.high(), addresses, found);
              add(record.high(), key.low(), addresses, found);
            }
          });
        }
      }
    }
    return found;
  }

  private static void add(Side own, IpAddress peer, Set<IpAddress> addresses, Set<Peer> to) {
    if (own.endpoint() != 0 && addresses.contains(peer)) {
      to.add(new Peer(own.endpoint(), peer));
    }
  }

  // ---- what endpoints are charged with

  /** The endpoints' charges by their devices. */
  Map<Integer, OwnerRecord> owners() {
    Map<Integer, OwnerRecord> owners = new HashMap<>();
    try (var map = openOwners()) {
      map.forEach(owners::put);
    }
    return owners;
  }

  private BpfMap<Integer, OwnerRecord> openOwners() {
    return BpfMap.openPinned(folder.resolve(KernelMaps.OWNERS), Codec.u32(), OwnerRecord.CODEC);
  }

  /** The programs go on counting meanwhile: what came since the beginning is added. */
  private void charge(
      Map<Integer, OwnerRecord> before, Map<IpFamily, Map<Integer, Integer>> charges) {
    Set<Integer> present = devices.get();
    try (var map = openOwners()) {
      map.forEach((device, charged) -> {
        if (!present.contains(device)) {
          map.delete(device);
          return;
        }
        OwnerRecord then = before.getOrDefault(device, new OwnerRecord(0, 0, 0));
        var right =
            new OwnerRecord(
                counted(IpFamily.IPV4, device, charges) + since(IpFamily.IPV4, then, charged),
                counted(IpFamily.IPV6, device, charges) + since(IpFamily.IPV6, then, charged),
                charged.overflowed());
        if (!right.equals(charged)) {
          map.put(device, right);
        }
      });
    }
  }

  /** The flows beyond shares, by family. */
  Map<IpFamily, Integer> beyond() {
    Map<IpFamily, Integer> beyond = new EnumMap<>(IpFamily.class);
    try (var map = openBeyond()) {
      for (IpFamily family : IpFamily.values()) {
        beyond.put(family, map.lookup(index(family)).orElse(0));
      }
    }
    return beyond;
  }

  private static int index(IpFamily family) {
    return family == IpFamily.IPV4 ? 0 : 1;
  }

  private BpfMap<Integer, Integer> openBeyond() {
    return BpfMap.openPinned(folder.resolve(KernelMaps.BEYOND), Codec.u32(), Codec.u32());
  }

  private void chargeBeyond(
      Map<IpFamily, Integer> before, Map<IpFamily, Map<Integer, Integer>> charges) {
    Map<IpFamily, Integer> now = beyond();
    try (var map = openBeyond()) {
      for (IpFamily family : IpFamily.values()) {
        int counted =
            charges.getOrDefault(family, Map.of()).values().stream()
                .mapToInt(flows -> Math.max(0, flows - share))
                .sum();
        int since = Math.max(0, now.getOrDefault(family, 0) - before.getOrDefault(family, 0));
        map.put(index(family), counted + since);
      }
    }
  }

  private static int counted(
      IpFamily family, int device, Map<IpFamily, Map<Integer, Integer>> charges) {
    return charges.getOrDefault(family, Map.of()).getOrDefault(device, 0);
  }

  private static int since(IpFamily family, OwnerRecord then, OwnerRecord now) {
    return Math.max(0, now.flows(family) - then.flows(family));
  }

  /**
   * Lets packets look in the main tables only. A program that enters a flow in an overflow table
   * may have seen that it was open: once none of these runs, the tables are looked at again.
   */
  private void closeOverflow() {
    try (var epochs =
        BpfMap.openPinned(folder.resolve(KernelMaps.EPOCH), Codec.u32(), Codec.u64())) {
      if (epochs.lookup(KernelMaps.OVERFLOWING).orElse(0L) == 0) {
        return;
      }
      epochs.put(KernelMaps.OVERFLOWING, 0L);
      Rcu.synchronize();
      for (FlowTable table : KernelMaps.FLOW_TABLES) {
        if (table.overflow() && !isEmpty(table)) {
          epochs.put(KernelMaps.OVERFLOWING, 1L);
        }
      }
    }
  }

  private boolean isEmpty(FlowTable table) {
    try (var map = table.open(folder)) {
      return map.keys().isEmpty();
    }
  }
}
