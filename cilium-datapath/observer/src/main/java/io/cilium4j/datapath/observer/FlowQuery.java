// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.Timestamp;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.observer.proto.GetFlowsRequest;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Which flows a client asks for.
 *
 * @param wanted its filters
 * @param number how many at most, 0 for all; while it follows, how many of those that are there
 * @param first whether these are the oldest and not the newest
 * @param follow whether it goes on with those that come
 * @param since none before this
 * @param until none after this
 */
record FlowQuery(
    Predicate<ReportedFlow> wanted,
    long number,
    boolean first,
    boolean follow,
    Optional<Instant> since,
    Optional<Instant> until) {

  /** How many flows are looked at in one step. */
  static final int STEP = 256;

  /**
   * Reads a request.
   *
   * @throws IllegalArgumentException with a line for people if it makes no sense
   */
  static FlowQuery of(GetFlowsRequest request, FlowMessages messages) {
    if (request.getFirst() && request.getFollow()) {
      throw new IllegalArgumentException("first cannot be specified with follow");
    }
    if (request.getNumber() < 0) {
      throw new IllegalArgumentException("number: wanted at most " + Long.MAX_VALUE);
    }
    return new FlowQuery(
        FlowFilters.wanted(request.getWhitelistList(), request.getBlacklistList(), messages),
        request.getNumber(),
        request.getFirst(),
        request.getFollow(),
        request.hasSince() ? Optional.of(instant("since", request.getSince())) : Optional.empty(),
        request.hasUntil() ? Optional.of(instant("until", request.getUntil())) : Optional.empty());
  }

  private static Instant instant(String name, Timestamp time) {
    try {
      return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
    } catch (DateTimeException | ArithmeticException e) {
      throw new IllegalArgumentException(name + ": no such time", e);
    }
  }

  /** The number of the first flow to look at. */
  long begin(FlowLog log) {
    long next = log.reported() + 1;
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
      FlowLog.Batch batch = log.read(from, (int) (begin - from));
      List<ReportedFlow> flows = batch.flows();
      for (ReportedFlow flow : flows.reversed()) {
        if (flow.number() >= begin) {
          continue;
        }
        if (since.isPresent() && flow.time().isBefore(since.get())) {
          return begin;
        }
        begin = flow.number();
        if (since.isEmpty() && wanted.test(flow) && ++found == number) {
          return begin;
        }
      }
      if (batch.lost() > 0) {
        return begin; // Older ones are not kept.
      }
    }
    return begin;
  }

  /** Whether a flow in its turn is one to send. */
  boolean isWanted(ReportedFlow flow) {
    return since.filter(flow.time()::isBefore).isEmpty() && wanted.test(flow);
  }

  /** Whether a flow is behind the end of what is asked for. */
  boolean isBeyond(ReportedFlow flow) {
    return until.filter(flow.time()::isAfter).isPresent();
  }
}
