// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Metrics;
import io.cilium4j.api.model.Metric;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import java.util.ArrayList;
import java.util.List;

/**
 * The agent's measured values as the API lists them. Of a distribution it shows what Prometheus'
 * text does under {@code _count} and {@code _sum}; its classes stay out of the list.
 */
final class MetricsView {
  private MetricsView() {}

  static List<Metric> of(Metrics metrics) {
    List<Metric> all = new ArrayList<>();
    for (MetricFamily family : metrics.read()) {
      for (Sample sample : family.samples()) {
        switch (sample) {
          case Sample.Value(var labels, var value) ->
              all.add(new Metric(family.name(), value, labels));
          case Sample.Distribution distribution -> {
            all.add(
                new Metric(family.name() + "_count", distribution.count(), distribution.labels()));
            all.add(new Metric(family.name() + "_sum", distribution.sum(), distribution.labels()));
          }
        }
      }
    }
    return all;
  }
}
