// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import java.time.Duration;
import java.util.Objects;

/**
 * What the DNS proxy takes of its clients, and how long it waits.
 *
 * @param refusal how a name is refused that no rule allows
 * @param holdTime how long an answer waits at most until the policy knows its addresses; none is
 *     held for 0
 * @param serverTime until the server answers
 * @param questions most questions that wait for their answers
 * @param endpointQuestions most of them of one endpoint
 */
public record DnsLimits(
    Refusal refusal, Duration holdTime, Duration serverTime, int questions, int endpointQuestions) {

  /**
   * As Cilium has them, but for the number of questions, which it does not limit by default: each
   * takes about a kilobyte, and a socket of those that its endpoint has.
   */
  public static final DnsLimits DEFAULT =
      new DnsLimits(Refusal.REFUSED, Duration.ofMillis(100), Duration.ofSeconds(10), 16_384, 1_024);

  public DnsLimits {
    Objects.requireNonNull(refusal, "refusal");
    if (holdTime.isNegative() || serverTime.isNegative() || serverTime.isZero()) {
      throw new IllegalArgumentException("hold time " + holdTime + ", server time " + serverTime);
    }
    if (endpointQuestions < 1 || questions < endpointQuestions) {
      throw new IllegalArgumentException(
          "questions " + questions + ", of an endpoint " + endpointQuestions);
    }
  }

  /** How a name is refused. */
  public enum Refusal {
    /** The server will not say: resolvers ask another one, or give up. */
    REFUSED(DnsMessages.REFUSED),
    /** There is no such name: resolvers go on to the next domain of their search list. */
    NAME_ERROR(DnsMessages.NXDOMAIN);

    private final int rcode;

    Refusal(int rcode) {
      this.rcode = rcode;
    }

    int rcode() {
      return rcode;
    }
  }
}
