// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whether the addresses of the endpoint are reached that a node keeps to be probed. Its schema is
 * called {@code EndpointStatus} in the health API.
 */
public record HealthEndpointStatus(
    @JsonProperty("primary-address") @Nullable PathStatus primaryAddress,
    @JsonProperty("secondary-addresses") List<PathStatus> secondaryAddresses) {
  public HealthEndpointStatus {
    secondaryAddresses = Absent.list(secondaryAddresses);
  }
}
