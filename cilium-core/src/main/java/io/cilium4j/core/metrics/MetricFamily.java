// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.metrics;

import java.util.List;
import java.util.Map;

/**
 * A metric with all its values, as they were when somebody asked.
 *
 * @param name as Prometheus has it: counters end with {@code _total}, the unit stands in the name
 * @param kind how the values behave
 * @param help what is measured, one line
 * @param samples a value for each set of labels
 */
public record MetricFamily(String name, Kind kind, String help, List<Sample> samples) {
  public MetricFamily {
    samples = List.copyOf(samples);
  }

  /** A counter without labels. */
  public static MetricFamily counter(String name, String help, long value) {
    return new MetricFamily(name, Kind.COUNTER, help, List.of(Sample.Value.of(Map.of(), value)));
  }

  /** A gauge without labels. */
  public static MetricFamily gauge(String name, String help, long value) {
    return new MetricFamily(name, Kind.GAUGE, help, List.of(Sample.Value.of(Map.of(), value)));
  }

  /** How values behave. */
  public enum Kind {
    /** Only grows, until the agent ends. */
    COUNTER,
    /** Goes up and down. */
    GAUGE,
    /** How often something took how long; its samples are distributions. */
    HISTOGRAM
  }

  /** What was measured under one set of labels. */
  public sealed interface Sample {
    /** Labels by name. */
    Map<String, String> labels();

    /** One number. */
    record Value(Map<String, String> labels, double value) implements Sample {
      public Value {
        labels = Map.copyOf(labels);
      }

      /** Beyond 2^53 its last digits are lost, as in every client that knows doubles alone. */
      public static Value of(Map<String, String> labels, long value) {
        return new Value(labels, (double) value);
      }
    }

    /**
     * How many measurements fell into which class.
     *
     * @param bounds the largest value of each class but the last, which has no bound; ascending
     * @param counts of each class, one more than bounds
     * @param sum of all measurements
     */
    record Distribution(
        Map<String, String> labels, List<Double> bounds, List<Long> counts, double sum)
        implements Sample {
      public Distribution {
        labels = Map.copyOf(labels);
        bounds = List.copyOf(bounds);
        counts = List.copyOf(counts);
      }

      /** How many measurements there were. */
      public long count() {
        return counts.stream().mapToLong(Long::longValue).sum();
      }
    }
  }
}
