// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.RuleOrigin;

/**
 * Two rules of which each is right and which cannot both hold: they send the same traffic to
 * different proxies, or ask for different authentication.
 *
 * @param first one of the rules
 * @param second the other; the same where a rule contradicts itself
 * @param what what they disagree about, one line
 */
public record PolicyConflict(RuleOrigin first, RuleOrigin second, String what) {

  /** What is wrong and where, one line. */
  @Override
  public String toString() {
    return first.equals(second) ? first + ": " + what : first + " and " + second + ": " + what;
  }
}
