// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * How the observer of flows fares.
 *
 * @param state one of {@code Ok}, {@code Warning}, {@code Failure}, {@code Disabled}
 */
public record HubbleStatus(
    String state, String msg, @Nullable Observer observer, @Nullable Metrics metrics) {
  public HubbleStatus {
    state = Absent.text(state);
    msg = Absent.text(msg);
  }

  /** What the observer holds. */
  public record Observer(
      @JsonProperty("max-flows") long maxFlows,
      @JsonProperty("current-flows") long currentFlows,
      @JsonProperty("seen-flows") long seenFlows,
      String uptime) {
    public Observer {
      uptime = Absent.text(uptime);
    }
  }

  /**
   * How the observer's metrics fare.
   *
   * @param state one of {@code Ok}, {@code Warning}, {@code Failure}, {@code Disabled}
   */
  public record Metrics(String state) {
    public Metrics {
      state = Absent.text(state);
    }
  }
}
