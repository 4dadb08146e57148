// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.state.RowStatus;
import io.cilium4j.policy.CompiledPolicy;
import java.util.Optional;

/**
 * How far an endpoint's policy is.
 *
 * @param compiled the newest one
 * @param status how far the datapath is with it; absent while it was told nothing
 * @param rulesRevision the revision of the rules that it follows from, whether they changed it or
 *     not
 * @param enforcement in which directions it decides
 */
public record PolicyProgress(
    CompiledPolicy compiled,
    Optional<RowStatus> status,
    long rulesRevision,
    EnforcementStatus enforcement) {

  /** Whether the datapath enforces it. */
  public boolean isEnforced() {
    return status.filter(RowStatus.Done.class::isInstance).isPresent();
  }
}
