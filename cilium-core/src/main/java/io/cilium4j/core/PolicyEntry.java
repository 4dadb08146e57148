// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Objects;

/**
 * What a policy says of the packets of one {@link PolicyKey}.
 *
 * @param verdict allow, deny or redirect; never audited
 * @param precedence an unsigned 32-bit number; of two entries that hold for a packet the higher
 *     decides. It packs tier and priority above, the kind of verdict below: see {@link
 *     #precedence(int, int)}
 * @param listener the proxy's listener to which a redirect sends the packets: {@code http}, {@code
 *     dns} or {@code tls}, which every node has once it has a proxy, or one that a rule names;
 *     empty for an allow and a deny. Where a node does not have it, see {@link
 *     ProxyListeners#portOf}
 * @param auth the authentication that the flow needs
 * @param cookie the rule that wrote the entry, as {@link RuleOrigin} numbers it; 0 for a
 *     synthesised one
 */
public record PolicyEntry(Verdict verdict, int precedence, String listener, Auth auth, int cookie) {

  /** Authentication that a flow needs, and whether a rule asked for it by name. */
  public enum Auth {
    NONE(0),
    /** Derived from a broader rule: needs SPIRE. */
    DERIVED_REQUIRED(1),
    DERIVED_ALWAYS_FAIL(2),
    /** A rule says that none is needed. */
    DISABLED(0x80),
    REQUIRED(0x81),
    ALWAYS_FAIL(0x82);

    private final int code;

    Auth(int code) {
      this.code = code;
    }

    /** Bits 0 to 6 the type, bit 7 whether it was asked for by name. */
    public int code() {
      return code;
    }

    /** The type without the "by name" bit. */
    public int type() {
      return code & 0x7f;
    }

    /** Whether a rule asked for it by name. */
    public boolean isExplicit() {
      return code >= 0x80;
    }
  }

  /** The lowest byte of a deny's precedence: a deny wins over every other verdict of its level. */
  public static final int DENY_BYTE = 255;

  /** The lowest byte of a plain allow's precedence. */
  public static final int ALLOW_BYTE = 1;

  /** Largest priority number, which is the weakest: 24 bits. */
  public static final int MAX_PRIORITY = (1 << 24) - 1;

  public PolicyEntry {
    Objects.requireNonNull(verdict, "verdict");
    Objects.requireNonNull(auth, "auth");
    if (verdict == Verdict.AUDITED) {
      throw new IllegalArgumentException(
          "audited is not what a policy says, but what is made of it");
    }
    if (listener.isEmpty() == (verdict == Verdict.REDIRECTED)) {
      throw new IllegalArgumentException(
          "listener \"" + listener + "\" of verdict " + verdict + ": a redirect alone has one");
    }
  }

  /** A plain allow at the strongest priority. */
  public static PolicyEntry allow(int cookie) {
    return new PolicyEntry(Verdict.ALLOWED, precedence(0, ALLOW_BYTE), "", Auth.NONE, cookie);
  }

  /** A deny at the strongest priority. */
  public static PolicyEntry deny(int cookie) {
    return new PolicyEntry(Verdict.DENIED, precedence(0, DENY_BYTE), "", Auth.NONE, cookie);
  }

  /** This entry with another authentication. */
  public PolicyEntry withAuth(Auth other) {
    return new PolicyEntry(verdict, precedence, listener, other, cookie);
  }

  /**
   * The precedence of a priority and the kind of verdict.
   *
   * @param priority 0 (strongest) to {@link #MAX_PRIORITY}
   * @param kind 0 to 255; a deny's is the highest, so that at one priority a deny wins
   */
  public static int precedence(int priority, int kind) {
    if (priority < 0 || priority > MAX_PRIORITY || kind < 0 || kind > 255) {
      throw new IllegalArgumentException("priority " + priority + ", kind " + kind);
    }
    return ((MAX_PRIORITY - priority) << 8) | kind;
  }

  public boolean isDeny() {
    return verdict == Verdict.DENIED;
  }
}
