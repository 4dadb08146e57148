// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

/** Told of requests. Called on an event loop, so it must neither block nor throw. */
@FunctionalInterface
public interface AccessLog {
  /** A log that keeps nothing. */
  AccessLog NONE = _ -> {};

  /** Whether records are to have the request's headers, which cost a copy. */
  default boolean wantsHeaders() {
    return false;
  }

  /** What records do not tell. */
  default Redaction redaction() {
    return Redaction.CREDENTIALS;
  }

  /**
   * Takes a request that passes, before its server is asked: without status and latency. {@link
   * #record} follows, unless the client goes first.
   */
  default void passed(AccessRecord request) {
    // Most wait for what becomes of it.
  }

  /** Takes each request once: when its response begins, or when it is refused. */
  void record(AccessRecord access);
}
