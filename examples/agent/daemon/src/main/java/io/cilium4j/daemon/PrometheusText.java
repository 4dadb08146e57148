// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Metrics;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.List;
import java.util.Map;

/**
 * The agent's metrics in Prometheus' text format, together with those of its process. The agent
 * measures; nothing is defined here.
 */
final class PrometheusText {
  private static final String TOTAL = "_total";

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

  PrometheusText(Metrics metrics) {
    MultiCollector collector =
        () -> new MetricSnapshots(metrics.read().stream().map(PrometheusText::of).toList());
    registry.getPrometheusRegistry().register(collector);
    new JvmMemoryMetrics().bindTo(registry);
    new JvmThreadMetrics().bindTo(registry);
    new FileDescriptorMetrics().bindTo(registry);
    new UptimeMetrics().bindTo(registry);
  }

  /** All metrics as they are now. */
  String scrape() {
    return registry.scrape();
  }

  private static MetricSnapshot of(MetricFamily family) {
    return switch (family.kind()) {
      case COUNTER -> {
        // The format puts the ending there itself.
        String name = family.name().substring(0, family.name().length() - TOTAL.length());
        var counter = CounterSnapshot.builder().name(name).help(family.help());
        for (Sample sample : family.samples()) {
          if (sample instanceof Sample.Value(var labels, var value)) {
            counter.dataPoint(
                CounterSnapshot.CounterDataPointSnapshot.builder()
                    .labels(of(labels))
                    .value(value)
                    .build());
          }
        }
        yield counter.build();
      }
      case GAUGE -> {
        var gauge = GaugeSnapshot.builder().name(family.name()).help(family.help());
        for (Sample sample : family.samples()) {
          if (sample instanceof Sample.Value(var labels, var value)) {
            gauge.dataPoint(
                GaugeSnapshot.GaugeDataPointSnapshot.builder()
                    .labels(of(labels))
                    .value(value)
                    .build());
          }
        }
        yield gauge.build();
      }
      case HISTOGRAM -> {
        var histogram = HistogramSnapshot.builder().name(family.name()).help(family.help());
        for (Sample sample : family.samples()) {
          if (sample instanceof Sample.Distribution distribution) {
            histogram.dataPoint(
                HistogramSnapshot.HistogramDataPointSnapshot.builder()
                    .labels(of(distribution.labels()))
                    .classicHistogramBuckets(buckets(distribution))
                    .sum(distribution.sum())
                    .build());
          }
        }
        yield histogram.build();
      }
    };
  }

  private static ClassicHistogramBuckets buckets(Sample.Distribution distribution) {
    var buckets = ClassicHistogramBuckets.builder();
    List<Double> bounds = distribution.bounds();
    for (int i = 0; i < distribution.counts().size(); i++) {
      buckets.bucket(
          i < bounds.size() ? bounds.get(i) : Double.POSITIVE_INFINITY,
          distribution.counts().get(i));
    }
    return buckets.build();
  }

  private static Labels of(Map<String, String> labels) {
    var builder = Labels.builder();
    labels.forEach(builder::label);
    return builder.build();
  }
}
