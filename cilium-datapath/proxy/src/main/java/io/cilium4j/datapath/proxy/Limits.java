// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import java.time.Duration;
import java.util.Objects;

/**
 * What the proxy takes of a client, and how long it waits.
 *
 * @param headBytes most bytes of a request's head: request line and headers; likewise of trailers
 * @param headers most headers of a request
 * @param headTime from a head's first byte to its last; a connection without a request may wait
 *     longer
 * @param idleTime how long a connection may be open without a request
 * @param connectTime until the server takes the connection
 * @param responseTime from the request's last byte to the response's head
 * @param discardedBytes how much content of a request that is denied is read, so that the
 *     connection stays usable; with more the connection ends
 */
public record Limits(
    int headBytes,
    int headers,
    Duration headTime,
    Duration idleTime,
    Duration connectTime,
    Duration responseTime,
    long discardedBytes) {

  /** 60 KiB and 100 headers, as Envoy has them; 5 minutes for a response, as Cilium has it. */
  public static final Limits DEFAULT =
      new Limits(
          60 * 1024,
          100,
          Duration.ofSeconds(10),
          Duration.ofHours(1),
          Duration.ofSeconds(2),
          Duration.ofMinutes(5),
          1024 * 1024);

  public Limits {
    if (headBytes < 256 || headers < 1 || discardedBytes < 0) {
      throw new IllegalArgumentException(
          "headBytes " + headBytes + ", headers " + headers + ", discarded " + discardedBytes);
    }
    Objects.requireNonNull(headTime, "headTime");
    Objects.requireNonNull(idleTime, "idleTime");
    Objects.requireNonNull(connectTime, "connectTime");
    Objects.requireNonNull(responseTime, "responseTime");
  }

  /** These with other times to wait for the server. */
  public Limits withServerTimes(Duration connect, Duration response) {
    return new Limits(headBytes, headers, headTime, idleTime, connect, response, discardedBytes);
  }

  /** These with another time for a request's head. */
  public Limits withHeadTime(Duration time) {
    return new Limits(
        headBytes, headers, time, idleTime, connectTime, responseTime, discardedBytes);
  }
}
