// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * The sending side of a call, for one thread that may wait: it sends no more than the client reads,
 * so that a slow client costs no memory.
 */
final class Outgoing<T> {

  /**
   * How long a sender waits before it looks whether the client has gone, which wakes it as well.
   */
  private static final Duration LOOK = Duration.ofSeconds(10);

  /** How much may be on its way to a client: some two hundred flows, so that it seldom waits. */
  private static final int MOST_BYTES = 128 * 1024;

  private final ServerCallStreamObserver<T> call;
  private final Semaphore woken = new Semaphore(0);

  /** To be made before the call's handler returns: handlers cannot be set later. */
  Outgoing(ServerCallStreamObserver<T> call) {
    this.call = call;
    call.setOnReadyThreshold(MOST_BYTES);
    call.setOnReadyHandler(woken::release);
    call.setOnCancelHandler(woken::release);
  }

  /** Whether the client has gone. */
  boolean isOver() {
    return call.isCancelled();
  }

  /** Sends, once the client has room; returns whether it is still there. */
  boolean send(T message) throws InterruptedException {
    while (!call.isReady() && !call.isCancelled()) {
      var _ = woken.tryAcquire(LOOK.toSeconds(), TimeUnit.SECONDS);
      woken.drainPermits();
    }
    if (call.isCancelled()) {
      return false;
    }
    call.onNext(message);
    return true;
  }

  /** Waits, but not for longer than the client is there. */
  void await(Duration time) throws InterruptedException {
    long end = System.nanoTime() + time.toNanos();
    for (long left = time.toNanos(); left > 0 && !isOver(); left = end - System.nanoTime()) {
      var _ = woken.tryAcquire(left, TimeUnit.NANOSECONDS);
    }
  }

  /** Ends the call well. */
  void end() {
    if (!call.isCancelled()) {
      call.onCompleted();
    }
  }
}
