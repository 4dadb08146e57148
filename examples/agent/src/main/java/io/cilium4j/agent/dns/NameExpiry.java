// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.dns;

import io.cilium4j.agent.DnsCache;
import io.cilium4j.agent.DnsCache.Told;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.Datapath.Peer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Lets addresses go whose time is over and that no connection uses. One whose time is over is first
 * kept, and looked at again the next time: a connection that was just begun is not known yet.
 *
 * <p>A connection keeps all addresses of its name. Programs that resolve a name once take another
 * of its addresses when a connection breaks.
 *
 * <p>For one thread; the numbers are for all.
 */
public final class NameExpiry {

  private final DnsCache cache;
  private final Function<Set<IpAddress>, Set<Peer>> connected;
  private final Predicate<Integer> isEndpoint;
  private final Limits limits;
  private final LongAdder deletions = new LongAdder();
  private volatile Map<Integer, Long> alive = Map.of();

  /**
   * How much is kept, and how long.
   *
   * @param grace how long an address is kept at least
   * @param mostOfName most addresses of a name, those beyond are kept for their own connections
   *     alone
   * @param mostKept most addresses that an endpoint keeps
   */
  public record Limits(Duration grace, int mostOfName, int mostKept) {}

  /** An address of a name that is kept. */
  private record Kept(DnsCache.Key key, IpAddress address, Instant since) {}

  /** What an address is kept for, the weakest reason first. */
  private enum Use {
    NONE,
    /** Another address of the name has a connection. */
    NAME,
    CONNECTION
  }

  /**
   * @param connected of some addresses those that endpoints have connections with
   * @param isEndpoint whether there is an endpoint of an id
   */
  public NameExpiry(
      DnsCache cache,
      Function<Set<IpAddress>, Set<Peer>> connected,
      Predicate<Integer> isEndpoint,
      Limits limits) {
    this.cache = cache;
    this.connected = connected;
    this.isEndpoint = isEndpoint;
    this.limits = limits;
  }

  /** Looks through everything once. */
  public void collect(Instant now) {
    cache.retainEndpoints(isEndpoint);
    Map<DnsCache.Key, List<Kept>> names = new HashMap<>();
    Map<DnsCache.Key, Integer> usable = new HashMap<>();
    Set<IpAddress> addresses = new HashSet<>();
    cache
        .answers()
        .snapshot()
        .forEach(row -> {
          List<Kept> kept = kept(row.key(), row.value());
          if (!kept.isEmpty()) {
            names.put(row.key(), kept);
            usable.put(row.key(), row.value().addresses().size() - kept.size());
            kept.forEach(each -> addresses.add(each.address()));
          }
        });
    Set<Peer> inUse = addresses.isEmpty() ? Set.of() : connected.apply(addresses);
    Map<Kept, Use> uses = new HashMap<>();
    names.forEach((name, kept) -> addUses(kept, usable.getOrDefault(name, 0), inUse, uses));
    Set<Kept> tooMany = limited(uses);
    deletions.add(
        cache.expire(now, (key, address, told) -> next(now, key, address, told, uses, tooMany)));
  }

  private static List<Kept> kept(DnsCache.Key key, DnsCache.Answer answer) {
    List<Kept> kept = new ArrayList<>();
    answer
        .addresses()
        .forEach((address, told) ->
            told.keptSince().ifPresent(since -> kept.add(new Kept(key, address, since))));
    return kept;
  }

  /**
   * Puts what the kept addresses of a name are good for.
   *
   * @param usable how many of its addresses may be used anyway
   */
  private void addUses(List<Kept> kept, int usable, Set<Peer> inUse, Map<Kept, Use> uses) {
    for (Kept each : kept) {
      boolean isUsed = inUse.contains(new Peer(each.key().endpointId(), each.address()));
      uses.put(each, isUsed ? Use.CONNECTION : Use.NONE);
    }
    long used = kept.stream().filter(each -> uses.get(each) == Use.CONNECTION).count();
    if (used > 0) {
      kept.stream()
          .filter(each -> uses.get(each) == Use.NONE)
          .sorted(Comparator.comparing(Kept::since).reversed())
          .limit(Math.max(0, limits.mostOfName() - usable - used))
          .forEach(each -> uses.put(each, Use.NAME));
    }
  }

  /** Those beyond what endpoints may keep: without connections first, then the longest kept. */
  private Set<Kept> limited(Map<Kept, Use> uses) {
    Map<Integer, List<Kept>> endpoints = new HashMap<>();
    uses.keySet()
        .forEach(each ->
            endpoints.computeIfAbsent(each.key().endpointId(), _ -> new ArrayList<>()).add(each));
    Comparator<Kept> order =
        Comparator.comparing((Kept each) -> uses.getOrDefault(each, Use.NONE))
            .thenComparing(Kept::since);
    Set<Kept> tooMany = new HashSet<>();
    Map<Integer, Long> counts = new HashMap<>();
    endpoints.forEach((endpoint, all) -> {
      all.sort(order);
      tooMany.addAll(all.subList(0, Math.max(0, all.size() - limits.mostKept())));
      long used =
          all.stream()
              .filter(each -> uses.get(each) == Use.CONNECTION)
              .map(Kept::address)
              .distinct()
              .count();
      counts.put(endpoint, used);
    });
    alive = Map.copyOf(counts);
    return tooMany;
  }

  private Optional<Told> next(
      Instant now,
      DnsCache.Key key,
      IpAddress address,
      Told told,
      Map<Kept, Use> uses,
      Set<Kept> tooMany) {
    if (told.keptSince().isEmpty()) {
      return Optional.of(new Told(told.at(), told.timeToLive(), Optional.of(now)));
    }
    Instant since = told.keptSince().get();
    var kept = new Kept(key, address, since);
    Use use = uses.get(kept);
    if (use == null) {
      return Optional.of(told); // It is kept since this look began.
    }
    boolean isWanted = use != Use.NONE || now.isBefore(since.plus(limits.grace()));
    return isWanted && !tooMany.contains(kept) ? Optional.of(told) : Optional.empty();
  }

  /** How many addresses were let go since the start. */
  public long deletions() {
    return deletions.sum();
  }

  /** How many addresses an endpoint keeps that connections use, as of the last look. */
  public Map<Integer, Long> alive() {
    return alive;
  }
}
