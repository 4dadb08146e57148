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
 * <p>For one thread; the numbers are for all.
 */
public final class NameExpiry {

  private final DnsCache cache;
  private final Function<Set<IpAddress>, Set<Peer>> connected;
  private final Predicate<Integer> isEndpoint;
  private final Duration grace;
  private final int mostKept;
  private final LongAdder deletions = new LongAdder();
  private volatile Map<Integer, Long> alive = Map.of();

  /** An address of a name that is kept. */
  private record Kept(DnsCache.Key key, IpAddress address, Instant since) {}

  /**
   * @param connected of some addresses those that endpoints have connections with
   * @param isEndpoint whether there is an endpoint of an id
   * @param grace how long an address is kept at least
   * @param mostKept most addresses that an endpoint keeps
   */
  public NameExpiry(
      DnsCache cache,
      Function<Set<IpAddress>, Set<Peer>> connected,
      Predicate<Integer> isEndpoint,
      Duration grace,
      int mostKept) {
    this.cache = cache;
    this.connected = connected;
    this.isEndpoint = isEndpoint;
    this.grace = grace;
    this.mostKept = mostKept;
  }

  /** Looks through everything once. */
  public void collect(Instant now) {
    cache.retainEndpoints(isEndpoint);
    Map<Integer, List<Kept>> kept = new HashMap<>();
    Set<IpAddress> addresses = new HashSet<>();
    cache
        .answers()
        .snapshot()
        .forEach(row ->
            row.value()
                .addresses()
                .forEach((address, told) ->
                    told.keptSince()
                        .ifPresent(since -> {
                          addresses.add(address);
                          kept.computeIfAbsent(row.key().endpointId(), _ -> new ArrayList<>())
                              .add(new Kept(row.key(), address, since));
                        })));
    Set<Peer> inUse = addresses.isEmpty() ? Set.of() : connected.apply(addresses);
    Set<Kept> tooMany = new HashSet<>();
    Map<Integer, Long> counts = new HashMap<>();
    kept.forEach((endpoint, all) -> {
      all.sort(Comparator.comparing(Kept::since));
      tooMany.addAll(all.subList(0, Math.max(0, all.size() - mostKept)));
      long used =
          all.stream()
              .filter(each -> inUse.contains(new Peer(endpoint, each.address())))
              .map(Kept::address)
              .distinct()
              .count();
      counts.put(endpoint, used);
    });
    alive = Map.copyOf(counts);
    deletions.add(
        cache.expire(now, (key, address, told) -> next(now, key, address, told, inUse, tooMany)));
  }

  private Optional<Told> next(
      Instant now,
      DnsCache.Key key,
      IpAddress address,
      Told told,
      Set<Peer> inUse,
      Set<Kept> tooMany) {
    if (told.keptSince().isEmpty()) {
      return Optional.of(new Told(told.at(), told.timeToLive(), Optional.of(now)));
    }
    Instant since = told.keptSince().get();
    if (tooMany.contains(new Kept(key, address, since))) {
      return Optional.empty();
    }
    boolean isUsed = inUse.contains(new Peer(key.endpointId(), address));
    return isUsed || now.isBefore(since.plus(grace)) ? Optional.of(told) : Optional.empty();
  }

  /** How many addresses were let go since the start. */
  public long deletions() {
    return deletions.sum();
  }

  /** How many addresses an endpoint keeps for connections alone, as of the last look. */
  public Map<Integer, Long> alive() {
    return alive;
  }
}
