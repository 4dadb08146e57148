// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * Whether a node is reached.
 *
 * @param healthEndpoint its endpoint that is there to be probed; absent where there is none
 * @param endpoint the primary address of that endpoint, for old clients
 */
public record NodeStatus(
    String name,
    @Nullable HostStatus host,
    @JsonProperty("health-endpoint") @Nullable HealthEndpointStatus healthEndpoint,
    @Nullable PathStatus endpoint) {
  public NodeStatus {
    name = Absent.text(name);
  }
}
