// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.Timestamp;
import io.cilium4j.datapath.flow.Numbered;
import io.cilium4j.datapath.flow.Ring;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Which events a client asks for.
 *
 * @param wanted its filters
 * @param number how many at most of those up to {@code until}, 0 for all; while it follows, how
 *     many of those that are there
 * @param first whether these are the oldest and not the newest
 * @param follow whether it goes on with those that come
 * @param since none before this
 * @param until none after this
 */
record EventQuery<T extends Numbered>(
    Predicate<T> wanted,
    long number,
    boolean first,
    boolean follow,
    Optional<Instant> since,
    Optional<Instant> until) {

  /** How many events are looked at in one step. */
  static final int STEP = 256;

  EventQuery {
    if (first && follow) {
      throw new IllegalArgumentException("first cannot be specified with follow");
    }
    // It has no sign on the wire, where a client that wants all names the largest.
    number = number < 0 ? Long.MAX_VALUE : number;
  }

  /**
   * A request's time.
   *
   * @throws IllegalArgumentException if there is none such
   */
  static Optional<Instant> instant(String name, boolean isGiven, Timestamp time) {
    try {
      return isGiven
          ? Optional.of(Instant.ofEpochSecond(time.getSeconds(), time.getNanos()))
          : Optional.empty();
    } catch (DateTimeException | ArithmeticException e) {
      throw new IllegalArgumentException(name + ": no such time", e);
    }
  }

  /** The number of the first event to look at. */
  long begin(Ring<T> ring) {
    long next = ring.added() + 1;
    if (first && since.isEmpty()) {
      return 1;
    }
    if (follow && number == 0 && since.isEmpty()) {
      return next;
    }
    long begin = next;
    long found = 0;
    while (begin > 1) {
      long from = Math.max(1, begin - STEP);
      Ring.Batch<T> batch = ring.read(from, (int) (begin - from));
      for (T event : batch.items().reversed()) {
        if (event.number() >= begin) {
          continue;
        }
        if (since.isPresent() && event.time().isBefore(since.get())) {
          return begin;
        }
        begin = event.number();
        if (since.isEmpty() && !isBeyond(event) && wanted.test(event) && ++found == number) {
          return begin;
        }
      }
      if (batch.lost() > 0) {
        return begin; // Older ones are not kept.
      }
    }
    return begin;
  }

  /** Whether an event in its turn is one to send. */
  boolean isWanted(T event) {
    return since.filter(event.time()::isBefore).isEmpty() && wanted.test(event);
  }

  /** Whether an event is behind the end of what is asked for. */
  boolean isBeyond(T event) {
    return until.filter(event.time()::isAfter).isPresent();
  }
}
