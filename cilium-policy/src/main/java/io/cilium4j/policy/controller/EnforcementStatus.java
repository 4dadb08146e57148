// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.CompiledPolicy;
import java.util.Locale;

/** In which directions of an endpoint's traffic policy decides, and what becomes of a denial. */
public enum EnforcementStatus {
  NONE,
  INGRESS,
  EGRESS,
  BOTH,
  AUDIT_INGRESS,
  AUDIT_EGRESS,
  AUDIT_BOTH;

  /**
   * Of an endpoint with this policy.
   *
   * @param audited whether what its policy denies goes on all the same
   */
  public static EnforcementStatus of(CompiledPolicy policy, boolean audited) {
    boolean ingress = policy.isEnforced(TrafficDirection.INGRESS);
    boolean egress = policy.isEnforced(TrafficDirection.EGRESS);
    if (ingress && egress) {
      return audited ? AUDIT_BOTH : BOTH;
    }
    if (ingress) {
      return audited ? AUDIT_INGRESS : INGRESS;
    }
    return !egress ? NONE : audited ? AUDIT_EGRESS : EGRESS;
  }

  /** The API's text, for example {@code both}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
