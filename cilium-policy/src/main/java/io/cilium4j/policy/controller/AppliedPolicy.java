// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.ResourceKey;
import io.cilium4j.policy.PolicyResource;
import java.util.List;
import java.util.Optional;

/**
 * What the agent made of a policy object.
 *
 * @param key which object
 * @param revision what to wait for until this version of the object is enforced
 * @param inForce the version whose rules count; absent while none could be accepted
 * @param problem why this version cannot be accepted, in one line; the last good version stays in
 *     force then
 * @param conflicts which of its rules contradict another rule that selects the same endpoints, one
 *     line each; these endpoints are closed for as long as it lasts
 */
public record AppliedPolicy(
    ResourceKey key,
    PolicyRevision revision,
    Optional<PolicyResource> inForce,
    Optional<String> problem,
    List<String> conflicts) {
  public AppliedPolicy {
    conflicts = List.copyOf(conflicts);
  }

  /** This outcome with other conflicts. */
  AppliedPolicy withConflicts(List<String> others) {
    return new AppliedPolicy(key, revision, inForce, problem, others);
  }
}
