// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.state.Index;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * Which addresses the endpoints were told for DNS names. The DNS proxy writes it before it tells
 * them; rules that name DNS names follow it.
 *
 * <p>Endpoints choose the names and servers the addresses, so all is bounded: of an endpoint that
 * asks for too many names those go first that it asked for longest ago.
 *
 * <p>Safe for use by several threads.
 */
public final class DnsCache {

  /** Most names of one endpoint: about 300 bytes each. */
  private static final int MAX_NAMES = 10_000;

  /** Most names of all endpoints, 30 MB. */
  private static final int MAX_ALL_NAMES = 100_000;

  /** Most addresses of one endpoint's names: about 100 bytes each. */
  private static final int MAX_ADDRESSES = 50_000;

  /**
   * Whose answer, to which name.
   *
   * @param endpointId the endpoint that asked
   * @param name what it asked for, in lower case and with the closing dot
   */
  public record Key(int endpointId, String name) implements Comparable<Key> {
    private static final Comparator<Key> ORDER =
        Comparator.comparingInt(Key::endpointId).thenComparing(Key::name);

    @Override
    public int compareTo(Key other) {
      return ORDER.compare(this, other);
    }
  }

  /**
   * That a name had an address.
   *
   * @param at when it was last told
   * @param timeToLive how long it may be used since
   * @param keptSince since when it is kept for the connections that use it alone; empty while it
   *     may be used
   */
  public record Told(Instant at, Duration timeToLive, Optional<Instant> keptSince) {

    /** It was told and may be used. */
    public static Told now(Instant at, Duration timeToLive) {
      return new Told(at, timeToLive, Optional.empty());
    }

    boolean mayBeUsed(Instant now) {
      return keptSince.isEmpty() && expiry().isAfter(now);
    }

    /** From when on it may be used no more. */
    public Instant expiry() {
      return at.plus(timeToLive);
    }
  }

  /** The addresses that an endpoint was told for a name, by several answers. */
  public record Answer(Map<IpAddress, Told> addresses) {
    public Answer {
      addresses = Map.copyOf(addresses);
    }
  }

  private static final Index<IpAddress, Answer> ADDRESS =
      Index.of("address", answer -> answer.addresses().keySet());

  private final TableWriter<Key, Answer> answers =
      TableWriter.create("dns-cache", Comparator.naturalOrder(), Set.of(), List.of(ADDRESS));

  /** What each endpoint has; guarded by this. */
  private final Map<Integer, Sizes> sizes = new HashMap<>();

  /** How many addresses each name of an endpoint has, the longest unasked first. */
  private static final class Sizes {
    final LinkedHashMap<String, Integer> names = new LinkedHashMap<>();
    int addresses;

    void put(String name, int count) {
      remove(name);
      names.put(name, count);
      addresses += count;
    }

    /** In its place. */
    void replace(String name, int count) {
      Integer before = names.replace(name, count);
      addresses += before == null ? 0 : count - before;
    }

    void remove(String name) {
      Integer count = names.remove(name);
      addresses -= count == null ? 0 : count;
    }
  }

  public DnsCache() {}

  /** The answers. */
  public Table<Key, Answer> answers() {
    return answers.table();
  }

  /** The names for which an endpoint was told an address, without the closing dot. */
  public List<String> namesOf(int endpointId, IpAddress address) {
    return answers.table().snapshot().rows(ADDRESS, address).stream()
        .filter(row -> row.key().endpointId() == endpointId)
        .map(row -> row.key().name())
        .map(name -> name.endsWith(".") ? name.substring(0, name.length() - 1) : name)
        .toList();
  }

  /** The names for which any endpoint was told an address, with the closing dot. */
  public static List<String> namesOf(Snapshot<Key, Answer> answers, IpAddress address) {
    return answers.rows(ADDRESS, address).stream().map(row -> row.key().name()).distinct().toList();
  }

  /**
   * Notes what an endpoint is told. Of an address that it was told before the later end counts.
   *
   * @param most most addresses of a name that may be used; those that end first are kept for their
   *     connections alone
   * @return the revision of the table that has it
   */
  public synchronized long learn(
      Key key, Collection<IpAddress> addresses, Duration timeToLive, Instant now, int most) {
    return answers.write(batch -> {
      Map<IpAddress, Told> all =
          new TreeMap<>(batch.get(key).map(Answer::addresses).orElse(Map.of()));
      var told = Told.now(now, timeToLive);
      for (IpAddress address : addresses) {
        all.merge(
            address,
            told,
            (before, fresh) ->
                before.keptSince().isEmpty() && before.expiry().isAfter(fresh.expiry())
                    ? before
                    : fresh);
      }
      limit(all, most, now);
      put(batch, key, all);
      evict(batch, key.endpointId());
    });
  }

