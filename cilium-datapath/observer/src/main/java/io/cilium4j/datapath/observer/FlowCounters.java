// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * A counter by labels, with a bound: what comes with labels that are new when there are so many
 * already counts as {@code other}. Safe for use by several threads.
 */
final class FlowCounters {

  /** Sets of labels of one metric: at about 300 bytes each, 600 kB. */
  static final int MAX_SETS = 2_000;

  private static final String OTHER = "other";

  private final String name;
  private final String help;
  private final List<String> names;
  private final Map<List<String>, LongAdder> counts = new ConcurrentHashMap<>();

  FlowCounters(String name, String help, List<String> names) {
    this.name = name;
    this.help = help;
    this.names = List.copyOf(names);
  }

  /** Counts one, under values of the names in their order. */
  void count(List<String> values) {
    LongAdder known = counts.get(values);
    if (known == null) {
      List<String> key =
          counts.size() < MAX_SETS ? List.copyOf(values) : Collections.nCopies(names.size(), OTHER);
      known = counts.computeIfAbsent(key, _ -> new LongAdder());
    }
    known.increment();
  }

  MetricFamily read() {
    List<Sample> samples = new ArrayList<>();
    counts.forEach((values, count) -> {
      Map<String, String> labels = new HashMap<>();
      for (int i = 0; i < names.size(); i++) {
        labels.put(names.get(i), values.get(i));
      }
      samples.add(Sample.Value.of(labels, count.sum()));
    });
    return new MetricFamily(name, MetricFamily.Kind.COUNTER, help, samples);
  }
}
