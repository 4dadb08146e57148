// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * How a task fares that the agent repeats for as long as it runs.
 *
 * @param name what it does
 * @param uuid tells its life from an earlier one
 * @param interval how long after a success it runs again
 * @param successes how often it went well
 * @param lastSuccess when it last did
 * @param failures how often it failed
 * @param lastFailure when it last did
 * @param failuresInARow how often since the last success
 * @param lastError why the last run failed; empty when it did not
 */
public record ControllerState(
    String name,
    UUID uuid,
    Duration interval,
    long successes,
    Optional<Instant> lastSuccess,
    long failures,
    Optional<Instant> lastFailure,
    long failuresInARow,
    String lastError) {

  public ControllerState succeeded(Instant now) {
    return new ControllerState(
        name, uuid, interval, successes + 1, Optional.of(now), failures, lastFailure, 0, "");
  }

  public ControllerState failed(Instant now, String error) {
    return new ControllerState(
        name,
        uuid,
        interval,
        successes,
        lastSuccess,
        failures + 1,
        Optional.of(now),
        failuresInARow + 1,
        error);
  }
}
