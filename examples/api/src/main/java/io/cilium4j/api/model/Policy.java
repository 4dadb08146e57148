// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/**
 * Policy rules and their revision.
 *
 * @param policy the rules, as JSON text
 */
public record Policy(long revision, String policy) {
  public Policy {
    policy = Absent.text(policy);
  }
}
