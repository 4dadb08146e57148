// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * A task that is repeated until it succeeds, and how it fares.
 *
 * @param uuid changes when the task begins anew
 */
public record ControllerStatus(
    String name, String uuid, @Nullable Configuration configuration, @Nullable Outcome status) {
  public ControllerStatus {
    name = Absent.text(name);
    uuid = Absent.text(uuid);
  }

  /** How often the task runs. Durations are texts such as {@code 1m30s}. */
  public record Configuration(
      String interval,
      @JsonProperty("error-retry-base") String errorRetryBase,
      @JsonProperty("error-retry") boolean errorRetry) {
    public Configuration {
      interval = Absent.text(interval);
      errorRetryBase = Absent.text(errorRetryBase);
    }
  }

  /**
   * How the task's runs ended so far.
   *
   * @param consecutiveFailureCount failures since the last success; 0 while it fares well
   */
  public record Outcome(
      @JsonProperty("success-count") long successCount,
      @JsonProperty("last-success-timestamp") String lastSuccessTimestamp,
      @JsonProperty("failure-count") long failureCount,
      @JsonProperty("last-failure-timestamp") String lastFailureTimestamp,
      @JsonProperty("consecutive-failure-count") long consecutiveFailureCount,
      @JsonProperty("last-failure-msg") String lastFailureMsg) {
    public Outcome {
      lastSuccessTimestamp = Absent.text(lastSuccessTimestamp);
      lastFailureTimestamp = Absent.text(lastFailureTimestamp);
      lastFailureMsg = Absent.text(lastFailureMsg);
    }
  }
}
