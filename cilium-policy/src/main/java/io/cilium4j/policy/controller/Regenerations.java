// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.metrics.DurationHistogram;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.RowStatus;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

/**
 * Measures regenerations: from the begin of the round that compiled an endpoint's policy to the
 * moment at which the agent sees that the datapath enforces it. Rounds are known by the revisions
 * that they gave to the rows of desired state.
 *
 * <p>Safe for use by several threads.
 */
public final class Regenerations {

  /** Most rounds remembered; a row that was in work for longer is counted and not measured. */
  private static final int MAX_ROUNDS = 1024;

  private final LongSupplier nanoTime;
  private final ReentrantLock lock = new ReentrantLock();

  /** When a round began, by the first revision that it gave. Guarded by the lock. */
  private final TreeMap<Long, Long> rounds = new TreeMap<>();

  private final LongAdder done = new LongAdder();
  private final LongAdder failed = new LongAdder();
  private final DurationHistogram durations = new DurationHistogram();

  /** Has measured nothing; the clock is that of the controller's rounds. */
  public Regenerations(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /**
   * Takes note of a round that wrote something.
   *
   * @param firstRevision the first that it gave to a row of desired state
   * @param beganNanos when it began
   */
  void wrote(long firstRevision, long beganNanos) {
    lock.lock();
    try {
      rounds.put(firstRevision, beganNanos);
      if (rounds.size() > MAX_ROUNDS) {
        rounds.pollFirstEntry();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Takes note of how far the datapath is; attempts that failed between two looks count as one. */
  public void follow(Changes<RowKey, RowStatus> statuses) {
    for (Change<RowKey, RowStatus> change : statuses.list()) {
      if (change instanceof Change.Put<RowKey, RowStatus> put && put.key() instanceof EndpointKey) {
        switch (put.value()) {
          case RowStatus.Pending _ -> {}
          case RowStatus.Done enforced -> {
            done.increment();
            measure(enforced.revision());
          }
          case RowStatus.Failed _ -> failed.increment();
        }
      }
    }
  }

  private void measure(long revision) {
    lock.lock();
    try {
      Map.Entry<Long, Long> round = rounds.floorEntry(revision);
      if (round != null) {
        durations.record(nanoTime.getAsLong() - round.getValue());
      }
    } finally {
      lock.unlock();
    }
  }

  /** What was measured. */
  public List<MetricFamily> metrics() {
    return List.of(
        new MetricFamily(
            "cilium_endpoint_regenerations_total",
            Kind.COUNTER,
            "Regenerations of endpoints that ended",
            List.of(
                Sample.Value.of(Map.of("outcome", "success"), done.sum()),
                Sample.Value.of(Map.of("outcome", "fail"), failed.sum()))),
        new MetricFamily(
            "cilium_endpoint_regeneration_time_stats_seconds",
            Kind.HISTOGRAM,
            "From the begin of compiling to a policy that the datapath enforces",
            List.of(durations.sample(Map.of("scope", "total")))));
  }
}
