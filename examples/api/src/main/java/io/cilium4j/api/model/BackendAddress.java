// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/**
 * Where a service sends traffic.
 *
 * @param state whether it takes traffic: {@code active}, {@code terminating}, {@code quarantined},
 *     {@code maintenance}
 * @param weight share of the traffic; absent for the default
 */
public record BackendAddress(
    @JsonInclude(JsonInclude.Include.ALWAYS) String ip,
    int port,
    String nodeName,
    String state,
    boolean preferred,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Integer weight) {
  public BackendAddress {
    ip = Absent.text(ip);
    nodeName = Absent.text(nodeName);
    state = Absent.text(state);
  }
}
