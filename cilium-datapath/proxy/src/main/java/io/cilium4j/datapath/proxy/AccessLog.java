// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

/**
 * Told of each request once: when its response begins, or when it is refused. Called on an event
 * loop, so it must neither block nor throw.
 */
@FunctionalInterface
public interface AccessLog {
  /** A log that keeps nothing. */
  AccessLog NONE = _ -> {};

  /** Takes the record of a request. */
  void record(AccessRecord access);
}
