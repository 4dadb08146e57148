// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/** The load averages of a node, as texts such as {@code 0.42}. */
public record LoadResponse(String last1min, String last5min, String last15min) {
  public LoadResponse {
    last1min = Absent.text(last1min);
    last5min = Absent.text(last5min);
    last15min = Absent.text(last15min);
  }
}
