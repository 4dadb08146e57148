// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

/** What a policy decides of a packet. */
public enum Verdict {
  /** It goes on. */
  ALLOWED,
  /** It is dropped. */
  DENIED,
  /** It goes on through a proxy, which looks at the request inside. */
  REDIRECTED,
  /**
   * It would be dropped, but goes on and is reported: its endpoint is in audit mode. No entry of a
   * policy map says so; it is what such an endpoint makes of {@link #DENIED}.
   */
  AUDITED;

  /** Whether the packet may go on, through a proxy or not. */
  public boolean passes() {
    return this != DENIED;
  }
}
