// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.spi.FlowSource.Subscription;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;

/**
 * Everything that is measured of a running agent, in one place: whoever shows metrics shows these.
 * Parts add what they measure; values are read when somebody asks.
 *
 * <p>Safe for use by several threads.
 */
public final class Metrics {
  private final List<Supplier<List<MetricFamily>>> sources = new CopyOnWriteArrayList<>();

  /** Nothing yet. */
  public Metrics() {}

  /** Shows what a part measures, until the returned handle is closed. Names must be its own. */
  public Subscription add(Supplier<List<MetricFamily>> source) {
    sources.add(source);
    return () -> sources.remove(source);
  }

  /** All metrics as they are now, by name. */
  public List<MetricFamily> read() {
    List<MetricFamily> all = new ArrayList<>();
    sources.forEach(source -> all.addAll(source.get()));
    all.sort(Comparator.comparing(MetricFamily::name));
    return List.copyOf(all);
  }
}
