// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/** A pod to which traffic is redirected locally. */
public record LRPBackend(
    @JsonProperty("pod-id") String podId,
    @JsonProperty("backend-address") @Nullable BackendAddress backendAddress) {
  public LRPBackend {
    podId = Absent.text(podId);
  }
}
