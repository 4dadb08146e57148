// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.rest.RestConfig.Limits;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Who may be answered now. So many a second are taken, and of those so many are at work at a time;
 * the others wait a while, in the order in which they came. Who cannot be taken is told why.
 */
final class Admission {

  /** Refused because there are too many. */
  private static final int TOO_MANY = 429;

  private static final long NANOS_PER_SECOND = 1_000_000_000L;

  /** Streams at a time: each holds a thread and a connection for as long as its reader likes. */
  private static final int MAX_STREAMS = 32;

  private final Limits limits;
  private final LongSupplier nanoTime;
  private final Semaphore atWork;
  private final Semaphore streams = new Semaphore(MAX_STREAMS);

  /** Time in which requests could have come and did not, in nanoseconds; two seconds at most. */
  private long credit;

  private long creditAsOf;

  Admission(Limits limits, LongSupplier nanoTime) {
    this.limits = limits;
    this.nanoTime = nanoTime;
    this.atWork = new Semaphore(limits.parallel(), true);
    this.credit = 2 * NANOS_PER_SECOND;
    this.creditAsOf = nanoTime.getAsLong();
  }

  /** What has been taken; given back when it is over. */
  interface Ticket extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Takes a request, or waits for it to be its turn.
   *
   * @throws Refusal if there are too many
   */
  Ticket enter() throws InterruptedException {
    spend();
    if (!atWork.tryAcquire(limits.patience().admission().toMillis(), TimeUnit.MILLISECONDS)) {
      throw new Refusal(
          TOO_MANY,
          "too many requests: "
              + limits.parallel()
              + " are at work and none ended within "
              + limits.patience().admission().toSeconds()
              + " s; try again later");
    }
    return atWork::release;
  }

  /** Takes an answer that may go on for long; it does not count as one at work. */
  Ticket enterStream() {
    if (!streams.tryAcquire()) {
      throw new Refusal(TOO_MANY, "too many requests: " + MAX_STREAMS + " are being followed");
    }
    return streams::release;
  }

  /** Credit is kept as time: one request costs the time in which one may come. */
  private synchronized void spend() {
    long now = nanoTime.getAsLong();
    credit = Math.min(2 * NANOS_PER_SECOND, credit + now - creditAsOf);
    creditAsOf = now;
    long price = NANOS_PER_SECOND / limits.perSecond();
    if (credit < price) {
      throw new Refusal(
          TOO_MANY,
          "too many requests: more than " + limits.perSecond() + " a second; try again later");
    }
    credit -= price;
  }
}
