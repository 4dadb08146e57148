// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.EndpointState;
import java.time.Instant;

/**
 * A step in an endpoint's life.
 *
 * @param time when it was made
 * @param outcome whether it went well
 * @param message what happened, one line
 * @param state the endpoint's state from then on
 */
public record EndpointEvent(Instant time, Outcome outcome, String message, EndpointState state) {

  /** Whether a step went well. */
  public enum Outcome {
    OK,
    FAILED
  }
}
