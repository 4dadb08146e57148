// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.proxy;

import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.DoubleAdder;

/** How long servers took to answer. Safe for use by several threads. */
final class Latencies {

  /** Upper bounds in seconds, as the field's clients have them by default. */
  private static final List<Double> BOUNDS =
      List.of(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0);

  private static final double NANOS_PER_SECOND = 1e9;

  private final String protocol;
  private final AtomicLongArray counts = new AtomicLongArray(BOUNDS.size() + 1);
  private final DoubleAdder seconds = new DoubleAdder();

  /**
   * @param protocol the protocol's name, in metrics
   */
  Latencies(String protocol) {
    this.protocol = protocol;
  }

  void add(long nanos) {
    double latency = nanos / NANOS_PER_SECOND;
    counts.incrementAndGet((int) BOUNDS.stream().filter(bound -> bound < latency).count());
    seconds.add(latency);
  }

  MetricFamily metric() {
    List<Long> all = new ArrayList<>();
    for (int i = 0; i < counts.length(); i++) {
      all.add(counts.get(i));
    }
    return new MetricFamily(
        "cilium_proxy_upstream_reply_seconds",
        MetricFamily.Kind.HISTOGRAM,
        "Seconds until the server answered a request that went through the proxy",
        List.of(
            new Sample.Distribution(
                Map.of("error", "", "protocol_l7", protocol, "scope", "upstreamTime"),
                BOUNDS,
                all,
                seconds.sum())));
  }
}
