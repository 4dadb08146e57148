// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.core.metrics.DurationHistogram;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * How long requests took, from the last byte of a request to the first of its answer, by operation
 * and status. What is no operation counts as one kind, so that no client can make more kinds.
 */
final class ProcessTimes {

  /** In place of a path and method that are no operation's. */
  private static final String OTHER = "other";

  private record Key(String method, String path, int status) {}

  private final Map<Key, DurationHistogram> times = new ConcurrentHashMap<>();

  /** Takes note of a request for an operation; {@code path} is the operation's pattern. */
  void record(String method, String path, int status, long nanos) {
    note(new Key(method, path, status), nanos);
  }

  /** Takes note of a request for something else. */
  void recordOther(int status, long nanos) {
    note(new Key(OTHER, OTHER, status), nanos);
  }

  private void note(Key key, long nanos) {
    times.computeIfAbsent(key, _ -> new DurationHistogram()).record(nanos);
  }

  List<MetricFamily> metrics() {
    List<Sample> samples = new ArrayList<>();
    times.forEach((key, histogram) ->
        samples.add(
            histogram.sample(
                Map.of(
                    "method", key.method(),
                    "path", key.path(),
                    "return_code", Integer.toString(key.status())))));
    return List.of(
        new MetricFamily(
            "cilium_agent_api_process_time_seconds",
            Kind.HISTOGRAM,
            "How long requests to the API took",
            samples));
  }
}
