// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

/** What a policy decides of a packet. */
public enum Verdict {
  /** It goes on. */
  ALLOWED,
  /** It is dropped. */
  DENIED,
  /** It goes on through a proxy, which looks at the request inside. */
  REDIRECTED;

  /** Whether the packet may go on, through a proxy or not. */
  public boolean passes() {
    return this != DENIED;
  }
}
