// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One frontend of a local redirect and its backends. */
public record FrontendMapping(
    @JsonProperty("frontend-address") @Nullable FrontendAddress frontendAddress,
    List<LRPBackend> backends) {
  public FrontendMapping {
    backends = Absent.list(backends);
  }
}
