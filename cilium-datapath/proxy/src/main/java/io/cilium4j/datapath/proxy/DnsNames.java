// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.IpAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;

/**
 * Takes what endpoints are told for names, before they are told. Called on an event loop, so it
 * must neither block nor throw.
 */
@FunctionalInterface
public interface DnsNames {
  /**
   * Takes an answer.
   *
   * @param endpointId who asked
   * @param name what it asked for, in lower case and with the closing dot
   * @param addresses at least one
   * @param timeToLive how long the answer may be used
   * @return completes with true when the endpoint's policy knows the addresses, and with false when
   *     that will not be soon
   */
  CompletionStage<Boolean> learned(
      int endpointId, String name, List<IpAddress> addresses, Duration timeToLive);
}
