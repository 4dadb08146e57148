// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Protocol;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.EnforcementMode;
import java.util.Locale;

/** Which directions of an endpoint's traffic policy restricts. */
public enum EnforcementStatus {
  NONE,
  INGRESS,
  EGRESS,
  BOTH;

  /** Asked of to find out whether a direction is restricted at all; any would do. */
  private static final int SOME_PORT = 1;

  /** Of endpoints with this policy under this mode. */
  public static EnforcementStatus of(CompiledPolicy policy, EnforcementMode mode) {
    boolean ingress = isRestricted(policy, mode, TrafficDirection.INGRESS);
    boolean egress = isRestricted(policy, mode, TrafficDirection.EGRESS);
    if (ingress && egress) {
      return BOTH;
    }
    return ingress ? INGRESS : egress ? EGRESS : NONE;
  }

  private static boolean isRestricted(
      CompiledPolicy policy, EnforcementMode mode, TrafficDirection direction) {
    return switch (mode) {
      case ALWAYS -> true;
      case NEVER -> false;
      case DEFAULT ->
          !policy
              .explain(direction, ReservedIdentity.UNMANAGED.id(), Protocol.TCP.number(), SOME_PORT)
              .restrictedBy()
              .isEmpty();
    };
  }

  /** The API's text, for example {@code both}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
