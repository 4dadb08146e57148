// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/**
 * Whether an address is reached; a way that was not tried is absent.
 *
 * @param icmp by an echo request
 * @param http by asking the agent there
 */
public record PathStatus(
    String ip, @Nullable ConnectivityStatus icmp, @Nullable ConnectivityStatus http) {
  public PathStatus {
    ip = Absent.text(ip);
  }
}
