// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.state.Index;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Which addresses the endpoints were told for DNS names. Who watches DNS writes it; no part of the
 * agent does so yet.
 */
public final class DnsCache {

  /** Most answers that are kept: about 300 bytes each, 30 MB. */
  private static final int MAX_ANSWERS = 100_000;

  /**
   * Whose answer, to which name.
   *
   * @param endpointId the endpoint that asked
   * @param name what it asked for, with the closing dot
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
   * An answer.
   *
   * @param addresses the addresses
   * @param timeToLive how long it may be used
   * @param at when it was given
   */
  public record Answer(List<IpAddress> addresses, Duration timeToLive, Instant at) {
    public Answer {
      addresses = List.copyOf(addresses);
    }

    /** From when on it may be used no more. */
    public Instant expiry() {
      return at.plus(timeToLive);
    }
  }

  private static final Index<IpAddress, Answer> ADDRESS = Index.of("address", Answer::addresses);

  private final TableWriter<Key, Answer> answers =
      TableWriter.create("dns-cache", Comparator.naturalOrder(), Set.of(), List.of(ADDRESS));

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

  /** Notes an answer, in place of an earlier one; the oldest goes where there are too many. */
  public void put(Key key, Answer answer) {
    answers.write(batch -> {
      if (batch.snapshot().size() >= MAX_ANSWERS && !batch.snapshot().contains(key)) {
        batch.snapshot().stream()
            .min(Comparator.comparing(row -> row.value().at()))
            .map(Row::key)
            .ifPresent(batch::remove);
      }
      batch.put(key, answer);
    });
  }

  /** Forgets the answers to some names; gives how many. */
  public int forget(Predicate<String> names) {
    int[] gone = {0};
    answers.write(batch -> {
      for (Row<Key, Answer> row : batch.snapshot()) {
        if (names.test(row.key().name())) {
          batch.remove(row.key());
          gone[0]++;
        }
      }
    });
    return gone[0];
  }
}
