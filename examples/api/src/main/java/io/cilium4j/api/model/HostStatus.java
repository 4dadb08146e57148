// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Whether the addresses of a node are reached. */
public record HostStatus(
    @JsonProperty("primary-address") @Nullable PathStatus primaryAddress,
    @JsonProperty("secondary-addresses") List<PathStatus> secondaryAddresses) {
  public HostStatus {
    secondaryAddresses = Absent.list(secondaryAddresses);
  }
}
