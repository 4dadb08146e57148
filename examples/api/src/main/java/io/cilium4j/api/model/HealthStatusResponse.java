// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which nodes are reached.
 *
 * @param timestamp of the newest outcome
 * @param probeInterval how often an address is probed, as the field writes a duration
 * @param local the node that probes
 * @param nodes every node of the cluster, that one included
 */
public record HealthStatusResponse(
    String timestamp, String probeInterval, @Nullable SelfStatus local, List<NodeStatus> nodes) {
  public HealthStatusResponse {
    timestamp = Absent.text(timestamp);
    probeInterval = Absent.text(probeInterval);
    nodes = Absent.list(nodes);
  }
}
