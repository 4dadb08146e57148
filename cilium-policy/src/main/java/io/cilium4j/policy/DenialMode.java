// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

/** What becomes of a packet that a policy denies. */
public enum DenialMode {
  /** It is dropped. */
  DROP,
  /** It goes on, and is reported as audited: a way to try policies out on live traffic. */
  AUDIT
}
