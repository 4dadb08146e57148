// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.IdentityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A book of numbers for label sets, with a reference count each.
 *
 * <p>A number without a reference rests: it still belongs to its labels, which may come back to it,
 * and goes to others only after the rest. Numbers are taken in a circle, so that one that was given
 * back comes last again. Not safe for use by several threads.
 */
final class LabelNumbers {

  private static final class Entry {
    final Identity identity;
    int references;

    Entry(Identity identity) {
      this.identity = identity;
    }
  }

  private final String name;
  private final int min;
  private final int max;
  private final long restNanos;
  private final Map<Labels, Entry> byLabels = new HashMap<>();
  private final Map<Integer, Entry> byId = new HashMap<>();

  /** Bit n: number min + n is in use or rests. */
  private final BitSet taken = new BitSet();

  /** Those without a reference, and when their rest ends; the first to end stands first. */
  private final LinkedHashMap<Entry, Long> resting = new LinkedHashMap<>();

  private int cursor;

  /**
   * @param name what the numbers are, for messages
   * @param min first number
   * @param max last number
   * @param rest how long a number without a reference keeps its labels
   */
  LabelNumbers(String name, int min, int max, Duration rest) {
    this.name = name;
    this.min = min;
    this.max = max;
    this.restNanos = rest.toNanos();
  }

  /** The identity of the labels, with one more reference. */
  Identity take(Labels labels) {
    Entry entry = byLabels.get(labels);
    if (entry == null) {
      entry = enter(new Identity(nextFree(labels), labels));
    }
    if (entry.references++ == 0) {
      resting.remove(entry);
    }
    return entry.identity;
  }

  /** As {@link #take}, with the former number where that is possible. */
  Identity restore(Identity former) {
    boolean free =
        former.id() >= min
            && former.id() <= max
            && !byId.containsKey(former.id())
            && !byLabels.containsKey(former.labels());
    if (free) {
      enter(former);
    }
    return take(former.labels());
  }

  private Entry enter(Identity identity) {
    var entry = new Entry(identity);
    byLabels.put(identity.labels(), entry);
    byId.put(identity.id(), entry);
    taken.set(identity.id() - min);
    return entry;
  }

  private int nextFree(Labels labels) {
    int range = max - min + 1;
    int free = taken.nextClearBit(cursor);
    if (free >= range) {
      free = taken.nextClearBit(0);
    }
    if (free >= range) {
      throw new IdentityException(
          "no " + name + " identity left for " + labels + ": all " + range + " are taken");
    }
    cursor = free + 1 < range ? free + 1 : 0;
    return min + free;
  }

  /** Gives one reference back; returns whether that was the last one. */
  boolean release(int id, long nowNanos) {
    Entry entry = byId.get(id);
    if (entry == null || entry.references == 0) {
      return false;
    }
    if (--entry.references > 0) {
      return false;
    }
    resting.put(entry, nowNanos + restNanos);
    return true;
  }

  /** Forgets those whose rest is over, and returns them. */
  List<Identity> expire(long nowNanos) {
    var gone = new ArrayList<Identity>();
    for (Map.Entry<Entry, Long> rest = resting.firstEntry();
        rest != null && rest.getValue() - nowNanos <= 0;
        rest = resting.firstEntry()) {
      resting.pollFirstEntry();
      Identity identity = rest.getKey().identity;
      byId.remove(identity.id());
      byLabels.remove(identity.labels());
      taken.clear(identity.id() - min);
      gone.add(identity);
    }
    return gone;
  }

  /** How long until the next rest ends; absent where none rests. */
  Optional<Duration> nextEnd(long nowNanos) {
    return Optional.ofNullable(resting.firstEntry())
        .map(rest -> Duration.ofNanos(Math.max(0, rest.getValue() - nowNanos)));
  }
}
