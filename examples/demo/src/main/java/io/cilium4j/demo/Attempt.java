// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.demo.Script.Outcome;
import io.cilium4j.demo.Script.Pair;
import java.util.Optional;

/**
 * One attempt to reach a pod, and what came of it.
 *
 * @param pair who tried to reach whom
 * @param family over which family
 * @param source the address it came from
 * @param destination the address it went to
 * @param observed what came of it; absent for neither an answer nor silence
 * @param trouble what else it was, in words; empty for an outcome
 */
record Attempt(
    Pair pair,
    IpFamily family,
    IpAddress source,
    IpAddress destination,
    Optional<Outcome> observed,
    String trouble) {

  /** The outcome in words. */
  String shown() {
    return observed.map(Outcome::toString).orElse(trouble);
  }
}
