// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.metrics;

import io.cilium4j.core.metrics.MetricFamily.Sample.Distribution;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;

/** Counts how long something took, in classes. Safe for use by several threads. */
public final class DurationHistogram {

  /** Upper bounds in seconds, the field's own for what an agent does. */
  private static final List<Double> DEFAULT_BOUNDS =
      List.of(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0);

  private static final double NANOS_PER_SECOND = 1e9;

  private final List<Double> bounds;
  private final AtomicLongArray counts;
  private final LongAdder sumNanos = new LongAdder();

  /** One that has noted nothing, in the classes that the field has for most of its durations. */
  public DurationHistogram() {
    this(DEFAULT_BOUNDS);
  }

  /** One that has noted nothing; upper bounds in seconds, ascending. */
  public DurationHistogram(List<Double> bounds) {
    this.bounds = List.copyOf(bounds);
    this.counts = new AtomicLongArray(bounds.size() + 1);
  }

  /** Takes note of one duration. */
  public void record(long nanos) {
    double seconds = nanos / NANOS_PER_SECOND;
    int at = 0;
    while (at < bounds.size() && seconds > bounds.get(at)) {
      at++;
    }
    counts.incrementAndGet(at);
    sumNanos.add(nanos);
  }

  /** What was noted so far. */
  public Distribution sample(Map<String, String> labels) {
    List<Long> now = new ArrayList<>();
    for (int i = 0; i < counts.length(); i++) {
      now.add(counts.get(i));
    }
    return new Distribution(labels, bounds, now, sumNanos.sum() / NANOS_PER_SECOND);
  }
}
