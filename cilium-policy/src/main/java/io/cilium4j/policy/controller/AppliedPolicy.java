// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.ResourceKey;
import io.cilium4j.policy.PolicyResource;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What the agent made of a policy object.
 *
 * @param key which object
 * @param revision what to wait for until this version of the object is enforced
 * @param inForce the version whose rules count; absent while none could be accepted
 * @param problem why this version cannot be accepted, in one line; the last good version stays in
 *     force then
 * @param unmet the parts of the version in force that cannot be enforced as written, one line each;
 *     their deny rules deny more peers than they say, never fewer
 * @param conflicts which of its rules contradict another rule that selects the same endpoints, one
 *     line each; these endpoints are closed for as long as it lasts
 */
public record AppliedPolicy(
    ResourceKey key,
    PolicyRevision revision,
    Optional<PolicyResource> inForce,
    Optional<String> problem,
    List<String> unmet,
    List<String> conflicts) {
  public AppliedPolicy {
    unmet = List.copyOf(unmet);
    conflicts = List.copyOf(conflicts);
  }

  /** What is wrong with it, one line each. */
  public List<String> problems() {
    return Stream.concat(problem.stream(), unmet.stream()).toList();
  }

  /** This outcome with other conflicts. */
  AppliedPolicy withConflicts(List<String> others) {
    return new AppliedPolicy(key, revision, inForce, problem, unmet, others);
  }
}
