// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import java.util.Locale;

/** When an endpoint's traffic is restricted. */
public enum EnforcementMode {
  /** A direction is restricted once a policy that selects the endpoint has rules for it. */
  DEFAULT,
  /** Always, also without a policy. */
  ALWAYS,
  /** Never. */
  NEVER;

  /** The text of the configuration, for example {@code default}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
