// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import java.util.Arrays;
import java.util.Locale;

/**
 * Measured values of one thing. On a machine that others use too, the least is what the work costs
 * when nobody disturbs it, and the median what it costs with them.
 */
final class Samples {
  private double[] values = new double[16];
  private int size;

  void add(double value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, 2 * size);
    }
    values[size++] = value;
  }

  /** Adds the time since {@link System#nanoTime} gave {@code start}, in nanoseconds. */
  void addNanosSince(long start) {
    add((double) (System.nanoTime() - start));
  }

  int size() {
    return size;
  }

  double least() {
    return sorted()[0];
  }

  double median() {
    double[] sorted = sorted();
    return (sorted[(size - 1) / 2] + sorted[size / 2]) / 2;
  }

  double percentile(int percent) {
    return sorted()[Math.min(size - 1, size * percent / 100)];
  }

  /**
   * The interval that holds the true median with 95 % confidence, whatever the distribution: the
   * order statistics at n/2 -+ 0.98 sqrt(n), by the binomial's normal approximation.
   */
  double[] medianInterval() {
    double[] sorted = sorted();
    double reach = 0.98 * Math.sqrt(size);
    int low = (int) Math.floor(size / 2.0 - reach);
    int high = (int) Math.ceil(size / 2.0 + reach);
    return new double[] {sorted[Math.max(0, low)], sorted[Math.min(size - 1, high)]};
  }

  /** Least and median in whole units: {@code 83 / 91}. */
  String leastAndMedian() {
    return String.format(Locale.ROOT, "%.0f / %.0f", least(), median());
  }

  private double[] sorted() {
    if (size == 0) {
      throw new IllegalStateException("nothing was measured");
    }
    double[] sorted = Arrays.copyOf(values, size);
    Arrays.sort(sorted);
    return sorted;
  }
}
