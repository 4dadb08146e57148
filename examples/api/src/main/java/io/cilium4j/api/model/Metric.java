// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.Map;

/** One measured value. */
public record Metric(String name, double value, Map<String, String> labels) {
  public Metric {
    name = Absent.text(name);
    labels = Absent.map(labels);
  }
}
