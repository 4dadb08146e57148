// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * How the node is.
 *
 * @param cilium its agent
 * @param uptime since when nodes are probed, as the field writes a duration
 * @param systemLoad its load
 */
public record HealthResponse(
    @Nullable StatusResponse cilium,
    String uptime,
    @JsonProperty("system-load") @Nullable LoadResponse systemLoad) {
  public HealthResponse {
    uptime = Absent.text(uptime);
  }
}