  private static void limit(Map<IpAddress, Told> all, int most, Instant now) {
    List<IpAddress> usable =
        all.entrySet().stream()
            .filter(each -> each.getValue().keptSince().isEmpty())
            .sorted(Map.Entry.comparingByValue(Comparator.comparing(Told::expiry)))
            .map(Map.Entry::getKey)
            .toList();
    for (IpAddress address : usable.subList(0, Math.max(0, usable.size() - most))) {
      all.computeIfPresent(
          address, (_, told) -> new Told(told.at(), told.timeToLive(), Optional.of(now)));
    }
  }

  private void put(TableWriter.Batch<Key, Answer> batch, Key key, Map<IpAddress, Told> all) {
    if (all.isEmpty()) {
      remove(batch, key);
      return;
    }
    batch.put(key, new Answer(all));
    sizes.computeIfAbsent(key.endpointId(), _ -> new Sizes()).put(key.name(), all.size());
  }

  private void remove(TableWriter.Batch<Key, Answer> batch, Key key) {
    batch.remove(key);
    sizes.computeIfPresent(
        key.endpointId(),
        (_, own) -> {
          own.remove(key.name());
          return own.names.isEmpty() ? null : own;
        });
  }

  /** At least one name of the endpoint stays. */
  private void evict(TableWriter.Batch<Key, Answer> batch, int endpointId) {
    Sizes own = sizes.get(endpointId);
    while (own != null
        && own.names.size() > 1
        && (own.names.size() > MAX_NAMES || own.addresses > MAX_ADDRESSES)) {
      remove(batch, new Key(endpointId, own.names.firstEntry().getKey()));
    }
    int all = sizes.values().stream().mapToInt(each -> each.names.size()).sum();
    for (; all > MAX_ALL_NAMES; all--) {
      sizes.entrySet().stream()
          .max(Comparator.comparingInt(each -> each.getValue().names.size()))
          .ifPresent(each ->
              remove(batch, new Key(each.getKey(), each.getValue().names.firstEntry().getKey())));
    }
  }

  /** Takes over what an earlier process noted. */
  public synchronized void restore(Map<Key, Answer> earlier) {
    answers.write(batch ->
        earlier.forEach((key, answer) -> {
          put(batch, key, answer.addresses());
          evict(batch, key.endpointId());
        }));
  }

  /** Forgets the answers to some names; gives how many. */
  public synchronized int forget(Predicate<String> names) {
    return forgetAll(key -> names.test(key.name()));
  }

  /** Forgets the answers of endpoints that are no more. */
  public synchronized void retainEndpoints(Predicate<Integer> present) {
    forgetAll(key -> !present.test(key.endpointId()));
  }

  private int forgetAll(Predicate<Key> gone) {
    List<Key> keys = new ArrayList<>();
    answers.write(batch -> {
      for (Row<Key, Answer> row : batch.snapshot()) {
        if (gone.test(row.key())) {
          keys.add(row.key());
        }
      }
      keys.forEach(key -> remove(batch, key));
    });
    return keys.size();
  }

  /** What becomes of an address whose time is over. */
  @FunctionalInterface
  public interface Expiry {
    /** What is known of it from now on; empty for nothing any more. */
    Optional<Told> next(Key key, IpAddress address, Told told);
  }

  /**
   * Looks at all addresses that may not be used any more.
   *
   * @return how many are known no more
   */
  public synchronized int expire(Instant now, Expiry expiry) {
    int[] gone = {0};
    answers.write(batch -> {
      for (Row<Key, Answer> row : batch.snapshot()) {
        Map<IpAddress, Told> before = row.value().addresses();
        if (before.values().stream().allMatch(told -> told.mayBeUsed(now))) {
          continue;
        }
        Map<IpAddress, Told> left = new TreeMap<>();
        before.forEach((address, told) ->
            (told.mayBeUsed(now) ? Optional.of(told) : expiry.next(row.key(), address, told))
                .ifPresentOrElse(next -> left.put(address, next), () -> gone[0]++));
        if (left.isEmpty()) {
          remove(batch, row.key());
        } else if (!left.equals(before)) {
          batch.put(row.key(), new Answer(left));
          sizes.computeIfPresent(
              row.key().endpointId(),
              (_, own) -> {
                own.replace(row.key().name(), left.size());
                return own;
              });
        }
      }
    });
    return gone[0];
  }
}
