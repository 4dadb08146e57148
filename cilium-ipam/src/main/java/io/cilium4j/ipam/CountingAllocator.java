// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.state.Table;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToLongFunction;

/** An allocator that counts the addresses that it gives out and takes back. */
public final class CountingAllocator implements IpamAllocator {
  private final IpamAllocator ipam;

  private final Counter given = new Counter();
  private final Counter takenBack = new Counter();

  /** A counter for each family. */
  private static final class Counter {
    private final LongAdder ofV4 = new LongAdder();
    private final LongAdder ofV6 = new LongAdder();

    LongAdder of(IpFamily family) {
      return switch (family) {
        case IPV4 -> ofV4;
        case IPV6 -> ofV6;
      };
    }
  }

  /** Counts what goes through it from now on. */
  public CountingAllocator(IpamAllocator ipam) {
    this.ipam = ipam;
  }

  @Override
  public Set<IpFamily> families() {
    return ipam.families();
  }

  @Override
  public Optional<IpAddress> router(IpFamily family) {
    return ipam.router(family);
  }

  @Override
  public IpAddress allocate(IpFamily family, String owner) {
    IpAddress address = ipam.allocate(family, owner);
    given.of(family).increment();
    return address;
  }

  @Override
  public IpAddress allocate(IpFamily family, String owner, String pool) {
    IpAddress address = ipam.allocate(family, owner, pool);
    given.of(family).increment();
    return address;
  }

  @Override
  public Map<IpFamily, IpAddress> allocate(
      Map<IpFamily, String> pools, String owner, Duration patience) {
    Map<IpFamily, IpAddress> addresses = ipam.allocate(pools, owner, patience);
    addresses.keySet().forEach(family -> given.of(family).increment());
    return addresses;
  }

  @Override
  public List<PoolUsage> poolUsage() {
    return ipam.poolUsage();
  }

  @Override
  public void problemsChanged(String operatorProblems) {
    ipam.problemsChanged(operatorProblems);
  }

  @Override
  public String defaultPool() {
    return ipam.defaultPool();
  }

  @Override
  public Table<IpPrefix, String> prefixes() {
    return ipam.prefixes();
  }

  @Override
  public Optional<Table<String, PoolClaim>> claims() {
    return ipam.claims();
  }

  @Override
  public void trim() {
    ipam.trim();
  }

  @Override
  public void claim(IpAddress address, String owner) {
    boolean isNew = ipam.allocations().get(address).isEmpty();
    ipam.claim(address, owner);
    if (isNew) {
      given.of(address.family()).increment();
    }
  }

  @Override
  public boolean release(IpAddress address, String owner) {
    boolean released = ipam.release(address, owner);
    if (released) {
      takenBack.of(address.family()).increment();
    }
    return released;
  }

  @Override
  public Table<IpAddress, String> allocations() {
    return ipam.allocations();
  }

  @Override
  public long free(IpFamily family) {
    return ipam.free(family);
  }

  @Override
  public void nodeChanged(Node node) {
    ipam.nodeChanged(node);
  }

  /** Families that there are no addresses of are left out, and what is of pools without them. */
  public List<MetricFamily> metrics() {
    List<PoolUsage> pools = ipam.poolUsage();
    var all = new ArrayList<>(metrics(pools));
    if (!pools.isEmpty()) {
      all.addAll(poolMetrics(pools));
    }
    return all;
  }

  private List<MetricFamily> metrics(List<PoolUsage> pools) {
    List<Sample> used = new ArrayList<>();
    List<Sample> capacity = new ArrayList<>();
    List<Sample> events = new ArrayList<>();
    for (IpFamily family : new TreeSet<>(ipam.families())) {
      String name = name(family);
      long inUse =
          ipam.allocations().snapshot().stream()
              .filter(row -> row.key().family() == family)
              .count();
      long free = pools.isEmpty() ? ipam.free(family) : free(pools, family);
      used.add(Sample.Value.of(Map.of("family", name), inUse));
      if (free != Long.MAX_VALUE) {
        capacity.add(Sample.Value.of(Map.of("family", name), inUse + free));
      }
      addEvents("allocate", name, given.of(family).sum(), events);
      addEvents("release", name, takenBack.of(family).sum(), events);
    }
    return List.of(
        new MetricFamily("cilium_ip_addresses", Kind.GAUGE, "Addresses in use", used),
        new MetricFamily(
            "cilium_ipam_capacity", Kind.GAUGE, "Addresses in use and free together", capacity),
        new MetricFamily(
            "cilium_ipam_events_total",
            Kind.COUNTER,
            "Addresses given out and taken back",
            events));
  }

  private static String name(IpFamily family) {
    return family.name().toLowerCase(Locale.ROOT);
  }

  /** Of all pools. */
  private static long free(List<PoolUsage> pools, IpFamily family) {
    long sum = 0;
    for (PoolUsage pool : pools) {
      if (pool.family() == family) {
        long free =
            pool.available() == Long.MAX_VALUE ? Long.MAX_VALUE : pool.available() - pool.used();
        sum = sum > Long.MAX_VALUE - free ? Long.MAX_VALUE : sum + free;
      }
    }
    return sum;
  }

  private static List<MetricFamily> poolMetrics(List<PoolUsage> pools) {
    return List.of(
        gauge(
            "available_ips",
            "Addresses of a pool in use and free together",
            pools.stream().filter(pool -> pool.available() != Long.MAX_VALUE).toList(),
            PoolUsage::available),
        gauge("used_ips", "Addresses of a pool in use", pools, PoolUsage::used),
        gauge("needed_ips", "Addresses of a pool that the node asks for", pools, PoolUsage::needed),
        gauge(
            "allocated_blocks", "Prefixes of a pool that the node has", pools, PoolUsage::blocks));
  }

  private static MetricFamily gauge(
      String name, String help, List<PoolUsage> pools, ToLongFunction<PoolUsage> value) {
    List<Sample> samples = new ArrayList<>();
    for (PoolUsage pool : pools) {
      samples.add(
          Sample.Value.of(
              Map.of("family", name(pool.family()), "pool", pool.pool()), value.applyAsLong(pool)));
    }
    return new MetricFamily("cilium_ipam_multipool_" + name, Kind.GAUGE, help, samples);
  }

  private static void addEvents(String action, String family, long count, List<Sample> events) {
    events.add(Sample.Value.of(Map.of("action", action, "family", family), count));
  }
}
