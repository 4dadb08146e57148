// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import java.time.Duration;
import java.time.Instant;

/** What came of trying to reach an address in one way. */
public sealed interface Probe {

  /** Not tried yet, or it cannot be tried here: an echo request takes a privilege. */
  record Unknown() implements Probe {}

  /**
   * It answered.
   *
   * @param latency from the attempt's begin to the answer
   * @param at when it answered
   */
  record Reached(Duration latency, Instant at) implements Probe {}

  /**
   * It did not answer.
   *
   * @param error why, one line
   * @param at when it was given up
   */
  record Failed(String error, Instant at) implements Probe {}
}
