// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;

/**
 * Whether the pods' bandwidth is limited.
 *
 * @param congestionControl one of {@code cubic}, {@code bbr}
 */
public record BandwidthManager(boolean enabled, List<String> devices, String congestionControl) {
  public BandwidthManager {
    devices = Absent.list(devices);
    congestionControl = Absent.text(congestionControl);
  }
}
